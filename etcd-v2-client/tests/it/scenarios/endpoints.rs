//! Whom a client asks, and how it is told.

use std::collections::BTreeSet;

use etcd_v2_client::keys::{Get, Set};
use etcd_v2_client::{Credentials, ErrorKind, Outcome};

use crate::both::{Colour, Setup, both, ms};
use crate::server::{Gate, Refusing, Server, plausible};

both!(
    client_without_endpoints_is_refused,
    useless_endpoints_are_refused_with_a_remedy,
    several_endpoints_in_one_text_count_each,
    endpoints_named_twice_count_once,
    endpoints_are_shuffled_unless_told_otherwise,
    order_is_kept_on_request,
    new_endpoints_replace_the_old_ones_for_all_clones,
    useless_new_endpoints_leave_the_old_ones,
    new_endpoints_take_no_password_in_clear_that_was_given_for_https,
    pinned_endpoint_stays_pinned_if_it_stays,
    call_in_flight_survives_new_endpoints,
    news_of_a_call_that_began_long_ago_moves_nothing,
    clones_share_the_pin_and_the_connections,
    policies_of_clones_are_their_own,
);

fn refused(setup: Setup) -> String {
    let error = setup.try_build().map(drop).unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent);
    assert!(matches!(error.kind(), ErrorKind::NoEndpoints | ErrorKind::Invalid(_)), "{error}");
    error.to_string()
}

fn client_without_endpoints_is_refused(colour: Colour) {
    let none: [&str; 0] = [];
    assert!(refused(colour.setup(none)).contains("http://127.0.0.1:2379"));
    assert!(refused(colour.setup([""])).contains("empty"));
}

fn useless_endpoints_are_refused_with_a_remedy(colour: Colour) {
    for (url, says) in [
        ("localhost:2379", "http://localhost:2379"),
        ("127.0.0.1:2379", "no scheme"),
        ("unix:///run/etcd.sock", "scheme"),
        ("http://a:1,", "empty"),
        ("http://a:1,,http://b:1", "empty"),
        ("http://a:1,b:2", "b:2"),
        ("http://a:99999", "http://a:99999"),
        ("http://a:1/?x=1", "query"),
        ("http://a:1#x", "fragment"),
        ("http://a\r\nb:1", "line break"),
        ("http://a:1\nhttp://b:1", "commas"),
        ("http://u:pass\nword@a:1", "line break"),
    ] {
        let text = refused(colour.setup(["http://127.0.0.1:1", url]));
        assert!(text.contains(says), "{url}: {text}");
    }
}

fn several_endpoints_in_one_text_count_each(colour: Colour) {
    let (refusing, server) = (Refusing::new(), Server::healthy());
    let client = colour.client([format!("{} , {}", refusing.url(), server.url())]);
    assert_eq!(client.endpoints(), [refusing.url(), server.url()]);
    client.send(Set::new("/a", "1")).unwrap();
}

fn endpoints_named_twice_count_once(colour: Colour) {
    let reset = Server::start(|peer| {
        peer.request();
        peer.reset();
    });
    let (url, slash) = (reset.url(), format!("{}/", reset.url()));
    let other = Refusing::new();
    let client = colour.client([
        url.clone(),
        slash,
        url.to_uppercase().replace("HTTP", "http"),
        other.url(),
    ]);
    assert_eq!(client.endpoints(), [url, other.url()]);
    let error = client.with(|policy| policy.passes = Some(1)).send(Get::new("/a")).unwrap_err();
    assert_eq!((error.attempts().len(), reset.count()), (2, 1));
}

fn endpoints_are_shuffled_unless_told_otherwise(colour: Colour) {
    let urls = ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"];
    let mut first = BTreeSet::new();
    for _ in 0..200 {
        let client = colour.setup(urls).shuffled().build();
        assert_eq!(client.endpoints()[0], client.pinned());
        let mut endpoints = client.endpoints();
        first.insert(client.pinned());
        endpoints.sort();
        assert_eq!(endpoints, urls);
        if first.len() == urls.len() {
            return;
        }
    }
    panic!("some endpoint was never the first: {first:?}");
}

fn order_is_kept_on_request(colour: Colour) {
    let urls = ["http://127.0.0.1:3", "http://127.0.0.1:1", "http://127.0.0.1:2"];
    for _ in 0..20 {
        let client = colour.setup(urls).build();
        assert_eq!(client.endpoints(), urls);
        client.set_endpoints(&["http://127.0.0.1:9", "http://127.0.0.1:8"]).unwrap();
        assert_eq!(client.endpoints(), ["http://127.0.0.1:9", "http://127.0.0.1:8"]);
    }
}

fn new_endpoints_replace_the_old_ones_for_all_clones(colour: Colour) {
    let (old, new) = (Server::healthy(), Server::healthy());
    let client = colour.client([old.url()]);
    let clone = client.clone();
    let other = client.with(|policy| policy.at_least_once = true);
    client.send(Get::new("/a")).unwrap();
    clone.set_endpoints(&[&new.url()]).unwrap();
    for client in [&client, &clone, &other] {
        assert_eq!(client.endpoints(), [new.url()]);
        client.send(Set::new("/a", "1")).unwrap();
    }
    assert_eq!((old.count(), new.count()), (1, 3));
}

fn useless_new_endpoints_leave_the_old_ones(colour: Colour) {
    let server = Server::healthy();
    let client = colour.client([server.url()]);
    let bad: [&[&str]; 4] =
        [&[], &[""], &["http://127.0.0.1:1", "localhost:2379"], &["http://u:p@a:1,http://v:p@b:1"]];
    for urls in bad {
        let error = client.set_endpoints(urls).unwrap_err();
        assert_eq!(error.outcome(), Outcome::NotSent);
        assert_eq!(client.endpoints(), [server.url()]);
    }
    client.send(Get::new("/a")).unwrap();
    assert_eq!(server.seen()[0].header("Authorization"), None);
}

fn new_endpoints_take_no_password_in_clear_that_was_given_for_https(colour: Colour) {
    let server = Server::healthy();
    let secure = "https://127.0.0.1:1".to_owned();
    let secret = "https://root:hunter2@127.0.0.1:1".to_owned();
    let provide = || Ok(Some(Credentials::new("root", "hunter2")?));
    let setup = || colour.patient([secure.clone()]);
    for client in [
        setup().credentials("root", "hunter2").build(),
        setup().credentials_from(provide).build(),
        colour.patient([secret]).build(),
    ] {
        let (url, embedded) = (server.url(), server.url().replace("//", "//root:hunter2@"));
        for urls in [&[url.as_str()][..], &["https://127.0.0.1:2", &url], &[&embedded]] {
            let error = client.set_endpoints(urls).unwrap_err();
            // A provider is never given together with a password in a URL.
            assert!(error.to_string().contains(&url), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert_eq!(error.outcome(), Outcome::NotSent);
            assert_eq!(client.endpoints(), [&*secure], "as before");
        }
        client.set_endpoints(&["https://127.0.0.1:2"]).unwrap();
        assert_eq!(client.endpoints(), ["https://127.0.0.1:2"]);
    }
    assert_eq!(server.connections(), 0);

    // Without credentials, and where both were given together, the caller means it.
    let client = setup().build();
    client.set_endpoints(&[&server.url()]).unwrap();
    client.send(Get::new("/a")).unwrap();
    assert_eq!(server.seen()[0].header("Authorization"), None);
    let client = colour.patient([secure.clone(), "http://127.0.0.1:1".to_owned()]);
    let client = client.credentials("root", "hunter2").build();
    client.set_endpoints(&[&server.url()]).unwrap();
    client.send(Get::new("/a")).unwrap();
    assert!(server.seen()[1].header("Authorization").is_some());
}

fn pinned_endpoint_stays_pinned_if_it_stays(colour: Colour) {
    let (refusing, server, third) = (Refusing::new(), Server::healthy(), Refusing::new());
    let client = colour.client([refusing.url(), server.url()]);
    client.send(Get::new("/a")).unwrap();
    assert_eq!(client.pinned(), server.url());
    client.set_endpoints(&[&third.url(), &refusing.url(), &server.url()]).unwrap();
    assert_eq!(client.pinned(), server.url());
    client.set_endpoints(&[&third.url(), &refusing.url()]).unwrap();
    assert_eq!(client.pinned(), third.url());
}

fn call_in_flight_survives_new_endpoints(colour: Colour) {
    let gate = Gate::default();
    let answer = gate.clone();
    let old = Server::each(move |seen| {
        gate.wait();
        plausible(seen)
    });
    let new = Server::healthy();
    let client = colour.client([old.url()]);
    let call = client.start(Set::new("/a", "1"));
    old.until_seen(1);
    client.set_endpoints(&[&new.url()]).unwrap();
    answer.open();
    assert_eq!(call.result().unwrap().key(), Some("/a"));
    assert_eq!((client.pinned(), new.connections()), (new.url(), 0));
}

fn news_of_a_call_that_began_long_ago_moves_nothing(colour: Colour) {
    let gate = Gate::default();
    let fail = gate.clone();
    let first = Server::healthy_after(1, move |peer| {
        peer.request();
        gate.wait();
        peer.reset();
    });
    let (second, third) = (Server::healthy(), Server::healthy());
    let client = colour.client([first.url(), second.url(), third.url()]);
    let old = client.start(Get::new("/a"));
    first.until_seen(1);
    // Meanwhile the pin moves to the third.
    client.set_endpoints(&[&third.url()]).unwrap();
    client.set_endpoints(&[&third.url(), &first.url(), &second.url()]).unwrap();
    assert_eq!(client.pinned(), third.url());
    fail.open();
    old.result().unwrap();
    assert_eq!(client.pinned(), third.url());
    assert_eq!((second.count(), third.count()), (1, 0));
}

fn clones_share_the_pin_and_the_connections(colour: Colour) {
    let (refusing, server) = (Refusing::new(), Server::healthy());
    let client = colour.client([refusing.url(), server.url()]);
    let clones = [client.clone(), client.with(|policy| policy.passes = Some(1)), client.clone()];
    clones[0].send(Get::new("/a")).unwrap();
    for client in &clones {
        assert_eq!(client.pinned(), server.url());
        client.send(Get::new("/a")).unwrap();
        client.send_at("/v2/keys", Set::new("/a", "1")).unwrap();
    }
    drop(client);
    clones[2].send(Get::new("/a")).unwrap();
    assert_eq!((server.count(), server.connections(), server.closed()), (8, 1, 0));
}

fn policies_of_clones_are_their_own(colour: Colour) {
    let hung = Server::hung();
    let client = colour.client([hung.url()]);
    let hasty = client.with(|policy| policy.read_deadline = Some(ms(200)));
    let hastier = hasty.with(|policy| policy.write_deadline = Some(ms(200)));
    let patient = client.start(Get::new("/patient"));
    hung.until_seen(1);
    assert!(hasty.send(Get::new("/a")).unwrap_err().is_timeout());
    assert!(hastier.send(Get::new("/a")).unwrap_err().is_timeout());
    let error = hastier.send(Set::new("/a", "1")).unwrap_err();
    assert!(error.is_timeout() && error.may_have_applied());
    assert!(patient.lasts(ms(100)), "the others' deadlines are not this one's");
}
