//! Reading files and directories.

use etcd_v2_client::Code;
use etcd_v2_client::keys::{ChangeKind, Content, Get};

use super::space::Space;

both! {
    quiet:
    a_missing_key_is_code_100,
    the_cause_names_the_first_missing_directory,
    a_file_has_its_value_and_indices,
    a_key_below_a_file_is_code_104,
    a_directory_lists_its_children_only,
    a_recursive_listing_has_everything_in_order,
    an_empty_directory_is_no_file,
    the_root_has_neither_key_nor_indices,
    a_quorum_read_sees_the_last_write,
    hidden_keys_are_left_out_of_listings,
    every_answer_says_who_gave_it,
}

fn a_missing_key_is_code_100(space: &Space) {
    let error = space.get("missing").unwrap_err();
    assert!(error.is_key_not_found(), "{error}");
    let refusal = error.etcd().unwrap();
    assert_eq!((refusal.code, refusal.status.as_u16()), (Code::KEY_NOT_FOUND, 404));
    assert_eq!(refusal.message, "Key not found");
    assert!(refusal.index > 0);
    assert_eq!(error.outcome(), etcd_v2_client::Outcome::Rejected);
    assert!(!error.may_have_applied());
    assert_eq!(error.endpoint().unwrap().as_str(), space.client.pinned());
}

fn the_cause_names_the_first_missing_directory(space: &Space) {
    space.set("here/file", "1").unwrap();
    let error = space.get("here/not/there").unwrap_err();
    assert_eq!(error.etcd().unwrap().cause, space.at("here/not"));
}

fn a_file_has_its_value_and_indices(space: &Space) {
    let first = space.set("file", "one").unwrap();
    let second = space.update("file", "two").unwrap();
    let read = space.get("file").unwrap();
    assert_eq!(read.kind(), &ChangeKind::Get);
    assert_eq!(read.key(), Some(&*space.at("file")));
    assert_eq!(read.value(), Some("two"));
    assert_eq!(read.previous(), None);
    let node = read.node().unwrap();
    assert_eq!(node.content(), Content::File(Some("two")));
    assert_eq!(node.created_index(), first.index());
    assert_eq!(node.modified_index(), second.index());
    assert_eq!((node.ttl(), node.expiration()), (None, None));
    assert_eq!(read.into_value().unwrap(), "two");
}

fn a_key_below_a_file_is_code_104(space: &Space) {
    space.set("file", "1").unwrap();
    let error = space.get("file/below").unwrap_err();
    assert!(error.has_code(Code::NOT_A_DIRECTORY), "{error}");
    assert_eq!(error.etcd().unwrap().cause, space.at("file"));
}

fn a_directory_lists_its_children_only(space: &Space) {
    space.set("b", "2").unwrap();
    space.set("a/deep", "1").unwrap();
    let listing = space.get("").unwrap();
    let node = listing.node().unwrap();
    assert!(node.is_dir());
    assert_eq!(node.value(), None);
    let mut children: Vec<_> =
        node.children().map(|child| (child.name(), child.is_dir())).collect();
    children.sort_unstable();
    assert_eq!(children, [("a", true), ("b", false)]);
    assert_eq!(node.get("a/deep"), None, "what is deeper is not listed");
}

fn a_recursive_listing_has_everything_in_order(space: &Space) {
    for key in ["c/2", "c/1", "b", "a/x/y"] {
        space.set(key, key).unwrap();
    }
    let listing = space.list("").unwrap();
    let node = listing.node().unwrap();
    let below = space.at("").len() + 1;
    let keys: Vec<_> = node.descendants().map(|node| &node.key()[below..]).collect();
    assert_eq!(keys, ["a", "a/x", "a/x/y", "b", "c", "c/1", "c/2"]);
    let leaves: Vec<_> = node.leaves().map(|leaf| leaf.value().unwrap()).collect();
    assert_eq!(leaves, ["a/x/y", "b", "c/1", "c/2"]);
    assert_eq!(node.get("c/2").unwrap().value(), Some("c/2"));

    let sorted = space.send(Get::new(space.at("c")).sorted()).unwrap();
    let names: Vec<_> = sorted.node().unwrap().children().map(|child| child.name()).collect();
    assert_eq!(names, ["1", "2"]);
}

fn an_empty_directory_is_no_file(space: &Space) {
    space.mkdir("empty").unwrap();
    space.set("file", "").unwrap();
    let read = space.get("empty").unwrap();
    assert!(read.node().unwrap().is_dir());
    assert_eq!(read.node().unwrap().children().count(), 0);
    assert_eq!(read.value(), None);
    let read = space.get("file").unwrap();
    assert!(read.node().unwrap().is_file());
    assert_eq!(read.value(), Some(""));
}

fn the_root_has_neither_key_nor_indices(space: &Space) {
    space.set("file", "1").unwrap();
    for root in ["/", "", "//"] {
        let read = space.send(Get::new(root)).unwrap();
        let node = read.node().unwrap();
        assert!(node.is_dir());
        assert_eq!((node.key(), node.name()), ("/", ""));
        assert_eq!((node.created_index(), node.modified_index()), (None, None));
        assert_eq!(read.index(), None);
        assert!(read.etcd_index().is_some(), "there is an index to watch from");
        assert!(node.get(&space.at("")).unwrap().is_dir());
    }
}

fn a_quorum_read_sees_the_last_write(space: &Space) {
    let written = space.set("file", "1").unwrap();
    let read = space.send(Get::new(space.at("file")).quorum()).unwrap();
    assert_eq!(read.node(), written.node());
    let listing = space.send(Get::new(space.at("")).quorum().recursive().sorted()).unwrap();
    assert_eq!(listing.node().unwrap().children().count(), 1);
    let missing = space.send(Get::new(space.at("missing")).quorum()).unwrap_err();
    assert!(missing.is_key_not_found(), "{missing}");
}

fn hidden_keys_are_left_out_of_listings(space: &Space) {
    for key in ["_hidden", "_dir/inside", "dir/_hidden", "seen"] {
        space.set(key, key).unwrap();
    }
    let listing = space.list("").unwrap();
    let names: Vec<_> = listing.node().unwrap().descendants().map(|node| node.name()).collect();
    assert_eq!(names, ["dir", "seen"]);

    let direct = space.get("_hidden").unwrap();
    assert_eq!(direct.value(), Some("_hidden"));
    assert!(direct.node().unwrap().is_hidden());
    let inside = space.list("_dir").unwrap();
    assert_eq!(
        inside.node().unwrap().children().map(|child| child.name()).collect::<Vec<_>>(),
        ["inside"]
    );
}

fn every_answer_says_who_gave_it(space: &Space) {
    let written = space.set("file", "1").unwrap();
    let read = space.get("file").unwrap();
    for answer in [&written, &read] {
        assert!(answer.raft_index().is_some() && answer.raft_term().is_some());
        assert!(answer.cluster_id().is_some());
    }
    assert_eq!(written.cluster_id(), read.cluster_id());
    assert_eq!(written.etcd_index(), written.index());
    assert!(read.etcd_index() >= written.etcd_index());
}
