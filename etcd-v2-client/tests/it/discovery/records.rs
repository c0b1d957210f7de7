//! There are records.

use crate::name_server::Reply;

use super::{Colour, PLAIN, SSL, asking, one, start};

both! {
    https_is_before_http_and_priorities_are_kept,
    a_service_name_is_part_of_the_names,
    https_only_does_not_even_ask_for_http,
    thirty_records_come_by_tcp,
    records_are_found_behind_aliases,
    every_discovery_asks_anew,
    names_do_not_depend_on_the_case,
    a_silent_name_server_is_made_up_for_by_another_one,
}

fn https_is_before_http_and_priorities_are_kept(colour: Colour) {
    let target = |name: &str| format!("{name}.example.com.");
    let server = start([
        (PLAIN, Reply::Srv(vec![(5, 0, 2379, target("d")), (1, 0, 4001, target("c"))])),
        (SSL, Reply::Srv(vec![(30, 100, 2379, target("b")), (20, 0, 443, target("a"))])),
    ]);
    assert_eq!(
        colour.find(&asking(&[&server])).unwrap(),
        [
            "https://a.example.com",
            "https://b.example.com:2379",
            "http://c.example.com:4001",
            "http://d.example.com:2379",
        ]
    );
    let asked = [(SSL.to_owned(), false), (PLAIN.to_owned(), false)];
    assert_eq!(server.asked(), asked, "each once, and by UDP");
}

fn a_service_name_is_part_of_the_names(colour: Colour) {
    let server = start([
        ("_etcd-client-ssl-foo._tcp.example.com", one("a.example.com.", 1)),
        ("_etcd-client-foo._tcp.example.com", one("b.example.com.", 2)),
        (SSL, one("wrong.example.com.", 1)),
    ]);
    let discoverer = asking(&[&server]).service_name("foo");
    assert_eq!(
        colour.find(&discoverer).unwrap(),
        ["https://a.example.com:1", "http://b.example.com:2"]
    );
}

fn https_only_does_not_even_ask_for_http(colour: Colour) {
    let server = start([(SSL, one("a.example.com.", 1)), (PLAIN, one("b.example.com.", 2))]);
    let discoverer = asking(&[&server]).https_only();
    assert_eq!(colour.find(&discoverer).unwrap(), ["https://a.example.com:1"]);
    assert_eq!(server.asked(), [(SSL.to_owned(), false)]);
}

fn thirty_records_come_by_tcp(colour: Colour) {
    let records = (1..=30)
        .map(|number| (number, 0, 2379, format!("member{number}.of-a-large-cluster.example.com.")));
    let server = start([(PLAIN, Reply::Srv(records.collect()))]);
    let expected: Vec<_> = (1..=30)
        .map(|number| format!("http://member{number}.of-a-large-cluster.example.com:2379"))
        .collect();
    assert_eq!(colour.find(&asking(&[&server])).unwrap(), expected);
    // The answer by UDP was cut short.
    let asked = server.asked();
    assert!(asked.contains(&(PLAIN.to_owned(), false)), "{asked:?}");
    assert!(asked.contains(&(PLAIN.to_owned(), true)), "{asked:?}");
}

fn records_are_found_behind_aliases(colour: Colour) {
    let server = start([
        // As servers do that resolve for others.
        (SSL, Reply::Alias { to: "_a._tcp.example.net", follow: true }),
        ("_a._tcp.example.net", one("a.example.com.", 1)),
        // As servers do that know only their own zone.
        (PLAIN, Reply::Alias { to: "_b._tcp.example.net", follow: false }),
        ("_b._tcp.example.net", Reply::Alias { to: "_c._tcp.example.net", follow: true }),
        ("_c._tcp.example.net", one("b.example.com.", 2)),
    ]);
    assert_eq!(
        colour.find(&asking(&[&server])).unwrap(),
        ["https://a.example.com:1", "http://b.example.com:2"]
    );
}

fn every_discovery_asks_anew(colour: Colour) {
    let server = start([(PLAIN, one("old.example.com.", 1))]);
    let discoverer = asking(&[&server]);
    assert_eq!(colour.find(&discoverer).unwrap(), ["http://old.example.com:1"]);
    // The old record is valid for an hour.
    server.set(PLAIN, one("new.example.com.", 1));
    assert_eq!(colour.find(&discoverer).unwrap(), ["http://new.example.com:1"]);
}

fn names_do_not_depend_on_the_case(colour: Colour) {
    let server = start([(PLAIN, one("A.Example.Com.", 1))]);
    let found = colour.discover(&asking(&[&server]), "EXAMPLE.com.").unwrap();
    assert_eq!(found, ["http://a.example.com:1"]);
}

fn a_silent_name_server_is_made_up_for_by_another_one(colour: Colour) {
    let silent = start([(SSL, Reply::Silence), (PLAIN, Reply::Silence)]);
    let server = start([(SSL, one("a.example.com.", 1))]);
    for servers in [[&silent, &server], [&server, &silent]] {
        let found = colour.find(&asking(&servers)).unwrap();
        assert_eq!(found, ["https://a.example.com:1"]);
    }
}
