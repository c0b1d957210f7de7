//! Endpoints that lead to different clusters.

use etcd_v2_client::keys::{Get, Set};
use etcd_v2_client::{ErrorKind, Outcome};

use crate::both::{Colour, both};
use crate::server::{Server, change, response};

both!(
    a_clone_is_told_of_another_cluster_by_both_ids,
    any_cluster_takes_answers_of_all,
    endpoints_that_are_replaced_may_be_of_another_cluster,
);

/// A member of the cluster with this id.
fn member_of(cluster: &'static str) -> Server {
    Server::each(move |_| {
        let id = format!("X-Etcd-Cluster-Id: {cluster}");
        let headers = ["Content-Type: application/json", "X-Etcd-Index: 3", &id];
        response(200, &headers, &change("get", "/a", cluster, 3))
    })
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
