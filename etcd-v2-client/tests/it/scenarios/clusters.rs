//! Endpoints that lead to different clusters.

use etcd_v2_client::keys::{Get, Set};
use etcd_v2_client::{Consistency, ErrorKind, Outcome};

use crate::both::{Colour, both};
use crate::server::{Gate, Seen, Server, change, response};

both!(
    the_cluster_that_is_meant_is_found_behind_an_impostor,
    a_clone_is_told_of_another_cluster_by_both_ids,
    any_cluster_takes_answers_of_all,
    endpoints_that_are_replaced_may_be_of_another_cluster,
    what_is_still_asked_of_replaced_endpoints_says_nothing_about_the_new_ones,
);

/// What a member of the cluster with this id answers, whose store is at this index.
fn told_by(cluster: &str, index: u64, change: &str) -> String {
    let (id, at) = (format!("X-Etcd-Cluster-Id: {cluster}"), format!("X-Etcd-Index: {index}"));
    response(200, &["Content-Type: application/json", &at, &id], change)
}

/// A member of the cluster with this id.
fn member_of(cluster: &'static str) -> Server {
    Server::each(move |_| told_by(cluster, 3, &change("get", "/a", cluster, 3)))
}

fn a_clone_is_told_of_another_cluster_by_both_ids(colour: Colour) {
    let (here, there) = (member_of("7e27652122e8b2ae"), member_of("8ac9bc54b40d505b"));
    let client = colour.client([here.url(), there.url()]);
    let clone = client.with(|policy| policy.passes = Some(1));
    client.send(Get::new("/a")).unwrap();
    // The first one is gone, so the clone comes to the other one.
    drop(here);
    let error = clone.send(Get::new("/a")).unwrap_err();
    let found = error.attempts().iter().find_map(|attempt| match &attempt.kind {
        ErrorKind::WrongCluster { expected, found } => Some((*expected, *found)),
        _ => None,
    });
    assert!(found.is_some_and(|(expected, found)| expected != found), "{}", error.detail());
    let text = error.detail().to_string();
    assert!(text.contains("8ac9bc54b40d505b instead of 7e27652122e8b2ae"), "{text}");
    assert!(text.contains(&there.url()), "{text}");
    assert_eq!(format!("{error:?}"), format!("{text}\n  outcome: {}", error.outcome()));
    assert_eq!(there.count(), 1);
}

fn any_cluster_takes_answers_of_all(colour: Colour) {
    let (here, there) = (member_of("7"), member_of("8"));
    let client = colour.client([here.url(), there.url()]);
    let clone = client.with(|policy| policy.any_cluster = true);
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("7"));
    drop(here);
    assert_eq!(clone.send(Get::new("/a")).unwrap().value(), Some("8"));
    // It is a matter of the policy, so the other clone is as strict as before.
    let error = client.send(Set::new("/a", "1")).unwrap_err();
    assert!(error.detail().to_string().contains("another cluster"), "{}", error.detail());
    assert_ne!(error.outcome(), Outcome::NotSent, "that cluster has carried it out");
}

fn endpoints_that_are_replaced_may_be_of_another_cluster(colour: Colour) {
    let (here, there) = (member_of("7"), member_of("8"));
    let client = colour.client([here.url()]);
    client.send(Get::new("/a")).unwrap();
    client.set_endpoints(&[&there.url()]).unwrap();
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("8"));
}

fn what_is_still_asked_of_replaced_endpoints_says_nothing_about_the_new_ones(colour: Colour) {
    let gate = Gate::default();
    let held = gate.clone();
    let here = Server::each(move |seen: &Seen| {
        held.wait();
        // A wait is told a change that is newer than its head.
        let index = if seen.target.contains("wait") { 1001 } else { 1000 };
        told_by("7", 1000, &change("get", "/a", "7", index))
    });
    let there = member_of("8");
    let client = colour.patient([here.url()]).build();
    let monotonic = client.with(|policy| policy.consistency = Consistency::Monotonic);
    let pending = client.start(Get::new("/a"));
    let (waiting, dropped) = (client.watch("/a").start(), client.watch("/a").start());
    here.until_seen(3);
    client.set_endpoints(&[&there.url()]).unwrap();
    gate.open();
    assert_eq!(pending.result().unwrap().value(), Some("7"), "it is answered by whom it asked");
    let (item, watch) = waiting.result();
    assert_eq!(item.unwrap().unwrap().index(), Some(1001));
    dropped.result();
    assert_eq!(monotonic.send(Get::new("/a")).unwrap().value(), Some("8"));
    drop(watch);
    assert_eq!(monotonic.send(Get::new("/a")).unwrap().value(), Some("8"));
}

fn the_cluster_that_is_meant_is_found_behind_an_impostor(colour: Colour) {
    const HONEST: &str = "7e27652122e8b2ae";
    let (impostor, honest) = (member_of("1"), [member_of(HONEST), member_of(HONEST)]);
    let urls = || [impostor.url(), honest[0].url(), honest[1].url()];
    let meant = HONEST.parse().unwrap();
    let client = colour.patient(urls()).policy(move |policy| policy.cluster_id = Some(meant));
    let client = client.build();
    for _ in 0..3 {
        assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some(HONEST));
    }
    assert_eq!((impostor.count(), client.pinned()), (1, honest[0].url()));

    // Without that, the first one to answer is believed, until the endpoints are replaced.
    let client = colour.client(urls());
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("1"));
    client.set_endpoints(&[&honest[0].url(), &honest[1].url()]).unwrap();
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some(HONEST));
}
