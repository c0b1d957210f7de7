//! The configuration of ureq, where it is up to the caller.

use std::time::{Duration, Instant};

use etcd_v2_proto::{BlockingTransport, Cause, Interrupt, Stage, Timing};
use transport_ureq::UreqTransport;
use transport_ureq::ureq::config::{ConfigBuilder, IpFamily};
use transport_ureq::ureq::typestate::AgentScope;

use crate::server::Server;
use crate::{PATIENCE, ask, failure, get, put};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const SHORT: Duration = Duration::from_millis(60);

type Config = ConfigBuilder<AgentScope>;

fn with(adjust: impl Fn(Config) -> Config + Send + Sync + 'static) -> UreqTransport {
    UreqTransport::builder().ureq_config(adjust).build()
}

#[test]
fn headers_of_its_own_are_up_to_the_caller() {
    let server = Server::answering(OK);
    ask(&with(|config| config.user_agent("inventory/1.0")), get(&server.url("/"))).unwrap();
    ask(&UreqTransport::new(), get(&server.url("/"))).unwrap();
    let texts = server.texts();
    assert!(texts[0].to_lowercase().contains("\r\nuser-agent: inventory/1.0\r\n"), "{texts:?}");
    assert!(!texts[1].to_lowercase().contains("user-agent"), "{texts:?}");
}

#[test]
fn sizes_are_up_to_the_caller() {
    let server = Server::start(|mut peer| {
        while peer.request().is_some() {
            peer.say(format!(
                "HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n",
                "x".repeat(500)
            ));
        }
    });
    let narrow = with(|config| config.max_response_header_size(100).max_idle_connections(0));
    assert_eq!(failure(&narrow, get(&server.url("/"))).stage(), Stage::AfterSend);
    let forgetful = with(|config| config.max_idle_connections(0));
    for _ in 0..2 {
        ask(&forgetful, get(&server.url("/"))).unwrap();
    }
    assert_eq!(server.accepted(), 3);
}

#[test]
fn families_of_addresses_are_up_to_the_caller() {
    let server = Server::answering(OK);
    let url = format!("http://localhost:{}/", server.address().port());
    let only = |family| with(move |config| config.ip_family(family));
    assert_eq!(ask(&only(IpFamily::Ipv4Only), get(&url)).unwrap().1, "ok");
    assert_eq!(failure(&only(IpFamily::Ipv6Only), get(&url)).stage(), Stage::BeforeSend);
}

#[test]
fn limits_of_ureq_hold_in_addition() {
    let server = Server::start(|mut peer| while !peer.sees_close() {});
    for (transport, timing) in [
        (with(|config| config.timeout_recv_response(Some(SHORT))), Timing::default()),
        (with(|config| config.timeout_global(Some(SHORT))), Timing::default()),
        (with(|config| config.timeout_per_read(Some(SHORT))), Timing::default()),
        (with(|config| config.timeout_global(Some(PATIENCE))), Timing::new(None, Some(SHORT))),
    ] {
        let began = Instant::now();
        let result = transport.send(put(&server.url("/"), "v"), timing, &Interrupt::never());
        let failure = result.err().unwrap();
        assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::TimedOut));
        assert!((SHORT..PATIENCE / 2).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}

#[test]
fn limits_of_ureq_that_ran_out_beforehand_are_before_sending() {
    let transport = with(|config| config.timeout_global(Some(Duration::ZERO)));
    let server = Server::answering(OK);
    let failure = failure(&transport, put(&server.url("/"), "v"));
    assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, Cause::TimedOut));
}

#[test]
fn what_the_core_relies_on_is_not_up_to_the_caller() {
    let server = Server::start(|mut peer| {
        while let Some(request) = peer.request() {
            assert!(!request.to_lowercase().contains("accept-encoding"), "{request}");
            let status = if request.starts_with("GET") { "307 Away" } else { "500 No" };
            peer.say(format!("HTTP/1.1 {status}\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"));
        }
    });
    let transport = with(|config| {
        config
            .max_redirects(5)
            .max_redirects_will_error(true)
            .http_status_as_error(true)
            .allow_non_standard_methods(false)
            .accept_encoding("gzip")
    });
    assert_eq!(ask(&transport, get(&server.url("/"))).unwrap().0, 307);
    assert_eq!(ask(&transport, put(&server.url("/"), "v")).unwrap().0, 500);
    assert_eq!(ask(&transport, crate::request("QGET", &server.url("/"), "")).unwrap().0, 500);
}

#[test]
fn settings_can_be_used_twice_and_show_no_function() {
    let builder = UreqTransport::builder().ureq_config(|config| config.user_agent("x"));
    let server = Server::answering(OK);
    for transport in [builder.clone().build(), builder.clone().build()] {
        ask(&transport, get(&server.url("/"))).unwrap();
    }
    assert!(server.texts().iter().all(|text| text.contains(": x\r\n")));
    assert!(format!("{builder:?}").contains("adjust: some"));
}
