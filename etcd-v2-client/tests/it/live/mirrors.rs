//! Mirrors of what is on a server.

use std::thread;
use std::time::Duration;

use etcd_v2_client::keys::{Get, Set};
use etcd_v2_client::mirror::{Snapshot, Update};
use etcd_v2_client::{GapReason, Mirror};

use super::mirrored::{driven, mirror, shown, synced};
use super::patience::{LONGEST, until};
use super::servers;
use super::space::Space;

both! {
    quiet:
    a_directory_that_goes_is_told_node_by_node,
    what_expires_is_gone_from_a_mirror,
    a_mirror_of_a_missing_key_is_empty_until_it_is_written,
    a_mirror_of_a_file_has_that_file,
    hidden_keys_are_in_no_mirror,
    a_mirror_has_the_root_of_its_view,
    what_is_waited_for_is_found,
}

both! {
    quiet, needs REMOVED_PARENTS:
    a_directory_above_that_goes_leaves_nothing,
}

both! {
    quiet, needs REFRESH:
    a_mirror_is_what_the_server_has,
    refreshes_are_no_updates,
}

both! {
    alone:
    a_mirror_that_was_not_driven_for_long_is_told_the_difference,
    a_mirror_that_is_not_driven_any_more_says_so,
    a_mirror_of_a_server_that_restarts_goes_on,
}

both! {
    three:
    a_mirror_outlives_the_member_that_it_asks,
    a_mirror_that_was_cut_off_for_1500_changes_catches_up,
    a_mirror_through_consensus_never_lags_at_first,
}

/// Waits until a mirror is as the server is at the moment.
pub(super) fn same(space: &Space, mirror: &Mirror) {
    let change = space.list("").unwrap();
    let root = change.node().unwrap();
    let nodes = || std::iter::once(root).chain(root.descendants());
    let index = nodes().filter_map(|node| node.modified_index()).max();
    let listed: Vec<_> = nodes().map(shown).collect();
    let is_same = |snapshot: &Snapshot| {
        snapshot.index() >= index && snapshot.iter().map(shown).eq(listed.iter().cloned())
    };
    let result = mirror.wait_for(is_same).block_for(LONGEST);
    result.unwrap_or_else(|error| {
        let own: Vec<_> = mirror.snapshot().iter().map(shown).collect();
        panic!("{error}: the server has {listed:#?}, the mirror {own:#?}")
    });
}

fn a_mirror_is_what_the_server_has(space: &Space) {
    for (key, value) in [("a/b/c", "1"), ("a/d", "2"), ("a-b", "3"), ("e", "4")] {
        space.set(key, value).unwrap();
    }
    let (mirror, _driver) = driven(space);
    same(space, &mirror);
    space.set("a/b/f/g", "5").unwrap();
    space.mkdir("empty").unwrap();
    space.set("file", "6").unwrap();
    same(space, &mirror);
    // A file may become a directory, and one with a ttl may get another.
    space.send(Set::new(space.at("file"), "").directory()).unwrap();
    let year = Duration::from_secs(365 * 86_400);
    space.send(Set::mkdir(space.at("lease")).ttl(year)).unwrap();
    space.send(Set::refresh(space.at("lease"), 2 * year)).unwrap();
    let updated = space.update("e", "7").unwrap();
    space.compare_and_swap("e", updated.index().unwrap(), "8").unwrap();
    space.delete_all("a/b").unwrap();
    same(space, &mirror);
    let snapshot = mirror.snapshot();
    assert_eq!(snapshot.value(&space.at("e")), Some("8"));
    let names: Vec<_> = snapshot.children(&space.at("")).map(|node| node.name()).collect();
    assert_eq!(names, ["a", "a-b", "e", "empty", "file", "lease"]);
    let below: Vec<_> = snapshot.below(&space.at("a/")).map(|node| node.name()).collect();
    assert_eq!(below, ["a", "d"]);
    let text = space.at("a");
    let beginning: Vec<_> = snapshot.starting_with(&text).map(|node| node.name()).collect();
    assert_eq!(beginning, ["a", "d", "a-b"]);
    assert!(mirror.status().connected && mirror.staleness() < Some(LONGEST));
}

fn a_directory_that_goes_is_told_node_by_node(space: &Space) {
    space.set("dir/a/b", "1").unwrap();
    space.set("dir/c", "2").unwrap();
    let (mirror, mut updates) = mirror(space, Get::new(space.at("")));
    let top = space.at("").replace('/', "");
    let first = format!("found new {top}=dir");
    let expected = [
        &first,
        "found new dir=dir",
        "found new a=dir",
        "found new b=1",
        "found new c=2",
        "resynced",
    ];
    assert_eq!(updates.told("resynced"), expected);
    let before = mirror.snapshot();
    space.set("x/y", "3").unwrap();
    space.delete_all("dir").unwrap();
    let expected = [
        "new x=dir",
        "new y=3",
        "delete gone c",
        "delete gone b",
        "delete gone a",
        "delete gone dir",
    ];
    let told = updates.told("gone dir");
    assert!(told.iter().zip(expected).all(|(told, end)| told.ends_with(end)), "{told:?}");
    assert_eq!(told.len(), expected.len());
    assert_eq!(mirror.snapshot().len(), 3);
    assert_eq!(before.len(), 5, "what was taken before is as it was");
}

fn a_directory_above_that_goes_leaves_nothing(space: &Space) {
    space.set("a/b/c/d", "1").unwrap();
    let (mirror, updates) = mirror(space, Get::new(space.at("a/b")));
    let _driver = updates.drive();
    assert_eq!(synced(&mirror).len(), 3);
    space.delete_all("a").unwrap();
    mirror.wait_for(|now| now.is_empty()).block_for(LONGEST).unwrap();
    space.set("a/b/e", "2").unwrap();
    mirror.wait_for(|now| now.len() == 2).block_for(LONGEST).unwrap();
}

fn what_expires_is_gone_from_a_mirror(space: &Space) {
    space.set("stays", "0").unwrap();
    let (_mirror, mut updates) = mirror(space, Get::new(space.at("")));
    updates.told("resynced");
    space.set_for("file", "1", Duration::from_secs(1)).unwrap();
    assert_eq!(updates.told("gone file"), ["set new file=1", "expire gone file"]);
    space.send(Set::mkdir(space.at("dir")).ttl(Duration::from_secs(1))).unwrap();
    space.set("dir/a", "2").unwrap();
    let expected = ["create new dir=dir", "set new a=2", "expire gone a", "expire gone dir"];
    let told = updates.told("gone dir");
    assert_eq!(told[1..], expected[1..], "{told:?}");
}

fn refreshes_are_no_updates(space: &Space) {
    let lease = Duration::from_secs(100);
    space.set_for("lease", "1", lease).unwrap();
    let (mirror, mut updates) = mirror(space, Get::new(space.at("")));
    updates.told("resynced");
    for _ in 0..5 {
        space.refresh("lease", 2 * lease).unwrap();
    }
    space.set("other", "2").unwrap();
    assert_eq!(updates.told("other=2"), ["set new other=2"]);
    // It is not mistaken for something that was missed, either.
    space.set_for("lease", "3", lease).unwrap();
    assert_eq!(updates.told("lease=3"), ["set again lease=3"]);
    assert_eq!(mirror.status().resyncs, 0);
}

fn a_mirror_of_a_missing_key_is_empty_until_it_is_written(space: &Space) {
    let (mirror, driver) = driven(space);
    let snapshot = mirror.snapshot();
    assert!(snapshot.is_synced() && snapshot.is_empty() && snapshot.index().is_some());
    space.set("a/b", "1").unwrap();
    same(space, &mirror);
    drop(driver);
}

fn a_mirror_of_a_file_has_that_file(space: &Space) {
    space.set("file", "1").unwrap();
    space.set("file2", "2").unwrap();
    let (mirror, updates) = mirror(space, Get::new(space.at("file")));
    let _driver = updates.drive();
    assert_eq!(synced(&mirror).iter().map(|node| node.name()).collect::<Vec<_>>(), ["file"]);
    space.set("file", "3").unwrap();
    let key = space.at("file");
    mirror.wait_for(|now| now.value(&key) == Some("3")).block_for(LONGEST).unwrap();
    space.delete("file").unwrap();
    mirror.wait_for(|now| now.is_empty()).block_for(LONGEST).unwrap();
    // What was a file may come back as a directory.
    space.set("file/a", "4").unwrap();
    mirror.wait_for(|now| now.len() == 2).block_for(LONGEST).unwrap();
}

fn hidden_keys_are_in_no_mirror(space: &Space) {
    space.set("_a", "1").unwrap();
    space.set("b", "2").unwrap();
    let (mirror, mut updates) = mirror(space, Get::new(space.at("")));
    updates.told("resynced");
    // Servers tell of the first of these from their history.
    space.set("_c/d", "3").unwrap();
    space.set("e/_f", "4").unwrap();
    space.set("g", "5").unwrap();
    assert_eq!(updates.told("g=5"), ["set new g=5"]);
    assert!(mirror.snapshot().iter().all(|node| !node.key().contains("/_")));
}

fn a_mirror_has_the_root_of_its_view(space: &Space) {
    let inner = space.chrooted();
    inner.set("a/b", "1").unwrap();
    let (mirror, updates) = mirror(&inner, Get::new("/"));
    let _driver = updates.drive();
    let keys = |now: &Snapshot| now.iter().map(|node| node.key().to_owned()).collect::<Vec<_>>();
    assert_eq!(keys(&synced(&mirror)), ["/", "/a", "/a/b"]);
    inner.set("a/c/d", "2").unwrap();
    let expected = ["/", "/a", "/a/b", "/a/c", "/a/c/d"];
    mirror.wait_for(|now| keys(now) == expected).block_for(LONGEST).unwrap();
    space.delete_all("").unwrap();
    mirror.wait_for(|now| now.is_empty()).block_for(LONGEST).unwrap();
}

fn what_is_waited_for_is_found(space: &Space) {
    space.set("count", "0").unwrap();
    let (mirror, _driver) = driven(space);
    let key = space.at("count");
    let error = mirror.wait_for(|_| false).block_for(Duration::from_millis(20)).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    thread::scope(|scope| {
        let waiting = (1..5).map(|number| {
            let (mirror, key) = (&mirror, &key);
            scope.spawn(move || {
                let at_least = |text: &str| text.parse::<u32>().is_ok_and(|now| now >= number);
                let found = mirror.wait_for(|now| now.value(key).is_some_and(at_least));
                #[cfg(feature = "hyper")]
                if number % 2 == 0 {
                    return super::patience::block_on(found).unwrap().index();
                }
                found.block_for(LONGEST).unwrap().index()
            })
        });
        let waiting: Vec<_> = waiting.collect();
        let written: Vec<_> =
            (1..5).map(|number| space.set("count", &number.to_string()).unwrap().index()).collect();
        for (waiting, written) in waiting.into_iter().zip(written) {
            assert!(waiting.join().unwrap() >= written);
        }
    });
}

fn a_mirror_that_was_not_driven_for_long_is_told_the_difference(space: &Space) {
    let _alone = servers::lock_alone();
    let first = space.set("kept", "0").unwrap().index().unwrap();
    for key in ["changed", "gone/a", "gone/b"] {
        space.set(key, "1").unwrap();
    }
    let (mirror, mut updates) = mirror(space, Get::new(space.at("")));
    updates.told("resynced");
    let before = mirror.snapshot();
    space.delete_all("gone").unwrap();
    thread::scope(|scope| {
        for writer in 0..6 {
            scope.spawn(move || {
                for number in 0..250 {
                    space.set("changed", &format!("{writer} {number}")).unwrap();
                }
            });
        }
    });
    let last = space.set("changed", "2").unwrap().index().unwrap();
    assert!(last > first + 1500);
    space.set("new", "3").unwrap();
    let told = updates.told(&GapReason::HistoryCleared.to_string());
    let expected = [
        "found gone b",
        "found gone a",
        "found gone gone",
        "found again changed=2",
        "found new new=3",
        &format!("resynced: {}", GapReason::HistoryCleared),
    ];
    assert_eq!(told, expected);
    assert_eq!((before.len(), mirror.snapshot().len()), (6, 4));
    assert_eq!(mirror.status().resyncs, 1);
    // And it goes on.
    space.set("new", "4").unwrap();
    assert_eq!(updates.told("new=4"), ["set again new=4"]);
}

fn a_mirror_that_is_not_driven_any_more_says_so(space: &Space) {
    let mut server = servers::lock_alone();
    space.set("a", "1").unwrap();
    let (mirror, driver) = driven(&space.on_a_fresh_connection());
    let waiting = mirror.clone();
    let waiting = thread::spawn(move || waiting.wait_for(|now| now.len() == 9).block());
    until("the mirror watches", || servers::connections(&mut server) > 0);
    drop(driver);
    assert!(waiting.join().unwrap().unwrap_err().is_stopped());
    until("it has ended", || mirror.error().is_some());
    assert!(!mirror.status().connected);
    assert_eq!(mirror.snapshot().len(), 2, "it can still be read");
    until("no connection is left", || servers::connections(&mut server) <= 1);
    // One that never began, too.
    let (mirror, updates) = self::mirror(space, Get::new("/"));
    drop(updates);
    assert!(mirror.wait_until_synced().block().unwrap_err().is_stopped());
}

fn a_mirror_of_a_server_that_restarts_goes_on(space: &Space) {
    let mut server = servers::lock_alone();
    space.set("a", "1").unwrap();
    let (mirror, _driver) = driven(space);
    server.member().kill9().unwrap();
    until("that is noticed", || !mirror.status().connected);
    assert!(mirror.error().is_none() && mirror.status().last_error.is_some());
    server.member().restart().unwrap();
    server.member().wait_until_ready().unwrap();
    space.set("a", "2").unwrap();
    same(space, &mirror);
    until("it is connected again", || mirror.status().connected);
}

fn a_mirror_outlives_the_member_that_it_asks(space: &Space) {
    let mut cluster = servers::lock_three();
    let endpoints = cluster.endpoints();
    let space = space.asking(&endpoints);
    space.set("a", "1").unwrap();
    let (mirror, _driver) = driven(&space);
    same(&space, &mirror);
    let survivors = space.asking(&endpoints[1..]);
    cluster.members()[0].kill9().unwrap();
    for member in &mut cluster.members()[1..] {
        member.wait_until_ready().unwrap();
    }
    for number in 0..30 {
        survivors.set(&format!("b/{number}"), "2").unwrap();
    }
    survivors.delete("a").unwrap();
    same(&survivors, &mirror);
    assert!(mirror.error().is_none());
}

fn a_mirror_that_was_cut_off_for_1500_changes_catches_up(space: &Space) {
    let mut cluster = servers::lock_three();
    let endpoints = cluster.endpoints();
    let survivors = space.asking(&endpoints[1..]);
    for key in ["changed", "gone/a", "gone/b", "kept"] {
        survivors.set(key, "0").unwrap();
    }
    let (mirror, _driver) = driven(&space.asking(&endpoints[..1]));
    same(&survivors, &mirror);
    cluster.members()[0].kill9().unwrap();
    until("that is noticed", || !mirror.status().connected);
    let before = mirror.snapshot();
    for member in &mut cluster.members()[1..] {
        member.wait_until_ready().unwrap();
    }
    survivors.delete_all("gone").unwrap();
    thread::scope(|scope| {
        for writer in 0..6 {
            let survivors = &survivors;
            scope.spawn(move || {
                for number in 0..250 {
                    survivors.set("changed", &format!("{writer} {number}")).unwrap();
                }
            });
        }
    });
    assert!(mirror.snapshot().is(&before), "it can be read, and is as it was");
    cluster.members()[0].restart().unwrap();
    cluster.members()[0].wait_until_ready().unwrap();
    same(&survivors, &mirror);
    survivors.set("new", "1").unwrap();
    same(&survivors, &mirror);
}

fn a_mirror_through_consensus_never_lags_at_first(space: &Space) {
    let cluster = servers::lock_three();
    let endpoints = cluster.endpoints();
    for number in 0..10 {
        let written = space.asking(&endpoints[..1]).set("a", &number.to_string()).unwrap();
        let reader = space.asking(&endpoints[1..2]);
        let (_mirror, mut updates) = mirror(&reader, Get::new(reader.at("")).quorum());
        loop {
            if let Update::Resynced { index, gap, .. } = updates.next().unwrap().unwrap() {
                assert!(Some(index) >= written.index() && gap.is_none());
                break;
            }
        }
    }
}
