//! Secured connections through a real proxy.

use etcd_v2_client::Outcome;
use etcd_v2_client::keys::{Get, Set};
use etcd_v2_client::proto::proxy::Proxies;
use xtask::server::Proxy;

use super::proxies;
use super::servers;
use super::space::Space;

both! {
    quiet:
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
fn secured() -> (String, String) {
    let server = servers::quiet().remove(0);
    (server.replace("http://", "https://"), server.replace("http://", ""))
}

/// Whether the server hangs up or answers something else.
const NO_TLS: &str = "speak TLS on this port";

fn a_tunnel_leads_to_the_server(space: &Space) {
    let proxy = Proxy::start().unwrap();
    let (endpoint, target) = secured();
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
    let (endpoint, _) = secured();
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
    let (endpoint, target) = secured();
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
