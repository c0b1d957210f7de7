//! Secured connections through a real proxy.

use etcd_v2_client::keys::{Get, Set};
use etcd_v2_client::proto::proxy::Proxies;
use etcd_v2_client::{Order, Outcome};
use xtask::server::Proxy;

use super::space::{Client, Space};
use super::{proxies, secured, servers};

both! {
    quiet:
    etcd_is_reached_through_a_tunnel,
    a_tunnel_leads_to_the_server,
    a_tunnel_may_take_a_login,
    refused_tunnels_are_explained,
}

/// What is said of a write to an endpoint that is asked through this proxy. As there is no tunnel, or
/// nobody at its end who speaks TLS, it was certainly not sent.
fn failure(space: &Space, endpoint: &str, proxy: &str) -> String {
    let proxies = Proxies::all(proxy).unwrap();
    let client = proxies::client(space, [endpoint], proxies);
    let error = client.keys().send(Set::new(space.at("file"), "1")).unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent, "{error}");
    error.detail().to_string()
}

/// The shared server, as if it were a secured one, and its host and port.
fn as_if_secured() -> (String, String) {
    let server = servers::quiet().remove(0);
    (server.replace("http://", "https://"), server.replace("http://", ""))
}

/// Whether the server hangs up or answers something else.
const NO_TLS: &str = "speak TLS on this port";

/// A client of a server that wants certificates, which is asked through this proxy.
fn admitted(space: &Space, proxies: Proxies) -> Client {
    let (urls, tls) = (secured::mutual(), secured::admitted());
    match &space.client {
        #[cfg(feature = "hyper")]
        Client::Async(_) => {
            let builder = etcd_v2_client::Client::builder().endpoints(urls).order(Order::AsGiven);
            Client::Async(builder.tls(tls).proxies(proxies).build().unwrap())
        }
        #[cfg(feature = "ureq")]
        Client::Blocking(_) => {
            let builder =
                etcd_v2_client::blocking::Client::builder().endpoints(urls).order(Order::AsGiven);
            Client::Blocking(builder.tls(tls).proxies(proxies).build().unwrap())
        }
    }
}

fn etcd_is_reached_through_a_tunnel(space: &Space) {
    let proxy = Proxy::start().unwrap();
    let client = admitted(space, Proxies::all(&proxy.url()).unwrap()).patient();
    let keys = client.keys();
    keys.send(Set::new(space.at("file"), "through")).unwrap();
    assert_eq!(keys.send(Get::new(space.at("file"))).unwrap().value(), Some("through"));
    let target = secured::mutual().remove(0).replace("https://", "");
    let lines = proxy.requests().unwrap();
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|line| *line == format!("CONNECT {target} HTTP/1.1")), "{lines:?}");
}

fn a_tunnel_leads_to_the_server(space: &Space) {
    let proxy = Proxy::start().unwrap();
    let (endpoint, target) = as_if_secured();
    // The shared server gives itself away by its answer to the handshake.
    let text = failure(space, &endpoint, &proxy.url());
    assert!(text.contains(NO_TLS), "{text}");
    let lines = proxy.requests().unwrap();
    assert_eq!(lines, [format!("CONNECT {target} HTTP/1.1")]);
    let log = proxy.log().unwrap();
    assert!(log.contains("Established connection to host \"127.0.0.1\""), "{log}");
}

fn a_tunnel_may_take_a_login(space: &Space) {
    let proxy = Proxy::start_with(&["BasicAuth me secret"]).unwrap();
    let (endpoint, _) = as_if_secured();
    let url = proxy.url();
    for (login, expected) in [
        ("", format!("the proxy {url} wants a user name and a password (407)")),
        (
            "me:guess@",
            format!("the proxy {url} does not accept the user name and password in its URL (401)"),
        ),
        ("me:secret@", NO_TLS.to_owned()),
    ] {
        let text = failure(space, &endpoint, &format!("http://{login}{}", proxy.address()));
        assert!(text.contains(&expected), "{text}");
        assert!(!text.contains("guess") && !text.contains("secret"), "{text}");
    }
}

fn refused_tunnels_are_explained(space: &Space) {
    let proxy = Proxy::start_with(&["ConnectPort 1", "ConnectPort 443"]).unwrap();
    let (endpoint, target) = as_if_secured();
    let url = proxy.url();
    let text = failure(space, &endpoint, &url);
    let expected = format!("the proxy {url} refuses to connect to {target} (403 Forbidden)");
    assert!(text.contains(&expected), "{text}");
    let text = failure(space, "https://127.0.0.1:1", &url);
    let expected = format!("the proxy {url} cannot connect to 127.0.0.1:1 (500");
    assert!(text.contains(&expected), "{text}");

    // The other kind of request is not affected.
    let plain = proxies::client(space, servers::quiet(), Proxies::all(&url).unwrap());
    assert!(plain.keys().send(Get::new(space.at("none"))).unwrap_err().is_key_not_found());
}
