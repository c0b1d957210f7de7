//! Both clients on real servers behind a real proxy, whose log says what went through it.

use std::env;
use std::process::Command;
use std::sync::Arc;

use etcd_v2_client::keys::{Delete, Get, Push, Set, Wait};
use etcd_v2_client::proto::proxy::Proxies;
use etcd_v2_client::{Error, ErrorKind, Order, Outcome};
use xtask::server::Proxy;

use super::servers;
use super::space::{Client, Space};

both! {
    quiet:
    requests_go_through_the_proxy,
    watches_go_through_the_proxy,
    a_watch_says_that_its_proxy_is_gone,
    exempt_endpoints_are_asked_directly,
    one_call_switches_a_proxy_off,
    the_environment_names_the_proxy,
    a_login_for_the_proxy_is_not_one_for_etcd,
    a_proxy_that_wants_a_login_is_told_from_etcd,
    a_proxy_that_denies_is_told_from_etcd,
    a_proxy_that_is_gone_is_named,
    a_server_that_is_gone_behind_a_proxy_is_no_riddle,
}

/// A client like that of the space, which asks these endpoints through the proxies.
pub(super) fn client<U: AsRef<str>>(
    space: &Space,
    endpoints: impl IntoIterator<Item = U>,
    proxies: Proxies,
) -> Client {
    let client = match &space.client {
        #[cfg(feature = "hyper")]
        Client::Async(_) => {
            let transport = etcd_v2_client::hyper::HyperTransport::builder().proxies(proxies);
            let builder = etcd_v2_client::Client::builder().transport(Arc::new(transport.build()));
            Client::Async(builder.endpoints(endpoints).order(Order::AsGiven).build().unwrap())
        }
        #[cfg(feature = "ureq")]
        Client::Blocking(_) => {
            let transport = etcd_v2_client::ureq::UreqTransport::builder().proxies(proxies);
            let builder = etcd_v2_client::blocking::Client::builder();
            let builder = builder.transport(Arc::new(transport.build()));
            Client::Blocking(builder.endpoints(endpoints).order(Order::AsGiven).build().unwrap())
        }
    };
    // One who asks again because this machine is busy would be noted twice.
    client.patient()
}

/// A client of the shared server, with this URL for the proxy of all requests.
fn through(space: &Space, proxy: &str) -> Client {
    client(space, servers::quiet(), Proxies::all(proxy).unwrap())
}

/// What a proxy was asked for, without the server and the version of HTTP.
fn asked(proxy: &Proxy, endpoint: &str) -> Vec<String> {
    let lines = proxy.requests().unwrap();
    lines
        .iter()
        .map(|line| line.replace(endpoint, "").trim_end_matches(" HTTP/1.1").to_owned())
        .collect()
}

fn requests_go_through_the_proxy(space: &Space) {
    let proxy = Proxy::start().unwrap();
    let client = through(space, &proxy.url());
    let (file, queue) = (space.at("file"), space.at("queue"));
    client.keys().send(Set::new(&file, "1")).unwrap();
    assert_eq!(client.keys().send(Get::new(&file)).unwrap().value(), Some("1"));
    let pushed = client.keys().send(Push::new(&queue, "2")).unwrap();
    client.keys().send(Delete::new(pushed.key().unwrap())).unwrap();
    assert!(client.keys().send(Get::new(space.at("none"))).unwrap_err().is_key_not_found());

    assert_eq!(space.get("file").unwrap().value(), Some("1"), "the server has it");
    let expected = [
        format!("PUT /v2/keys{file}"),
        format!("GET /v2/keys{file}"),
        format!("POST /v2/keys{queue}"),
        format!("DELETE /v2/keys{}", pushed.key().unwrap()),
        format!("GET /v2/keys{}", space.at("none")),
    ];
    assert_eq!(asked(&proxy, &servers::quiet()[0]), expected);
}

fn watches_go_through_the_proxy(space: &Space) {
    let proxy = Proxy::start().unwrap();
    let start = space.set("start", "0").unwrap();
    let wait = Wait::new(space.at("")).recursive().after(start.index().unwrap());
    let mut watch = through(space, &proxy.url()).keys().watch(wait);
    for value in ["1", "2", "3"] {
        let set = space.set("file", value).unwrap();
        assert_eq!(watch.change().node(), set.node());
    }
    let lines = asked(&proxy, &servers::quiet()[0]);
    assert!(lines.len() >= 3, "{lines:?}");
    let begin = format!("GET /v2/keys{}?", space.at(""));
    for line in &lines {
        assert!(line.starts_with(&begin) && line.contains("wait=true"), "{line}");
    }
}

fn a_watch_says_that_its_proxy_is_gone(space: &Space) {
    let proxy = Proxy::start().unwrap();
    let url = proxy.url();
    let start = space.set("start", "0").unwrap();
    let mut watch = through(space, &url)
        .with(|policy| policy.passes = Some(1))
        .keys()
        .watch(Wait::new(space.at("file")).after(start.index().unwrap()));
    space.set("file", "1").unwrap();
    assert_eq!(watch.change().value(), Some("1"));
    drop(proxy);
    let error = watch.next().unwrap().unwrap_err();
    assert!(error.detail().to_string().contains(&url), "{}", error.detail());
    assert_eq!(error.outcome(), Outcome::NotSent);
}

/// A proxy that alone knows where `etcd.test` is: nobody gets there without it.
fn proxy_of_etcd_test() -> Proxy {
    let server = servers::quiet().remove(0).replace("http://", "");
    Proxy::start_with(&[&format!("upstream http {server} \"etcd.test\"")]).unwrap()
}

const ELSEWHERE: &str = "http://etcd.test:2379";

fn from_variables(variables: [(&str, &str); 2]) -> Proxies {
    Proxies::from_vars(|name| {
        let found = variables.iter().find(|(wanted, _)| *wanted == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn exempt_endpoints_are_asked_directly(space: &Space) {
    let proxy = Proxy::start().unwrap();
    space.set("file", "1").unwrap();
    let get = || Get::new(space.at("file"));
    let all = || Proxies::all(&proxy.url()).unwrap();
    let server = servers::quiet().remove(0);
    let port = server.rsplit(':').next().unwrap();
    for proxies in [
        // This machine always is, as far as the environment goes.
        from_variables([("http_proxy", &proxy.url()), ("https_proxy", &proxy.url())]),
        all().except("127.0.0.1"),
        all().except(&format!("etcd.test,127.0.0.1:{port}")),
        all().except("127.0.0.0/8"),
        all().except("*"),
    ] {
        let client = client(space, [&server], proxies);
        assert_eq!(client.keys().send(get()).unwrap().value(), Some("1"));
    }
    assert_eq!(proxy.requests().unwrap(), Vec::<String>::new());
    let client = client(space, [&server], all().except("127.0.0.1:1,etcd.test"));
    client.keys().send(get()).unwrap();
    assert_eq!(proxy.requests().unwrap().len(), 1);
}

fn one_call_switches_a_proxy_off(space: &Space) {
    let proxy = Proxy::start().unwrap();
    space.set("file", "1").unwrap();
    let proxies = Proxies::all(&proxy.url()).unwrap();
    let client = match &space.client {
        #[cfg(feature = "hyper")]
        Client::Async(_) => {
            let transport = etcd_v2_client::hyper::HyperTransport::builder().proxies(proxies);
            let transport = Arc::new(transport.no_proxy().build());
            let client = etcd_v2_client::Client::with_transport(servers::quiet(), transport);
            Client::Async(client.unwrap())
        }
        #[cfg(feature = "ureq")]
        Client::Blocking(_) => {
            let transport = etcd_v2_client::ureq::UreqTransport::builder().proxies(proxies);
            let transport = Arc::new(transport.no_proxy().build());
            let client =
                etcd_v2_client::blocking::Client::with_transport(servers::quiet(), transport);
            Client::Blocking(client.unwrap())
        }
    };
    assert_eq!(client.keys().send(Get::new(space.at("file"))).unwrap().value(), Some("1"));
    assert_eq!(proxy.requests().unwrap(), Vec::<String>::new());
}

/// The test runs itself, in processes with an environment of their own.
fn the_environment_names_the_proxy(space: &Space) {
    const KEY: &str = "ETCD_V2_TEST_KEY";
    if let Ok(key) = env::var(KEY) {
        let client = space.client.at([ELSEWHERE]).with(|policy| {
            policy.read_head = policy.write_head.map(Into::into);
            policy.passes = Some(1);
        });
        let said = match client.send(Get::new(key)) {
            Ok(change) => format!("{:?}", change.value()),
            Err(error) => format!("{:?}", error.outcome()),
        };
        println!("the answer is {said}.");
        return;
    }
    let proxy = proxy_of_etcd_test();
    space.set("file", "kept").unwrap();
    let test = std::thread::current().name().unwrap().to_owned();
    let answer = |variables: &[(&str, &str)]| {
        let mut child = Command::new(env::current_exe().unwrap());
        for name in ["http_proxy", "https_proxy", "no_proxy"] {
            child.env_remove(name).env_remove(name.to_uppercase());
        }
        child.args(["--exact", &test, "--nocapture"]).env(KEY, space.at("file"));
        let output = child.envs(variables.iter().copied()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let answer = said.split_once("the answer is ").and_then(|(_, rest)| rest.split_once('.'));
        answer.unwrap_or_else(|| panic!("{output:?}")).0.to_owned()
    };

    assert_eq!(answer(&[]), "NotSent", "there is no such host");
    assert_eq!(answer(&[("https_proxy", &proxy.url())]), "NotSent", "that is for https");
    for exempt in ["etcd.test", ".test", "*"] {
        assert_eq!(answer(&[("http_proxy", &proxy.url()), ("no_proxy", exempt)]), "NotSent");
    }
    assert_eq!(proxy.requests().unwrap(), Vec::<String>::new());
    for name in ["http_proxy", "HTTP_PROXY"] {
        assert_eq!(answer(&[(name, &proxy.address())]), "Some(\"kept\")", "{name}");
    }
    let line = format!("GET /v2/keys{}", space.at("file"));
    assert_eq!(asked(&proxy, ELSEWHERE), [line.clone(), line]);
}

fn a_login_for_the_proxy_is_not_one_for_etcd(space: &Space) {
    let proxy = Proxy::start_with(&["BasicAuth me secret"]).unwrap();
    let client = through(space, &format!("http://me:secret@{}", proxy.address()));
    client.keys().send(Set::new(space.at("file"), "1")).unwrap();
    assert_eq!(client.keys().send(Get::new(space.at("file"))).unwrap().value(), Some("1"));
    assert_eq!(asked(&proxy, &servers::quiet()[0]).len(), 2);
    let log = proxy.log().unwrap();
    assert!(!log.contains("secret"), "{log}");
}

/// What is said of a write that the proxy does not let through, which must not get there.
fn refused(space: &Space, client: &Client) -> Error {
    let error = client.keys().send(Set::new(space.at("file"), "1")).unwrap_err();
    assert_eq!(error.outcome(), Outcome::Rejected, "{error}");
    assert!(!error.may_have_applied());
    assert!(space.get("file").unwrap_err().is_key_not_found());
    error
}

fn a_proxy_that_wants_a_login_is_told_from_etcd(space: &Space) {
    let proxy = Proxy::start_with(&["BasicAuth me secret"]).unwrap();
    for (login, status) in [
        ("", "407 Proxy Authentication Required"),
        // As tinyproxy has it.
        ("me:guess@", "401 Unauthorized"),
        ("you:secret@", "401 Unauthorized"),
    ] {
        let client = through(space, &format!("http://{login}{}", proxy.address()));
        let error = refused(space, &client);
        assert!(matches!(error.kind(), ErrorKind::Unexpected(_)), "{error}");
        let text = error.detail().to_string();
        assert!(text.contains(status) && !text.contains("guess"), "{text}");
    }
}

fn a_proxy_that_denies_is_told_from_etcd(space: &Space) {
    let proxy = Proxy::start_with(&["Deny 127.0.0.1"]).unwrap();
    let error = refused(space, &through(space, &proxy.url()));
    assert!(matches!(error.kind(), ErrorKind::Unexpected(it) if it.status == 403), "{error}");
    let text = error.to_string();
    assert!(text.contains("403") && text.contains("Access denied"), "{text}");
}

fn a_proxy_that_is_gone_is_named(space: &Space) {
    let url = Proxy::start().unwrap().url();
    let client = through(space, &url).with(|policy| policy.passes = Some(1));
    for error in [
        client.keys().send(Set::new(space.at("file"), "1")).unwrap_err(),
        client.keys().send(Get::new(space.at("file"))).unwrap_err(),
    ] {
        assert_eq!(error.outcome(), Outcome::NotSent);
        let detail = error.detail().to_string();
        let expected = format!("cannot connect to the proxy {url}: Connection refused");
        assert!(detail.contains(&expected), "{detail}");
    }
}

fn a_server_that_is_gone_behind_a_proxy_is_no_riddle(space: &Space) {
    let proxy = Proxy::start().unwrap();
    space.set("file", "1").unwrap();
    let nobody = "http://127.0.0.1:1";
    let server = servers::quiet().remove(0);
    let client = || client(space, [nobody, &server], Proxies::all(&proxy.url()).unwrap());
    // The next endpoint answers.
    assert_eq!(client().keys().send(Get::new(space.at("file"))).unwrap().value(), Some("1"));

    // A proxy's word that a write went nowhere is no promise.
    let error = client().keys().send(Set::new(space.at("file"), "2")).unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    let text = error.to_string();
    assert!(text.contains("Unable to connect"), "{text}");
    assert_eq!(space.get("file").unwrap().value(), Some("1"));
    assert_eq!(proxy.requests().unwrap().len(), 3);
}
