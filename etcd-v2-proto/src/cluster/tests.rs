//! Pins, rings, and what is learned.

use super::*;

fn cluster(texts: &[&str]) -> Cluster {
    Cluster::parse(texts).unwrap()
}

fn detour(from: &str, to: &str) -> Detour {
    let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
    Detour { from, to, cluster_id: None, index: None }
}

#[test]
fn commas_separate_and_doubles_count_once() {
    let cluster = cluster(&["http://a:1, http://b:2", "http://a:1/"]);
    assert_eq!(cluster.endpoints().len(), 2);
    assert!(matches!(Cluster::parse([] as [&str; 0]), Err(ErrorKind::NoEndpoints)));
}

#[test]
fn the_pin_moves_only_from_where_it_is() {
    let mut cluster = cluster(&["http://a:1,http://b:2,http://c:3"]);
    assert!(cluster.follow(&detour("http://a:1", "http://b:2")));
    assert!(!cluster.follow(&detour("http://a:1", "http://c:3")), "stale news");
    assert!(!cluster.follow(&detour("http://b:2", "http://d:4")), "not an endpoint");
    assert_eq!(cluster.pinned().as_str(), "http://b:2");
    assert_eq!(cluster.route().endpoint(0).as_str(), "http://b:2");
    assert_eq!(cluster.route().endpoint(2).as_str(), "http://a:1");
}

#[test]
fn the_greatest_index_is_known_until_the_cluster_is_another() {
    let mut cluster = cluster(&["http://a:1,http://b:2"]);
    let told = |index| Detour { index, ..detour("http://a:1", "http://a:1") };
    for (index, known) in [(None, None), (Some(7), Some(7)), (Some(5), Some(7))] {
        cluster.follow(&told(index));
        assert_eq!(cluster.index(), known);
    }
    let route = cluster.route();
    assert_eq!(route.index(), Some(7));
    assert!(route.detour(0, false, None, Some(7)).is_none(), "nothing new");
    assert_eq!(route.detour(0, false, None, Some(8)), Some(told(Some(8))));
    cluster.replace(Endpoint::parse_list(["http://c:3"]).unwrap()).unwrap();
    assert_eq!(cluster.index(), None);
}

#[test]
fn a_call_that_comes_back_to_its_first_endpoint_takes_the_pin_with_it() {
    let mut cluster = cluster(&["http://a:1,http://b:2"]);
    let route = cluster.route();
    let away = route.detour(1, true, None, None).unwrap();
    assert!(cluster.follow(&away));
    let back = route.detour(2, true, None, None).unwrap().after(&away);
    assert!(cluster.follow(&back));
    assert_eq!(cluster.pinned().as_str(), "http://a:1");
    assert_eq!(route.detour(0, false, None, None), None, "nothing was left");
    assert_eq!(route.only(cluster.pinned().clone()).detour(1, true, None, None), None, "no choice");
}

#[test]
fn replacing_keeps_the_pin_and_never_empties() {
    let mut cluster = cluster(&["http://a:1,http://b:2"]);
    cluster.follow(&detour("http://a:1", "http://b:2"));
    cluster.replace(Endpoint::parse_list(["http://c:3,http://b:2"]).unwrap()).unwrap();
    assert_eq!(cluster.pinned().as_str(), "http://b:2");
    assert!(matches!(cluster.replace([]), Err(ErrorKind::NoEndpoints)));
    assert_eq!(cluster.endpoints().len(), 2);
}

#[test]
fn the_seeds_are_asked_after_the_members() {
    let mut cluster = cluster(&["http://a:1,http://s:9"]);
    cluster.learn(&Endpoint::parse_list(["http://b:2,http://a:1,http://c:3"]).unwrap(), None);
    let order = |cluster: &Cluster| {
        let route = cluster.route();
        let hosts = (0..route.len()).map(|at| route.endpoint(at).as_str()[7..8].to_owned());
        hosts.collect::<String>()
    };
    assert_eq!(order(&cluster), "acbs", "the pin stays");
    assert_eq!(cluster.endpoints().len(), 3);
    assert!(cluster.follow(&detour("http://a:1", "http://s:9")));
    assert_eq!(order(&cluster), "sbac");
    let leader: Endpoint = "http://c:3".parse().unwrap();
    cluster.learn(&Endpoint::parse_list(["http://b:2,http://c:3"]).unwrap(), Some(&leader));
    assert_eq!(order(&cluster), "cbas");
    cluster.learn(&[], None);
    assert_eq!(order(&cluster), "cbas");
    cluster.replace(Endpoint::parse_list(["http://d:4"]).unwrap()).unwrap();
    assert_eq!(order(&cluster), "d");
}

#[test]
fn one_cluster_is_one_user() {
    let same = cluster(&["http://u:p@a:1,http://b:2,http://u:p@c:3"]);
    assert_eq!(same.credentials().map(Credentials::user), Some("u"));
    for texts in ["http://u:p@a:1,http://v:p@b:2", "http://u:p@a:1,http://u:q@b:2"] {
        let error = Cluster::parse([texts]).unwrap_err().to_string();
        assert!(error.contains("credentials") && !error.contains("u:p"), "{error}");
    }
    let other = Credentials::new("w", "p").unwrap();
    assert!(same.with_credentials(other).is_err());
}
