//! There are no records, or nobody can tell.

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use etcd_v2_client::discovery::{SrvDiscoverer, SrvError};
use etcd_v2_client::{ErrorKind, Outcome};
use hickory_server::proto::op::ResponseCode;

use crate::name_server::Reply;

use super::{Colour, LONGEST, PLAIN, SSL, asking, one, start};

both! {
    absent_names_are_all_listed,
    http_is_enough_only_if_https_is_certainly_absent,
    https_is_enough_whatever_happens_to_http,
    a_server_that_fails_is_told_from_an_absent_name,
    a_referral_is_not_an_absence,
    aliases_that_lead_nowhere_end,
    a_silent_server_costs_no_more_than_the_limit,
    a_cut_answer_that_cannot_be_had_by_tcp_is_an_error,
    unusable_records_are_named,
    nonsense_is_refused_before_anybody_is_asked,
}

const NO_RECORDS: Reply = Reply::Code(ResponseCode::NoError);
const FAILING: Reply = Reply::Code(ResponseCode::ServFail);

fn absent_names_are_all_listed(colour: Colour) {
    let server = start([(SSL, NO_RECORDS)]);
    let error = colour.fail(&asking(&[&server]), |reason| {
        let SrvError::NotFound { names } = reason else { panic!("{reason}") };
        assert_eq!(names, &[SSL, PLAIN]);
    });
    assert_eq!(error.to_string(), format!("there are no SRV records at {SSL} or {PLAIN}"));
    assert_eq!(error.outcome(), Outcome::NotSent);
}

fn http_is_enough_only_if_https_is_certainly_absent(colour: Colour) {
    let server = start([(PLAIN, one("a.example.com.", 1))]);
    let patient = asking(&[&server]);
    let hasty = patient.clone().time_limit(Duration::from_secs(2));
    for absent in [NO_RECORDS, Reply::Code(ResponseCode::NXDomain), one(".", 0)] {
        server.set(SSL, absent);
        assert_eq!(colour.find(&patient).unwrap(), ["http://a.example.com:1"]);
    }
    for (discoverer, unknown) in [
        (&patient, FAILING),
        (&patient, Reply::Code(ResponseCode::Refused)),
        (&patient, Reply::Referral),
        (&patient, one("a.example.com.", 0)),
        (&hasty, Reply::Silence),
    ] {
        server.set(SSL, unknown);
        let error = colour.fail(discoverer, |reason| {
            let SrvError::Downgrade { withheld, .. } = reason else { panic!("{reason}") };
            assert_eq!(withheld[0].as_str(), "http://a.example.com:1");
        });
        assert!(error.to_string().contains(SSL), "{error}");
    }
}

fn https_is_enough_whatever_happens_to_http(colour: Colour) {
    let server = start([(SSL, one("a.example.com.", 1))]);
    for plain in [FAILING, Reply::Referral, NO_RECORDS, one("b.example.com.", 0)] {
        server.set(PLAIN, plain);
        assert_eq!(colour.find(&asking(&[&server])).unwrap(), ["https://a.example.com:1"]);
    }
    // With the limit for the one name, and not instead of the other.
    server.set(PLAIN, Reply::Silence);
    let discoverer = asking(&[&server]).time_limit(Duration::from_secs(2));
    assert_eq!(colour.find(&discoverer).unwrap(), ["https://a.example.com:1"]);
}

fn a_server_that_fails_is_told_from_an_absent_name(colour: Colour) {
    let server = start([(SSL, FAILING), (PLAIN, NO_RECORDS)]);
    colour.fail(&asking(&[&server]), |reason| {
        let SrvError::Refused { name, answer } = reason else { panic!("{reason}") };
        assert_eq!((&**name, &**answer), (SSL, "Server Failure"));
    });
}

fn a_referral_is_not_an_absence(colour: Colour) {
    let server = start([(SSL, Reply::Referral)]);
    colour.fail(&asking(&[&server]), |reason| {
        assert!(reason.to_string().contains("a referral to other servers"), "{reason}");
    });
}

fn aliases_that_lead_nowhere_end(colour: Colour) {
    const OTHER: &str = "_a._tcp.example.net";
    let server = start([
        (SSL, Reply::Alias { to: OTHER, follow: false }),
        (OTHER, Reply::Alias { to: SSL, follow: false }),
        (PLAIN, Reply::Alias { to: "_absent._tcp.example.net", follow: true }),
    ]);
    colour.fail(&asking(&[&server]), |reason| {
        assert!(reason.to_string().contains("more than 8 aliases"), "{reason}");
    });
    // An alias of nothing is nothing.
    server.set(SSL, Reply::Alias { to: "_absent._tcp.example.net", follow: false });
    colour.fail(&asking(&[&server]), |reason| {
        assert!(matches!(reason, SrvError::NotFound { .. }), "{reason}");
    });
}

fn a_silent_server_costs_no_more_than_the_limit(colour: Colour) {
    let server = start([(SSL, Reply::Silence), (PLAIN, Reply::Silence)]);
    for limit in [Duration::ZERO, Duration::from_millis(200), Duration::from_secs(1)] {
        let began = Instant::now();
        colour.fail(&asking(&[&server]).time_limit(limit), |reason| {
            let SrvError::TimedOut { name, limit: reached } = reason else { panic!("{reason}") };
            assert_eq!((&**name, *reached), (SSL, limit));
        });
        let took = began.elapsed();
        assert!(took >= limit / 2 && took < limit + Duration::from_secs(2), "{limit:?}: {took:?}");
    }
}

fn a_cut_answer_that_cannot_be_had_by_tcp_is_an_error(colour: Colour) {
    // It wants to be asked by TCP, where nobody listens.
    let truncating = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = truncating.local_addr().unwrap();
    let end = truncating.try_clone().unwrap();
    let answering = thread::spawn(move || {
        let mut message = [0; 512];
        loop {
            let (length, from) = truncating.recv_from(&mut message).unwrap();
            if length == 0 {
                return;
            }
            // The same as an answer that is truncated, with nothing in it but the question.
            message[2] |= 0b1000_0010;
            message[11] = 0;
            let question = 12 + message[12..length].iter().position(|byte| *byte == 0).unwrap() + 5;
            truncating.send_to(&message[..question], from).unwrap();
        }
    });
    let discoverer = SrvDiscoverer::new().name_servers([address]).time_limit(LONGEST);
    let error = colour.fail(&discoverer, |reason| {
        let SrvError::Unreachable { name, .. } = reason else { panic!("{reason}") };
        assert_eq!(name, SSL);
    });
    end.send_to(&[], address).unwrap();
    answering.join().unwrap();
    assert!(error.to_string().contains("truncated"), "{error}");
}

fn unusable_records_are_named(colour: Colour) {
    let server = start([(PLAIN, one("etcd.example.com.", 0))]);
    let error = colour.find(&asking(&[&server])).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the SRV records at {PLAIN} are unusable: \"etcd.example.com\" has port 0")
    );
}

fn nonsense_is_refused_before_anybody_is_asked(colour: Colour) {
    let server = start([]);
    let discoverer = asking(&[&server]);
    for (discoverer, domain, culprit) in [
        (discoverer.clone(), "", "domain"),
        (discoverer.clone(), "http://example.com", "domain"),
        (discoverer.clone().service_name("a.b"), "example.com", "service name"),
        (discoverer.name_servers([]), "example.com", "name servers"),
    ] {
        let error = colour.discover(&discoverer, domain).unwrap_err();
        let ErrorKind::Invalid(invalid) = error.kind() else { panic!("{error}") };
        assert_eq!(invalid.field, culprit);
    }
    assert_eq!(server.asked(), []);
}
