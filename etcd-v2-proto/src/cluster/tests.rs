//! Pins, rings, and what is learned.

use std::time::Duration;

use super::*;

fn cluster(texts: &[&str]) -> Cluster {
    Cluster::parse(texts).unwrap()
}

fn detour(from: &str, to: &str) -> Detour {
    let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
    Detour { from, to, news: News::default(), generation: 0 }
}

/// What a sync that begins now would come to.
fn members(cluster: &Cluster, endpoints: &str, leader: Option<&str>) -> Membership {
    let endpoints = Endpoint::parse_list([endpoints]).unwrap();
    let leader = leader.map(|leader| leader.parse().unwrap());
    Membership { endpoints, leader, refused: Vec::new(), generation: cluster.generation }
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

fn at(index: u64, term: u64) -> Progress {
    Progress { index: Some(index), term: Some(term) }
}

#[test]
fn the_farthest_is_known_until_the_cluster_is_another() {
    let mut cluster = cluster(&["http://a:1,http://b:2"]);
    let told = |progress| {
        let news = News { progress, ..News::default() };
        Detour { news, ..detour("http://a:1", "http://a:1") }
    };
    let steps = [
        (Progress::default(), Progress::default()),
        (at(7, 2), at(7, 2)),
        (at(5, 2), at(7, 2)),
        (at(7, 3), at(7, 3)),
    ];
    for (progress, known) in steps {
        cluster.follow(&told(progress));
        assert_eq!(cluster.progress(), known);
    }
    let route = cluster.route();
    assert_eq!((cluster.index(), route.index()), (Some(7), Some(7)));
    assert_eq!(route.detour(0, false, told(at(7, 3)).news), None, "nothing new");
    assert_eq!(route.detour(0, false, told(at(8, 3)).news), Some(told(at(8, 3))));
    cluster.replace(Endpoint::parse_list(["http://c:3"]).unwrap()).unwrap();
    assert_eq!(cluster.progress(), Progress::default());
}

#[test]
fn what_consensus_refutes_is_forgotten_once() {
    let mut cluster = cluster(&["http://a:1"]);
    let seen = News { progress: at(57, 4), ..News::default() };
    cluster.follow(&Detour { news: seen, ..detour("http://a:1", "http://a:1") });
    let news = News { progress: at(40, 2), refuted: Some(at(57, 4)), ..News::default() };
    let fell = cluster.route().detour(0, false, news).unwrap();
    cluster.follow(&fell);
    assert_eq!(cluster.progress(), at(40, 2));
    let newer = News { progress: at(41, 2), ..News::default() };
    cluster.follow(&Detour { news: newer, ..detour("http://a:1", "http://a:1") });
    cluster.follow(&fell);
    assert_eq!(cluster.progress(), at(41, 2), "old news");
}

#[test]
fn who_tells_no_index_may_well_be_behind() {
    for (found, is_behind) in [
        (at(57, 4), false),
        (at(58, 4), false),
        (at(56, 4), true),
        (at(57, 3), true),
        (at(58, 3), true),
        (Progress { term: None, ..at(57, 0) }, false),
        (Progress { index: None, ..at(0, 5) }, true),
    ] {
        assert_eq!(found.is_behind(at(57, 4)), is_behind, "{found}");
        assert!(!found.is_behind(Progress::default()), "{found}");
    }
    assert_eq!(at(57, 4).to_string(), "index 57 in term 4");
    assert_eq!(Progress::default().to_string(), "no index");
}

#[test]
fn a_call_that_comes_back_to_its_first_endpoint_takes_the_pin_with_it() {
    let mut cluster = cluster(&["http://a:1,http://b:2"]);
    let route = cluster.route();
    let away = route.detour(1, true, News::default()).unwrap();
    assert!(cluster.follow(&away));
    let back = route.detour(2, true, News::default()).unwrap().after(&away);
    assert!(cluster.follow(&back));
    assert_eq!(cluster.pinned().as_str(), "http://a:1");
    assert_eq!(route.detour(0, false, News::default()), None, "nothing was left");
    assert_eq!(
        route.only(cluster.pinned().clone()).detour(1, true, News::default()),
        None,
        "no choice"
    );
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
    cluster.learn(&members(&cluster, "http://b:2,http://a:1,http://c:3", None));
    let order = |cluster: &Cluster| {
        let route = cluster.route();
        let hosts = (0..route.len()).map(|at| route.endpoint(at).as_str()[7..8].to_owned());
        hosts.collect::<String>()
    };
    assert_eq!(order(&cluster), "acbs", "the pin stays");
    assert_eq!(cluster.endpoints().len(), 3);
    assert!(cluster.follow(&detour("http://a:1", "http://s:9")));
    assert_eq!(order(&cluster), "sbac");
    cluster.learn(&members(&cluster, "http://b:2,http://c:3", Some("http://c:3")));
    assert_eq!(order(&cluster), "cbas");
    let none = Membership { endpoints: Vec::new(), ..members(&cluster, "http://d:4", None) };
    cluster.learn(&none);
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

#[test]
fn what_began_before_the_seeds_were_replaced_has_no_say() {
    let mut cluster = cluster(&["http://a:1,http://b:2"]);
    let (began, synced) = (cluster.route(), members(&cluster, "http://a:1", None));
    cluster.replace(Endpoint::parse_list(["http://b:2,http://c:3"]).unwrap()).unwrap();
    let news = News { cluster_id: ClusterId::new(7).into(), progress: at(57, 4), refuted: None };
    assert!(!cluster.follow(&began.detour(1, true, news).unwrap()));
    cluster.learn(&synced);
    assert_eq!((cluster.id(), cluster.progress()), (None, Progress::default()));
    assert_eq!((cluster.pinned().as_str(), cluster.endpoints().len()), ("http://b:2", 2));
    cluster.follow(&cluster.route().detour(0, false, news).unwrap());
    assert_eq!((cluster.id(), cluster.progress()), (news.cluster_id, at(57, 4)));
}

#[test]
fn how_far_another_cluster_is_tells_nothing() {
    let mut cluster = cluster(&["http://a:1"]);
    let told = |id, index| {
        let news = News { cluster_id: ClusterId::new(id).into(), ..News::default() };
        let news = News { progress: at(index, 4), ..news };
        Detour { news, ..detour("http://a:1", "http://a:1") }
    };
    cluster.follow(&told(7, 57));
    cluster.follow(&told(8, 1000));
    assert_eq!(cluster.index(), Some(57));
    cluster.follow(&told(7, 58));
    assert_eq!(cluster.index(), Some(58));
}

#[test]
fn credentials_that_were_given_for_https_go_nowhere_in_clear() {
    let list = |text: &str| Endpoint::parse_list([text]).unwrap();
    let root = || Credentials::new("root", "hunter2").unwrap();
    let provider = || -> Arc<dyn CredentialsProvider> { Arc::new(|| Ok(None)) };
    let make = |seeds: &str, how: u32| {
        let cluster = Cluster::new(list(seeds)).unwrap();
        match how {
            0 => cluster.with_credentials(root()).unwrap(),
            1 => cluster.with_provider(provider()).unwrap(),
            _ => Cluster::new(list(&seeds.replacen("://", "://root:hunter2@", 1))).unwrap(),
        }
    };
    for how in 0..3 {
        for (seeds, then, culprit) in [
            ("https://a:1", "http://a:1", Some("http://a:1")),
            ("https://a:1", "https://b:1,http://c:1", Some("http://c:1")),
            ("https://a:1,https://b:1", "http://localhost:1", Some("http://localhost:1")),
            ("https://a:1", "https://b:1", None),
            ("http://a:1", "http://b:1", None),
            ("http://a:1", "https://b:1", None),
            ("https://a:1,http://b:1", "http://c:1", None),
        ] {
            let mut cluster = make(seeds, how);
            let before = cluster.endpoints().to_vec();
            let result = cluster.replace(list(then));
            assert_eq!(result.is_err(), culprit.is_some(), "{seeds} {then}");
            if let (Err(error), Some(culprit)) = (result, culprit) {
                let text = error.to_string();
                assert!(text.contains(culprit) && !text.contains("hunter2"), "{text}");
                assert_eq!(cluster.endpoints(), before, "as before");
                cluster.replace(list("https://c:1")).unwrap();
                assert!(cluster.replace(list(then)).is_err(), "still");
            }
        }
    }
    // Who has named both together means it, also after a time with https only.
    let mut cluster = make("http://a:1", 0);
    cluster.replace(list("https://b:1")).unwrap();
    cluster.replace(list("http://a:1")).unwrap();
    let mut cluster = Cluster::new(list("https://a:1")).unwrap();
    cluster.replace(list("http://a:1")).unwrap();
    cluster.replace(list("http://root:hunter2@a:1")).unwrap();
    cluster.replace(list("http://b:1")).unwrap();
    // The password in the URL does not make it any safer where https was meant.
    let mut cluster = make("https://a:1", 0);
    assert!(cluster.replace(list("http://root:hunter2@a:1")).is_err());
}

#[test]
fn slow_endpoint_regains_the_pin_unless_another_one_was_chosen() {
    for chosen in [false, true] {
        let mut cluster = cluster(&["http://a:1,http://b:2,http://c:3"]);
        let first = Arc::clone(cluster.route().state_of(cluster.pinned()).unwrap());
        first.mark_slow(Duration::from_millis(250));
        cluster.follow(&detour("http://a:1", "http://b:2"));
        assert!(!cluster.apply_probe_results(), "the probe is pending");
        assert_eq!(cluster.pinned().as_str(), "http://b:2");
        if chosen {
            cluster.learn(&members(
                &cluster,
                "http://a:1,http://b:2,http://c:3",
                Some("http://c:3"),
            ));
        }
        first.mark_healthy();
        assert_eq!(cluster.apply_probe_results(), !chosen);
        let pinned = if chosen { "http://c:3" } else { "http://a:1" };
        assert_eq!(cluster.pinned().as_str(), pinned);
    }
}

#[test]
fn dead_endpoint_is_the_last_choice_and_loses_the_pin() {
    let mut cluster = cluster(&["http://a:1,http://b:2,http://c:3"]);
    let first = Arc::clone(cluster.route().state_of(cluster.pinned()).unwrap());
    first.mark_dead();
    let route = cluster.route();
    assert!(route.is_reordered() && route.is_dead(2));
    assert!(cluster.apply_probe_results());
    assert_eq!(cluster.pinned().as_str(), "http://b:2");
    first.mark_healthy();
    assert!(!cluster.apply_probe_results(), "it lost the pin without a timeout");
    assert!(!cluster.route().is_reordered());
}

#[test]
fn response_times_are_shared_by_clones_and_kept_for_endpoints_that_stay() {
    let mut cluster = cluster(&["http://a:1,http://b:2"]);
    let first = Arc::clone(cluster.route().state_of(cluster.pinned()).unwrap());
    first.respond(Class::Read, false, Duration::from_millis(300));
    let of_clone = cluster.clone().route().state(0).expected(Class::Read, false);
    assert_eq!(of_clone.response(), Some(Duration::from_millis(900)));
    cluster.replace(Endpoint::parse_list(["http://c:3,http://a:1"]).unwrap()).unwrap();
    let expected = |at: usize| cluster.route().state(at).expected(Class::Read, false).response();
    assert_eq!((expected(0), expected(1)), (Some(Duration::from_millis(900)), None));
}
