//! Writing files and making directories.

use std::time::Duration;

use etcd_v2_client::keys::{ChangeKind, Set};
use etcd_v2_client::{Code, ErrorKind, Outcome};

use super::space::Space;

both! {
    quiet:
    a_first_set_has_no_previous_node,
    a_second_set_shows_what_was_there,
    a_set_over_a_directory_is_code_102,
    directories_above_are_made_as_needed,
    create_refuses_what_exists,
    update_refuses_what_is_missing,
    update_keeps_the_index_of_creation,
    mkdir_refuses_what_exists_and_keeps_it,
    mkdir_makes_directories_above,
    a_directory_replaces_a_file,
    an_update_to_a_directory_erases_the_value_of_a_file,
    the_root_is_read_only,
    what_makes_no_sense_is_not_sent,
}

both! {
    quiet, needs NO_VALUE:
    an_answer_without_nodes_still_has_its_index,
}

fn a_first_set_has_no_previous_node(space: &Space) {
    let change = space.set("file", "1").unwrap();
    assert_eq!(change.kind(), &ChangeKind::Set);
    assert_eq!(change.key(), Some(&*space.at("file")));
    assert_eq!(change.value(), Some("1"));
    assert_eq!(change.previous(), None);
    let node = change.node().unwrap();
    assert_eq!(node.created_index(), node.modified_index());
    assert_eq!(change.index(), node.modified_index());
    assert_eq!(change.etcd_index(), change.index());
}

fn a_second_set_shows_what_was_there(space: &Space) {
    let first = space.set("file", "1").unwrap();
    let second = space.set("file", "2").unwrap();
    assert_eq!(second.kind(), &ChangeKind::Set);
    assert_eq!(second.value(), Some("2"));
    assert_eq!(second.previous(), first.node());
    assert!(second.index() > first.index());
}

fn a_set_over_a_directory_is_code_102(space: &Space) {
    space.mkdir("dir").unwrap();
    let error = space.set("dir", "1").unwrap_err();
    assert!(error.has_code(Code::NOT_A_FILE), "{error}");
    let error = space.send(Set::new(space.at("dir"), "").directory()).unwrap_err();
    assert!(error.has_code(Code::NOT_A_FILE), "{error}");
    assert!(space.get("dir").unwrap().node().unwrap().is_dir());
}

fn directories_above_are_made_as_needed(space: &Space) {
    space.set("a/b/c", "1").unwrap();
    assert!(space.get("a/b").unwrap().node().unwrap().is_dir());
    let error = space.set("a/b/c/d", "2").unwrap_err();
    assert!(error.has_code(Code::NOT_A_DIRECTORY), "a file is in the way: {error}");
}

fn create_refuses_what_exists(space: &Space) {
    let created = space.create("file", "1").unwrap();
    assert_eq!(created.kind(), &ChangeKind::Create);
    assert_eq!(created.previous(), None);
    let error = space.create("file", "2").unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    let refusal = error.etcd().unwrap();
    assert_eq!(refusal.status.as_u16(), 412);
    assert_eq!(refusal.cause, space.at("file"));
    assert_eq!(error.outcome(), Outcome::Rejected);
    assert_eq!(space.get("file").unwrap().node(), created.node());
}

fn update_refuses_what_is_missing(space: &Space) {
    let error = space.update("file", "1").unwrap_err();
    assert!(error.is_key_not_found(), "{error}");
    assert!(space.get("file").unwrap_err().is_key_not_found());
}

fn update_keeps_the_index_of_creation(space: &Space) {
    let created = space.create("file", "1").unwrap();
    let updated = space.update("file", "2").unwrap();
    assert_eq!(updated.kind(), &ChangeKind::Update);
    assert_eq!(updated.previous(), created.node());
    assert_eq!(updated.node().unwrap().created_index(), created.index());
    let set = space.set("file", "3").unwrap();
    assert_eq!(set.node().unwrap().created_index(), set.index(), "a set begins anew");
}

fn mkdir_refuses_what_exists_and_keeps_it(space: &Space) {
    let file = space.set("file", "precious").unwrap();
    space.set("dir/child", "precious").unwrap();
    for taken in ["file", "dir"] {
        let error = space.mkdir(taken).unwrap_err();
        assert!(error.is_already_exists(), "{error}");
    }
    assert_eq!(space.get("file").unwrap().node(), file.node());
    assert_eq!(space.get("dir/child").unwrap().value(), Some("precious"));
}

fn mkdir_makes_directories_above(space: &Space) {
    let made = space.mkdir("a/b/c").unwrap();
    assert_eq!(made.kind(), &ChangeKind::Create);
    let node = made.node().unwrap();
    assert!(node.is_dir());
    assert_eq!(node.key(), space.at("a/b/c"));
    assert_eq!(made.value(), None);
    assert_eq!(space.list("").unwrap().node().unwrap().descendants().count(), 3);
}

/// As the documentation of `Set::directory` warns.
fn a_directory_replaces_a_file(space: &Space) {
    let file = space.set("file", "gone").unwrap();
    let change = space.send(Set::new(space.at("file"), "").directory()).unwrap();
    assert_eq!(change.kind(), &ChangeKind::Set);
    assert!(change.node().unwrap().is_dir());
    assert_eq!(change.previous(), file.node());
    assert!(space.get("file").unwrap().node().unwrap().is_dir());
}

/// As the documentation of `Set::directory` warns.
fn an_update_to_a_directory_erases_the_value_of_a_file(space: &Space) {
    space.set("file", "gone").unwrap();
    let request = Set::new(space.at("file"), "").directory().if_exists();
    let change = space.send(request.ttl(Duration::from_secs(60))).unwrap();
    assert_eq!(change.kind(), &ChangeKind::Update);
    assert_eq!(change.previous().unwrap().value(), Some("gone"));
    let read = space.get("file").unwrap();
    assert!(read.node().unwrap().is_file(), "it is not even a directory then");
    assert_eq!(read.value(), Some(""));
}

fn the_root_is_read_only(space: &Space) {
    for request in [Set::new("/", "1"), Set::create("/", "1"), Set::mkdir("/")] {
        let error = space.send(request).unwrap_err();
        assert!(error.has_code(Code::ROOT_READ_ONLY), "{error}");
    }
}

fn an_answer_without_nodes_still_has_its_index(space: &Space) {
    let first = space.set("file", "1").unwrap();
    let request = Set::new(space.at("file"), "2").no_value_on_success();
    let change = space.send(request.clone()).unwrap();
    assert_eq!(change.kind(), &ChangeKind::Set);
    assert_eq!((change.node(), change.previous()), (None, None));
    assert_eq!((change.key(), change.value()), (None, None));
    assert!(change.index() > first.index());
    let read = space.get("file").unwrap();
    assert_eq!(read.value(), Some("2"));
    assert_eq!(read.index(), change.index());

    let index = change.index().unwrap();
    let swapped = space.send(request.value("3").if_index(index)).unwrap();
    assert_eq!(swapped.kind(), &ChangeKind::CompareAndSwap);
    assert_eq!(swapped.node(), None);
    assert_eq!(space.get("file").unwrap().index(), swapped.index());
}

fn what_makes_no_sense_is_not_sent(space: &Space) {
    let file = || Set::new(space.at("file"), "1");
    for (field, request) in [
        ("prevValue", file().if_value("")),
        ("prevIndex", file().if_index(0)),
        ("prevExist", file().if_absent().if_index(7)),
        ("ttl", file().ttl(Duration::ZERO)),
        ("value", Set::refresh(space.at("file"), Duration::from_secs(9)).value("1")),
        ("key", Set::new(space.at("../file"), "1")),
    ] {
        let error = space.send(request).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Invalid(it) if it.field == field), "{error}");
        assert_eq!(error.outcome(), Outcome::NotSent);
    }
    assert!(space.get("").unwrap_err().is_key_not_found());
}
