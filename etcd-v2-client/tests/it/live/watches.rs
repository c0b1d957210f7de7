//! Waits and watches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use etcd_v2_client::keys::{ChangeKind, Push, Set, Wait};

use super::space::{Space, Watch};

both! {
    quiet:
    a_wait_from_an_index_has_the_first_change_after_it,
    a_watch_from_an_index_has_every_change_after_it,
    a_watch_of_a_key_is_told_of_that_key_only,
    a_recursive_watch_is_told_of_everything_below,
    every_kind_of_change_is_told,
    a_watch_from_now_misses_nothing_once_it_has_begun,
    changes_told_are_the_answers_of_the_writes,
    a_wait_with_nothing_to_tell_has_no_limit,
    two_watches_are_told_the_same,
    a_hidden_key_is_watched_by_its_own_name,
    a_deleted_neighbour_with_a_shorter_name_is_not_told,
}

both! {
    quiet, needs REMOVED_PARENTS:
    the_deletion_of_a_directory_is_told_to_watches_below,
}

both! {
    quiet, needs NO_VALUE:
    a_writer_without_answers_is_watched_all_the_same,
}

/// The names and values of the next changes.
fn told(watch: &mut Watch, count: usize) -> Vec<(String, String)> {
    let changes = (0..count).map(|_| watch.change());
    changes
        .map(|change| {
            let name = change.node().unwrap().name().to_owned();
            (name, change.into_value().unwrap())
        })
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn a_wait_from_an_index_has_the_first_change_after_it(space: &Space) {
    let first = space.set("file", "1").unwrap();
    let second = space.set("file", "2").unwrap();
    space.set("file", "3").unwrap();
    let after = |index: Option<u64>| Wait::new(space.at("file")).after(index.unwrap());
    let change = space.keys.wait(after(first.index())).unwrap();
    assert_eq!(change.node(), second.node());
    assert_eq!(change.kind(), &ChangeKind::Set);
    assert_eq!(space.send(after(second.index())).unwrap().value(), Some("3"));
    // After the present index, it is the change to come.
    let now = space.get("file").unwrap().etcd_index();
    let (waited, fourth) = thread::scope(|scope| {
        let waiting = scope.spawn(|| space.keys.wait(after(now)).unwrap());
        let fourth = space.set("file", "4").unwrap();
        (waiting.join().unwrap(), fourth)
    });
    assert_eq!(waited.node(), fourth.node());
}

fn a_watch_from_an_index_has_every_change_after_it(space: &Space) {
    let start = space.set("file", "0").unwrap();
    space.set("file", "1").unwrap();
    space.set("file", "2").unwrap();
    let mut watch = space.watch_after(&start);
    assert_eq!(told(&mut watch, 2), pairs(&[("file", "1"), ("file", "2")]), "from history");
    space.set("file", "3").unwrap();
    space.set("other", "4").unwrap();
    assert_eq!(told(&mut watch, 2), pairs(&[("file", "3"), ("other", "4")]), "and from now on");
}

fn a_watch_of_a_key_is_told_of_that_key_only(space: &Space) {
    let start = space.set("key", "0").unwrap();
    let wait = Wait::new(space.at("key")).after(start.index().unwrap());
    let mut watch = space.keys.watch(wait);
    for (key, value) in [("keys", "1"), ("ke", "2"), ("Key", "3"), ("key", "4"), ("key", "5")] {
        space.set(key, value).unwrap();
    }
    assert_eq!(told(&mut watch, 2), pairs(&[("key", "4"), ("key", "5")]));

    let start = space.mkdir("dir").unwrap();
    let wait = Wait::new(space.at("dir")).after(start.index().unwrap());
    let mut watch = space.keys.watch(wait);
    space.set("dir/file", "1").unwrap();
    space.delete_all("dir").unwrap();
    let change = watch.change();
    assert_eq!(change.kind(), &ChangeKind::Delete, "what is in the directory is not told");
}

fn a_recursive_watch_is_told_of_everything_below(space: &Space) {
    let start = space.mkdir("dir").unwrap();
    let wait = Wait::new(space.at("dir")).recursive().after(start.index().unwrap());
    let mut watch = space.keys.watch(wait);
    for (key, value) in [("dir/a", "1"), ("directory", "2"), ("dir/b/c", "3"), ("dir/b/d", "4")] {
        space.set(key, value).unwrap();
    }
    assert_eq!(told(&mut watch, 3), pairs(&[("a", "1"), ("c", "3"), ("d", "4")]));
}

fn every_kind_of_change_is_told(space: &Space) {
    let start = space.mkdir("dir").unwrap();
    let mut watch = space.watch_after(&start);
    let set = space.set("file", "1").unwrap();
    space.compare_and_swap("file", set.index().unwrap(), "2").unwrap();
    let updated = space.update("file", "3").unwrap();
    space.compare_and_delete("file", updated.index().unwrap()).unwrap();
    space.create("file", "4").unwrap();
    space.delete("file").unwrap();
    space.send(Push::new(space.at("dir"), "5")).unwrap();
    let kinds: Vec<_> = (0..7).map(|_| watch.change().kind().as_str().to_owned()).collect();
    let expected = ["set", "compareAndSwap", "update", "compareAndDelete"];
    assert_eq!(kinds, [&expected[..], &["create", "delete", "create"]].concat());
}

fn a_watch_from_now_misses_nothing_once_it_has_begun(space: &Space) {
    let done = AtomicBool::new(false);
    let seen: Vec<u32> = thread::scope(|scope| {
        scope.spawn(|| {
            // The watch begins somewhere among these.
            (0..300)
                .map_while(|number| {
                    space.set("counter", &number.to_string()).unwrap();
                    (!done.load(Ordering::Relaxed)).then_some(())
                })
                .count();
        });
        let mut watch = space.keys.watch(space.at("counter"));
        let seen = (0..10).map(|_| watch.change().into_value().unwrap().parse().unwrap()).collect();
        done.store(true, Ordering::Relaxed);
        seen
    });
    assert!(seen.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{seen:?}");
}

fn the_deletion_of_a_directory_is_told_to_watches_below(space: &Space) {
    let start = space.set("a/b/file", "1").unwrap();
    let index = start.index().unwrap();
    let mut watches = [
        space.keys.watch(Wait::new(space.at("a/b/file")).after(index)),
        space.keys.watch(Wait::new(space.at("a/b")).recursive().after(index)),
        space.keys.watch(Wait::new(space.at("")).recursive().after(index)),
    ];
    let deleted = space.delete_all("a").unwrap();
    for watch in &mut watches {
        let change = watch.change();
        assert_eq!(change.kind(), &ChangeKind::Delete);
        assert_eq!(change.node(), deleted.node());
        assert!(change.previous().unwrap().is_dir());
    }
    // It is told once, and the watches go on.
    let set = space.set("a/b/file", "2").unwrap();
    for watch in &mut watches {
        assert_eq!(watch.change().node(), set.node());
    }
}

fn changes_told_are_the_answers_of_the_writes(space: &Space) {
    let start = space.mkdir("dir").unwrap();
    let mut watch = space.watch_after(&start);
    let writes = [
        space.set("file", "1").unwrap(),
        space.set("file", "2").unwrap(),
        space.delete("file").unwrap(),
        space.mkdir("other").unwrap(),
    ];
    for write in &writes {
        let change = watch.change();
        assert_eq!(change.kind(), write.kind());
        assert_eq!(change.node(), write.node());
        assert_eq!(change.previous(), write.previous());
        assert_eq!(change.index(), write.index());
        assert!(change.etcd_index() >= start.index(), "where the wait began");
    }
}

fn a_wait_with_nothing_to_tell_has_no_limit(space: &Space) {
    let limit = Duration::from_millis(200);
    let start = space.set("file", "1").unwrap();
    let impatient = space.with(|policy| {
        policy.read_deadline = Some(limit);
        policy.silence = Some(limit);
    });
    let mut watch = impatient.watch_after(&start);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| watch.change());
        thread::sleep(4 * limit);
        let set = space.set("file", "2").unwrap();
        assert_eq!(waiting.join().unwrap().node(), set.node());
    });
}

fn a_writer_without_answers_is_watched_all_the_same(space: &Space) {
    let start = space.mkdir("dir").unwrap();
    let mut watch = space.watch_after(&start);
    space.send(Set::new(space.at("file"), "1").no_value_on_success()).unwrap();
    assert_eq!(told(&mut watch, 1), pairs(&[("file", "1")]));
}

fn two_watches_are_told_the_same(space: &Space) {
    let start = space.mkdir("dir").unwrap();
    let mut watches = [space.watch_after(&start), space.watch_after(&start)];
    let expected = pairs(&[("a", "1"), ("b", "2"), ("a", "3")]);
    for (key, value) in &expected {
        space.set(key, value).unwrap();
    }
    for watch in &mut watches {
        assert_eq!(told(watch, 3), expected);
    }
}

fn a_hidden_key_is_watched_by_its_own_name(space: &Space) {
    let start = space.set("_hidden", "1").unwrap();
    let wait = Wait::new(space.at("_hidden")).after(start.index().unwrap());
    let mut watch = space.keys.watch(wait);
    space.set("_hidden", "2").unwrap();
    assert_eq!(told(&mut watch, 1), pairs(&[("_hidden", "2")]));
}

/// Servers find the deletion of `/foo` in their history for a watch of `/foobar`, too.
fn a_deleted_neighbour_with_a_shorter_name_is_not_told(space: &Space) {
    let start = space.set("foo/file", "1").unwrap();
    space.delete_all("foo").unwrap();
    let set = space.set("foobar", "2").unwrap();
    let wait = Wait::new(space.at("foobar")).after(start.index().unwrap());
    assert_eq!(space.keys.watch(wait.clone()).change().node(), set.node());
    assert_eq!(space.keys.watch(wait.recursive()).change().node(), set.node());
}
