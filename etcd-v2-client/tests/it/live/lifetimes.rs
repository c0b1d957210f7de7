//! Times to live.

use std::time::{Duration, SystemTime};

use etcd_v2_client::keys::{ChangeKind, Push, Set, Wait};
use etcd_v2_client::{Code, ErrorKind, Outcome};

use super::space::Space;
use super::views::Server;

both! {
    quiet:
    a_ttl_and_an_expiration_agree,
    fractions_of_a_second_are_rounded_up,
    a_long_ttl_is_understood_or_refused,
    an_expired_file_is_told_to_its_watch,
    an_expired_directory_takes_all_with_it,
    a_write_without_a_ttl_is_for_good,
    a_ttl_can_be_taken_away_in_so_many_words,
}

both! {
    quiet, needs REFRESH:
    a_refresh_keeps_the_value_and_tells_nobody,
    a_refresh_renews_a_directory_too,
    a_refresh_does_not_make_anything,
    a_refresh_may_depend_on_the_index,
    a_refresh_without_a_condition_extends_the_key_of_another_owner,
}

const MINUTE: Duration = Duration::from_secs(60);

fn a_ttl_and_an_expiration_agree(space: &Space) {
    let before = SystemTime::now();
    let set = space.set_for("file", "1", MINUTE).unwrap();
    let after = SystemTime::now();
    let node = set.node().unwrap();
    assert_eq!(node.ttl(), Some(MINUTE));
    let expiration = node.expiration().unwrap();
    assert!(expiration >= before + MINUTE - Duration::from_secs(1), "{set:?}");
    assert!(expiration <= after + MINUTE, "{set:?}");

    let read = space.get("file").unwrap();
    assert_eq!(read.node().unwrap().expiration(), Some(expiration));
    assert!(read.node().unwrap().ttl() <= Some(MINUTE));
    let created = space.send(Set::create(space.at("other"), "1").ttl(MINUTE)).unwrap();
    assert_eq!(created.node().unwrap().ttl(), Some(MINUTE));
    let pushed = space.send(Push::new(space.at("jobs"), "1").ttl(MINUTE)).unwrap();
    assert_eq!(pushed.node().unwrap().ttl(), Some(MINUTE));
}

fn fractions_of_a_second_are_rounded_up(space: &Space) {
    let set = space.set_for("file", "1", Duration::from_millis(59_001)).unwrap();
    assert_eq!(set.node().unwrap().ttl(), Some(MINUTE));
}

/// Servers count nanoseconds since 1970 and have no more of them after the year 2262: without a word,
/// they make a key permanent that would live longer.
fn a_long_ttl_is_understood_or_refused(space: &Space) {
    for years in [1, 30, 100, 140, 200, 230, 240, 260, 280, 290, 292, 293, 1000] {
        let ttl = Duration::from_secs(years * 31_556_952);
        match space.set_for("file", "1", ttl) {
            Ok(set) => assert_eq!(set.node().unwrap().ttl(), Some(ttl), "{years} years"),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Invalid(it) if it.field == "ttl"));
                assert!(years > 100, "{error}");
            }
        }
    }
}

fn an_expired_file_is_told_to_its_watch(space: &Space) {
    let set = space.set_for("file", "1", Duration::from_millis(1)).unwrap();
    let mut watch = space.keys.watch(Wait::new(space.at("file")).after(set.index().unwrap()));
    let change = watch.change();
    assert_eq!(change.kind(), &ChangeKind::Expire);
    assert!(change.kind().is_removal());
    assert_eq!(change.key(), Some(&*space.at("file")));
    assert_eq!(change.value(), None);
    assert_eq!(change.previous().unwrap().value(), Some("1"));
    assert!(space.get("file").unwrap_err().is_key_not_found());
}

/// From 3.5 on, no server can change a directory that exists.
fn directories_can_be_updated(space: &Space) -> bool {
    !Server(&space.client).is_from((3, 5))
}

fn an_expired_directory_takes_all_with_it(space: &Space) {
    let dir = || Set::new(space.at("dir"), "").directory();
    let set = if directories_can_be_updated(space) {
        let set = space.set("dir/file", "1").unwrap();
        space.send(dir().if_exists().ttl(Duration::from_secs(1))).unwrap();
        set
    } else {
        // Long enough to get the file into it first.
        space.send(dir().if_absent().ttl(Duration::from_secs(4))).unwrap();
        space.set("dir/file", "1").unwrap()
    };
    let mut watch = space.keys.watch(Wait::new(space.at("dir/file")).after(set.index().unwrap()));
    let change = watch.change();
    assert_eq!(change.kind(), &ChangeKind::Expire);
    assert_eq!(change.key(), Some(&*space.at("dir")), "it is the directory that is gone");
    assert!(change.node().unwrap().is_dir());
    assert!(space.get("dir/file").unwrap_err().is_key_not_found());

    // From their history, servers tell it to watches of what only begins with its name, too.
    let neighbour = space.set("directory", "2").unwrap();
    let wait = Wait::new(space.at("directory")).since(&set);
    assert_eq!(space.keys.watch(wait.clone()).change().node(), neighbour.node());
    assert_eq!(space.keys.watch(wait.recursive()).change().node(), neighbour.node());
}

fn a_write_without_a_ttl_is_for_good(space: &Space) {
    space.set_for("file", "1", MINUTE).unwrap();
    for write in [
        Set::new(space.at("file"), "2"),
        Set::update(space.at("file"), "2"),
        Set::new(space.at("file"), "2").if_value("2"),
    ] {
        space.send(Set::new(space.at("file"), "2").ttl(MINUTE)).unwrap();
        let change = space.send(write).unwrap();
        assert_eq!(change.node().unwrap().ttl(), None);
        assert_eq!(change.node().unwrap().expiration(), None);
        assert_eq!(change.previous().unwrap().ttl(), Some(MINUTE));
    }
    assert_eq!(space.get("file").unwrap().node().unwrap().ttl(), None);
}

fn a_ttl_can_be_taken_away_in_so_many_words(space: &Space) {
    space.set_for("file", "1", MINUTE).unwrap();
    let change = space.send(Set::update(space.at("file"), "1").without_ttl()).unwrap();
    assert_eq!(change.node().unwrap().ttl(), None);
}

fn a_refresh_keeps_the_value_and_tells_nobody(space: &Space) {
    let set = space.set_for("file", "kept", MINUTE).unwrap();
    let mut watch = space.watch_after(&set);
    let refreshed = space.refresh("file", 2 * MINUTE).unwrap();
    assert_eq!(refreshed.kind(), &ChangeKind::Update);
    assert_eq!(refreshed.value(), Some("kept"));
    assert_eq!(refreshed.node().unwrap().ttl(), Some(2 * MINUTE));
    assert!(refreshed.index() > set.index());
    assert_eq!(space.get("file").unwrap().value(), Some("kept"));

    let written = space.set("after", "1").unwrap();
    assert_eq!(watch.change().node(), written.node(), "the refresh is not told");
}

fn a_refresh_renews_a_directory_too(space: &Space) {
    if !directories_can_be_updated(space) {
        return a_directory_that_is_not_renewed_stays_as_it_was(space);
    }
    space.set("dir/file", "kept").unwrap();
    let refreshed = space.refresh("dir", MINUTE).unwrap();
    assert!(refreshed.node().unwrap().is_dir());
    let listing = space.list("dir").unwrap();
    assert!(listing.node().unwrap().ttl().unwrap() > Duration::from_secs(50));
    assert_eq!(listing.node().unwrap().child("file").unwrap().value(), Some("kept"));
    space.refresh("dir", 2 * MINUTE).unwrap();
    assert!(space.get("dir").unwrap().node().unwrap().ttl() > Some(MINUTE));
}

fn a_directory_that_is_not_renewed_stays_as_it_was(space: &Space) {
    let made = space.send(Set::mkdir(space.at("dir")).ttl(MINUTE)).unwrap();
    space.set("dir/file", "kept").unwrap();
    for change in [
        Set::refresh(space.at("dir"), 2 * MINUTE),
        Set::new(space.at("dir"), "").directory().if_exists().ttl(2 * MINUTE),
        Set::new(space.at("dir"), "").directory().if_exists().without_ttl(),
    ] {
        let error = space.send(change).unwrap_err();
        assert!(error.has_code(Code::RAFT_INTERNAL), "{error}");
        assert!(error.to_string().contains("Not a file"), "{error}");
        assert_eq!(error.outcome(), Outcome::Rejected, "that is certain");
    }
    let listing = space.list("dir").unwrap();
    let (now, before) = (listing.node().unwrap(), made.node().unwrap());
    assert_eq!(now.expiration(), before.expiration());
    assert_eq!(now.modified_index(), before.modified_index());
    assert_eq!(now.child("file").unwrap().value(), Some("kept"));
}

fn a_refresh_does_not_make_anything(space: &Space) {
    let error = space.refresh("missing", MINUTE).unwrap_err();
    assert!(error.is_key_not_found(), "{error}");
    assert!(space.get("missing").unwrap_err().is_key_not_found());
}

fn a_refresh_may_depend_on_the_index(space: &Space) {
    let set = space.set_for("lock", "me", MINUTE).unwrap();
    let renew = |index| space.send(Set::refresh(space.at("lock"), MINUTE).if_index(index));
    let renewed = renew(set.index().unwrap()).unwrap();
    assert_eq!(renewed.value(), Some("me"));
    assert!(renewed.index() > set.index());
    assert!(renew(set.index().unwrap()).unwrap_err().is_compare_failed());
    renew(renewed.index().unwrap()).unwrap();
}

fn a_refresh_without_a_condition_extends_the_key_of_another_owner(space: &Space) {
    let mine = space.set_for("lock", "me", MINUTE).unwrap();
    // It expired, and another owner created it.
    space.delete("lock").unwrap();
    let theirs = space.set_for("lock", "another", MINUTE).unwrap();

    let mine = Set::refresh(space.at("lock"), 2 * MINUTE).if_index(mine.index().unwrap());
    assert!(space.send(mine).unwrap_err().is_compare_failed());
    assert_eq!(space.get("lock").unwrap().index(), theirs.index());

    let extended = space.refresh("lock", 2 * MINUTE).unwrap();
    assert_eq!(extended.value(), Some("another"));
    assert_eq!(extended.node().unwrap().ttl(), Some(2 * MINUTE));
}
