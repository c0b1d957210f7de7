use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn record(priority: u16, weight: u16, target: &str, port: u16) -> Record {
    Record { priority, weight, port, target: target.to_owned() }
}

fn question(https: bool) -> Question {
    let name = if https { "ssl" } else { "plain" };
    Question { name: name.to_owned(), https }
}

fn failed(name: &str) -> Answer {
    let limit = Duration::from_secs(1);
    Answer::Failed(SrvError::TimedOut { name: name.to_owned(), limit })
}

fn one(target: &str, port: u16) -> Answer {
    Answer::Records(vec![record(0, 0, target, port)])
}

/// What both answers come to.
fn of_both(ssl: Answer, plain: Answer) -> Result<Vec<String>, SrvError> {
    let asked = vec![(question(true), ssl), (question(false), plain)];
    Ok(endpoints(asked, 1)?.into_iter().map(String::from).collect())
}

/// What records come to that are the only answer.
fn of_one(records: Vec<Record>, seed: u64) -> Result<Vec<String>, SrvError> {
    let asked = vec![(question(false), Answer::Records(records))];
    Ok(endpoints(asked, seed)?.into_iter().map(String::from).collect())
}

fn names(domain: &str, service: &str, https_only: bool) -> Vec<String> {
    let questions = questions(domain, service, https_only).unwrap();
    questions.into_iter().map(|question| question.name).collect()
}

#[test]
fn the_names_are_those_of_etcd() {
    let plain = ["_etcd-client-ssl._tcp.example.com", "_etcd-client._tcp.example.com"];
    assert_eq!(names("example.com", "", false), plain);
    assert_eq!(names("example.com.", "", false), plain, "a dot at the end changes nothing");
    assert_eq!(
        names("example.com", "foo", false),
        ["_etcd-client-ssl-foo._tcp.example.com", "_etcd-client-foo._tcp.example.com"]
    );
    assert_eq!(names("a", "", true), ["_etcd-client-ssl._tcp.a"]);
    let questions = questions("a", "", false).unwrap();
    assert_eq!(questions.iter().map(|question| question.https).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn domains_that_are_none_are_refused_with_the_reason() {
    let (long_label, long_name) = ("a".repeat(64), "abcdefg.".repeat(30) + "com");
    for (domain, says) in [
        ("", "is empty"),
        (".", "is empty"),
        ("10.0.0.1", "is an address"),
        ("::1", "is an address"),
        ("[::1]", "is an address"),
        ("https://example.com", "without scheme and port"),
        ("example.com:2379", "without scheme and port"),
        ("exa mple.com", "has ' ' in it"),
        ("user@example.com", "has '@' in it"),
        ("bücher.example", "xn--"),
        ("example..com", "nothing between"),
        (".example.com", "nothing between"),
        ("example.com..", "nothing between"),
        (&long_label, "more than 63 characters"),
        (&long_name, "is too long"),
    ] {
        let refused = questions(domain, "", false).unwrap_err();
        assert_eq!(refused.field, "domain", "{domain}");
        assert!(refused.reason.contains(says), "{domain}: {refused}");
    }
}

#[test]
fn service_names_that_are_none_are_refused_with_the_reason() {
    let long = "a".repeat(47);
    for (service, says) in [("a.b", "has '.'"), ("a b", "has ' '"), (&long, "too long")] {
        let refused = questions("example.com", service, false).unwrap_err();
        assert_eq!(refused.field, "service name", "{service}");
        assert!(refused.reason.contains(says), "{service}: {refused}");
    }
    assert!(questions("example.com", &long[1..], false).is_ok());
}

#[test]
fn https_comes_before_http() {
    let found = of_both(one("b.example.com.", 2379), one("a.example.com.", 2379)).unwrap();
    assert_eq!(found, ["https://b.example.com:2379", "http://a.example.com:2379"]);
}

#[test]
fn targets_lose_the_dot_and_keep_the_port() {
    for (target, port, url) in [
        ("etcd.example.com.", 2379, "http://etcd.example.com:2379"),
        ("etcd.example.com", 4001, "http://etcd.example.com:4001"),
        ("ETCD.example.com.", 80, "http://etcd.example.com"),
        ("10.0.0.1.", 2379, "http://10.0.0.1:2379"),
        ("2001:db8::1.", 2379, "http://[2001:db8::1]:2379"),
    ] {
        assert_eq!(of_one(vec![record(0, 0, target, port)], 1).unwrap(), [url]);
    }
}

#[test]
fn a_lower_priority_is_asked_first() {
    let records = vec![record(20, 9, "c", 1), record(0, 0, "a", 1), record(10, 65535, "b", 1)];
    for seed in 0..100 {
        assert_eq!(
            of_one(records.clone(), seed).unwrap(),
            ["http://a:1", "http://b:1", "http://c:1"]
        );
    }
}

/// How often each target comes first.
fn firsts(records: &[Record], draws: u64) -> BTreeMap<String, u64> {
    let mut firsts = BTreeMap::new();
    for seed in 0..draws {
        let first = of_one(records.to_vec(), seed).unwrap().swap_remove(0);
        *firsts.entry(first).or_default() += 1;
    }
    firsts
}

#[test]
fn weights_are_chances() {
    let records = [record(0, 10, "a", 1), record(0, 30, "b", 1), record(0, 60, "c", 1)];
    let firsts = firsts(&records, 10_000);
    for (url, expected) in [("http://a:1", 1_000), ("http://b:1", 3_000), ("http://c:1", 6_000)] {
        let times = firsts[url];
        // Four standard deviations of the most uncertain one.
        assert!(times.abs_diff(expected) < 250, "{url}: {times} of 10000");
    }
}

#[test]
fn weight_0_has_a_small_chance_beside_others_and_an_equal_one_among_its_like() {
    let beside = firsts(&[record(0, 0, "a", 1), record(0, 9, "b", 1)], 10_000);
    // One in ten: nought of nought to nine.
    assert!(beside["http://a:1"].abs_diff(1_000) < 150, "{beside:?}");
    let alone = firsts(&[record(0, 0, "a", 1), record(0, 0, "b", 1)], 10_000);
    assert!(alone["http://a:1"].abs_diff(5_000) < 250, "{alone:?}");
}

#[test]
fn the_same_seed_gives_the_same_order() {
    let records: Vec<_> = (1..20).map(|port| record(0, port, "a", port)).collect();
    assert_eq!(of_one(records.clone(), 7).unwrap(), of_one(records.clone(), 7).unwrap());
    assert_ne!(of_one(records.clone(), 7).unwrap(), of_one(records, 8).unwrap());
}

#[test]
fn duplicates_count_once_at_their_best_place() {
    let records = vec![record(1, 0, "a.", 1), record(0, 0, "A", 1), record(2, 0, "b", 1)];
    assert_eq!(of_one(records, 1).unwrap(), ["http://a:1", "http://b:1"]);
}

#[test]
fn the_target_dot_means_that_the_service_is_not_here() {
    let not_here = || one(".", 0);
    assert_eq!(of_both(not_here(), one("a", 1)).unwrap(), ["http://a:1"]);
    assert_eq!(of_both(one("a", 1), not_here()).unwrap(), ["https://a:1"]);
    let error = of_both(not_here(), not_here()).unwrap_err();
    assert!(matches!(error, SrvError::NotFound { .. }), "{error}");
}

#[test]
fn nothing_anywhere_lists_the_names() {
    let error = of_both(Answer::Absent, Answer::Records(Vec::new())).unwrap_err();
    assert_eq!(error.to_string(), "there are no SRV records at ssl or plain");
}

#[test]
fn targets_cannot_smuggle_anything_into_the_url() {
    for target in ["user:pass@evil.", "evil/../path.", "evil\\047path.", "a b.", "evil?x.", "a#."] {
        let error = of_one(vec![record(0, 0, target, 2379)], 1).unwrap_err();
        let SrvError::Unusable { name, reasons } = &error else { panic!("{target}: {error}") };
        assert_eq!((&**name, reasons.len()), ("plain", 1));
        assert!(reasons[0].contains("is not the name of a host"), "{error}");
    }
}

#[test]
fn unusable_records_are_left_out_if_others_are_left() {
    let records = vec![record(0, 0, "a", 0), record(1, 0, "b", 1)];
    assert_eq!(of_one(records, 1).unwrap(), ["http://b:1"]);
    let error = of_one(vec![record(0, 0, "a", 0)], 1).unwrap_err();
    assert_eq!(error.to_string(), "the SRV records at plain are unusable: \"a\" has port 0");
}

#[test]
fn http_never_takes_the_place_of_https_that_could_not_be_asked_for() {
    for ssl in [failed("ssl"), one("a", 0)] {
        let error = of_both(ssl, one("b", 1)).unwrap_err();
        let SrvError::Downgrade { withheld, cause } = &error else { panic!("{error}") };
        assert_eq!(withheld[0].as_str(), "http://b:1");
        assert!(cause.to_string().contains("at ssl"), "{cause}");
        assert!(error.to_string().contains("not used instead: http://b:1"), "{error}");
    }
}

#[test]
fn https_is_enough_whatever_happens_to_http() {
    for plain in [failed("plain"), one("b", 0), Answer::Absent] {
        assert_eq!(of_both(one("a", 1), plain).unwrap(), ["https://a:1"]);
    }
}

#[test]
fn the_first_failure_is_told_if_nothing_is_found() {
    for (ssl, plain, culprit) in [
        (failed("ssl"), Answer::Absent, "ssl"),
        (failed("ssl"), failed("plain"), "ssl"),
        (Answer::Absent, failed("plain"), "plain"),
    ] {
        let error = of_both(ssl, plain).unwrap_err();
        assert!(matches!(&error, SrvError::TimedOut { name, .. } if name == culprit), "{error}");
    }
}

fn any_record() -> impl Strategy<Value = Record> {
    (0..4_u16, 0..3_u16, 0..6_u16, "[a-c]{0,2}\\.?").prop_map(|(priority, weight, port, target)| {
        Record { priority, weight: weight * weight * 16_000, port, target }
    })
}

proptest! {
    #[test]
    fn every_usable_record_is_an_endpoint_once_and_in_order(
        records in proptest::collection::vec(any_record(), 0..40),
        seed in any::<u64>(),
    ) {
        // The best priority of each place.
        let mut best: BTreeMap<String, u16> = BTreeMap::new();
        for Record { priority, port, target, .. } in &records {
            let host = target.trim_end_matches('.');
            if !host.is_empty() && *port > 0 {
                let known = best.entry(format!("http://{host}:{port}")).or_insert(*priority);
                *known = (*known).min(*priority);
            }
        }
        let found = of_one(records, seed).unwrap_or_default();
        let priorities: Vec<_> = found.iter().map(|url| best.get(url).copied()).collect();
        prop_assert!(priorities.iter().all(Option::is_some), "made up: {found:?}");
        prop_assert!(priorities.is_sorted(), "{found:?} {priorities:?}");
        prop_assert_eq!(found.len(), best.len());
    }

    #[test]
    fn no_text_makes_it_panic(
        domain in any::<String>(),
        service in any::<String>(),
        target in any::<String>(),
        port in any::<u16>(),
    ) {
        if let Ok(questions) = questions(&domain, &service, false) {
            prop_assert!(questions.iter().all(|question| question.name.len() <= LONGEST_NAME));
        }
        for endpoint in of_one(vec![record(0, 0, &target, port)], 1).unwrap_or_default() {
            prop_assert!(endpoint.starts_with("http://") && !endpoint.contains('@'), "{endpoint}");
        }
    }
}
