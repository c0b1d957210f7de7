//! Requests as commands for a shell, which are really run through one.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

mod secrets;
mod shell;

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::http::{HeaderValue, Request as HttpRequest};
use etcd_v2_proto::keys::{Delete, Get, Push, Set};
use etcd_v2_proto::{
    Action, Cluster, Conversation, Curl, Exchange, Policy, Request, auth, members,
};
use proptest::collection::vec;
use proptest::prelude::{any, proptest};

use shell::run;

const FORM: &str = "application/x-www-form-urlencoded";

/// The request as it is sent to this endpoint.
fn sent(endpoint: &str, request: impl Request) -> HttpRequest<Bytes> {
    let (policy, now) = (Arc::new(Policy::default()), Duration::ZERO);
    let route = Cluster::parse([endpoint]).unwrap().route();
    let mut exchange = Exchange::new(request, route, policy, 1, now);
    match exchange.poll(now) {
        Action::Send { request, .. } => request,
        _ => panic!("not sending"),
    }
}

fn with_body(body: &[u8]) -> HttpRequest<Bytes> {
    HttpRequest::put("http://host:1/a")
        .header("Content-Type", FORM)
        .body(body.to_vec().into())
        .unwrap()
}

#[test]
fn commands_read_well() {
    let host = "http://10.0.0.1:2379";
    let form = format!("-H 'Content-Type: {FORM}'");
    let rows = [
        (sent(host, Get::new("/foo")), "curl -X GET http://10.0.0.1:2379/v2/keys/foo".to_owned()),
        (
            sent(host, Get::new("/foo").quorum()),
            "curl -X GET 'http://10.0.0.1:2379/v2/keys/foo?quorum=true'".to_owned(),
        ),
        (
            sent(host, Set::new("/a b", "x \"y\"\n é").if_value("q")),
            format!(
                "curl -X PUT http://10.0.0.1:2379/v2/keys/a%20b {form} \
                 --data-raw 'prevValue=q&value=x+%22y%22%0A+%C3%A9'"
            ),
        ),
        (
            sent(host, members::Add::new(["http://10.0.0.1:2380"])),
            "curl -X POST http://10.0.0.1:2379/v2/members -H 'Content-Type: application/json' \
             --data-raw '{\"peerURLs\":[\"http://10.0.0.1:2380\"]}'"
                .to_owned(),
        ),
        (
            sent("http://root:hunter2@10.0.0.1:2379", Get::new("/foo")),
            "curl -X GET http://10.0.0.1:2379/v2/keys/foo -u root".to_owned(),
        ),
    ];
    for (request, expected) in rows {
        assert_eq!(Curl::new(&request).to_string(), expected);
    }
}

#[test]
fn bodies_arrive_as_they_are() {
    let long = "long 'quoted' % \\ line\n".repeat(8_000);
    let bodies: [&[u8]; 27] = [
        b"",
        b"plain",
        b"it's",
        b"'",
        b"''",
        b"\"$HOME\" `id` $(id) ${x} \\",
        b"a\nb\n\n",
        b"\n",
        b"\ttab\tand  spaces ",
        b"!! !x echo !$",
        b"-x --data-raw",
        b"-",
        b"@/etc/passwd",
        b"*?[a-z]{1,2}~",
        b"# ; & | < > ( )",
        b"\r\n\x1b[31mred\x07\x7f",
        "\u{9b}31m".as_bytes(),
        "é 中 🦀 \u{202e}".as_bytes(),
        b"\xff\xfe\x80 half \xe4\xb8",
        b"zero\0byte",
        b"\0",
        b"-\0",
        b"%\0%%s\\n\\0 '\0'",
        b"\0\xff1\n7\n",
        b"\n\0\n",
        b"{\"a\":[\"b\"]}",
        long.as_bytes(),
    ];
    let requests = bodies.map(with_body);
    let commands = requests.each_ref().map(|request| Curl::new(request).to_string());
    for (command, (run, body)) in commands.iter().zip(run("bodies", &commands).iter().zip(bodies)) {
        assert_eq!(run.body(), body, "{command}");
        assert!(!command.contains(|c: char| c.is_control() && c != '\n' && c != '\t'), "{command}");
    }
}

#[test]
fn methods_and_addresses_arrive_as_they_are() {
    let rows = [
        ("GET", "http://host:1/v2/keys/a?recursive=true&sorted=true", ""),
        ("DELETE", "https://host/v2/keys/a?prevValue=it%27s'%20!$x", ""),
        ("O'DD", "http://host/", ""),
        ("GET", "http://[::1]:2379/v2/keys/", "--globoff"),
        ("GET", "http://host/{a,b}", "--globoff"),
        ("GET", "http://host/a/../b", "--path-as-is"),
        ("GET", "http://host/a/%2e%2E", "--path-as-is"),
    ];
    let request = |(method, uri, _)| {
        HttpRequest::builder().method(method).uri(uri).body(Bytes::new()).unwrap()
    };
    let requests = rows.map(request);
    let commands = requests.each_ref().map(|request| Curl::new(request).to_string());
    for (run, (method, uri, option)) in run("methods", &commands).iter().zip(rows) {
        assert_eq!(run.after("-X"), Some(method.as_bytes()));
        assert_eq!(run.arguments.last().unwrap(), uri.as_bytes());
        assert_eq!(run.arguments.len(), if option.is_empty() { 3 } else { 4 });
        assert!(option.is_empty() || run.arguments[2] == option.as_bytes());
    }
}

#[test]
fn a_body_is_announced_as_the_request_announces_it() {
    let request = |method, content_type: Option<&str>| {
        let mut request = HttpRequest::builder().method(method).uri("http://host/a");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        Curl::new(&request.body(Bytes::new()).unwrap()).to_string()
    };
    assert_eq!(request("DELETE", None), "curl -X DELETE http://host/a");
    assert_eq!(request("HEAD", None), "curl --head http://host/a");
    for method in ["PUT", "POST", "PATCH"] {
        let expected = format!("curl -X {method} http://host/a -H Content-Type: --data-raw ''");
        assert_eq!(request(method, None), expected);
    }
    let expected = "curl -X DELETE http://host/a -H 'Content-Type: text/plain' --data-raw ''";
    assert_eq!(request("DELETE", Some("text/plain")), expected);
}

#[test]
fn only_headers_that_curl_makes_itself_are_left_out() {
    let own = sent("http://host:1", Delete::new("/a"));
    assert!(!Curl::new(&own).to_string().contains("-H Host"));
    let request = HttpRequest::get("http://host:1/a")
        .header("Host", "other")
        .header("User-Agent", "somebody else")
        .header("X-Empty", "")
        .header("X-Twice", "it's")
        .header("X-Twice", HeaderValue::from_bytes(b"\xe9\t!").unwrap())
        .body(Bytes::new())
        .unwrap();
    let run = &run("headers", &[Curl::new(&request).to_string()])[0];
    let expected: [&[u8]; 5] = [
        b"Host: other",
        b"User-Agent: somebody else",
        b"X-Empty;",
        b"X-Twice: it's",
        b"X-Twice: \xe9\t!",
    ];
    assert_eq!(run.headers(), expected);
}

#[test]
fn requests_of_the_core_arrive_as_they_are() {
    let host = "http://host:1/base";
    let requests = [
        sent(host, Get::new("/it's/$HOME/!x/é").recursive()),
        sent(host, Set::new("/a", "'\"\n$!-é").ttl(Duration::from_secs(5))),
        sent(host, Set::new("/a", "")),
        sent(host, Set::mkdir("/a")),
        sent(host, Push::new("/q", "-v")),
        sent(host, Delete::new("/a").if_value("it's")),
        sent(host, auth::Enable::default()),
        sent(host, members::Add::new(["http://é:2380"])),
    ];
    let commands = requests.each_ref().map(|request| Curl::new(request).to_string());
    for (run, request) in run("core", &commands).iter().zip(&requests) {
        assert_eq!(run.after("-X"), Some(request.method().as_str().as_bytes()));
        assert_eq!(run.body(), &request.body()[..]);
        assert!(run.arguments.contains(&request.uri().to_string().into_bytes()), "{run:?}");
        let typed = request.headers().get("content-type");
        let expected = typed.map(|own| [b"Content-Type: ", own.as_bytes()].concat());
        let header = run.headers().into_iter().find(|own| own.starts_with(b"Content-Type: "));
        assert_eq!(header, expected.as_deref());
    }
}

proptest! {
    #![proptest_config(crate::properties::cases(12))]

    #[test]
    fn anything_at_all_arrives_as_it_is(bodies in vec(vec(any::<u8>(), 0..40), 16), texts in vec(".{0,20}", 16)) {
        let bodies: Vec<_> = bodies.into_iter().chain(texts.into_iter().map(String::into_bytes)).collect();
        let requests: Vec<_> = bodies.iter().map(|body| with_body(body)).collect();
        let commands: Vec<_> = requests.iter().map(|request| Curl::new(request).to_string()).collect();
        for (run, body) in run("anything", &commands).iter().zip(&bodies) {
            assert_eq!(run.body(), body);
        }
    }
}
