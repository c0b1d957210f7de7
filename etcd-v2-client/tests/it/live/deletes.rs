//! Deleting files and directories.

use etcd_v2_client::Code;
use etcd_v2_client::keys::{ChangeKind, Delete};

use super::space::Space;

both! {
    quiet:
    a_deleted_file_is_shown_once_more,
    a_missing_file_is_code_100,
    a_directory_is_not_deleted_as_a_file,
    an_empty_directory_is_deleted_as_one,
    a_full_directory_is_code_108,
    everything_is_deleted_recursively,
    the_root_is_never_deleted,
}

fn a_deleted_file_is_shown_once_more(space: &Space) {
    let set = space.set("file", "1").unwrap();
    let deleted = space.delete("file").unwrap();
    assert_eq!(deleted.kind(), &ChangeKind::Delete);
    assert!(deleted.kind().is_removal());
    assert_eq!(deleted.key(), Some(&*space.at("file")));
    assert_eq!(deleted.value(), None);
    assert_eq!(deleted.previous(), set.node());
    assert!(deleted.index() > set.index());
    assert!(space.get("file").unwrap_err().is_key_not_found());
    assert!(space.get("").unwrap().node().unwrap().is_dir(), "the directory stays");
}

fn a_missing_file_is_code_100(space: &Space) {
    let error = space.delete("missing").unwrap_err();
    assert!(error.is_key_not_found(), "{error}");
    assert!(space.delete_all("missing").unwrap_err().is_key_not_found());
    assert!(space.delete_dir("missing").unwrap_err().is_key_not_found());
}

fn a_directory_is_not_deleted_as_a_file(space: &Space) {
    space.mkdir("dir").unwrap();
    let error = space.delete("dir").unwrap_err();
    assert!(error.has_code(Code::NOT_A_FILE), "{error}");
    assert_eq!(error.etcd().unwrap().status.as_u16(), 403);
    assert!(space.get("dir").unwrap().node().unwrap().is_dir());
}

fn an_empty_directory_is_deleted_as_one(space: &Space) {
    space.mkdir("dir").unwrap();
    let deleted = space.delete_dir("dir").unwrap();
    assert_eq!(deleted.kind(), &ChangeKind::Delete);
    assert!(deleted.node().unwrap().is_dir());
    assert!(deleted.previous().unwrap().is_dir());
    // A file is deleted by it just as well.
    space.set("file", "1").unwrap();
    assert_eq!(space.delete_dir("file").unwrap().previous().unwrap().value(), Some("1"));
    assert_eq!(space.get("").unwrap().node().unwrap().children().count(), 0);
}

fn a_full_directory_is_code_108(space: &Space) {
    space.set("dir/file", "1").unwrap();
    let error = space.delete_dir("dir").unwrap_err();
    assert!(error.has_code(Code::DIRECTORY_NOT_EMPTY), "{error}");
    assert_eq!(error.etcd().unwrap().cause, space.at("dir"));
    assert_eq!(space.get("dir/file").unwrap().value(), Some("1"));
}

fn everything_is_deleted_recursively(space: &Space) {
    for key in ["dir/a/b", "dir/c", "dir/_hidden/d"] {
        space.set(key, "1").unwrap();
    }
    let deleted = space.delete_all("dir").unwrap();
    assert_eq!(deleted.key(), Some(&*space.at("dir")));
    let previous = deleted.previous().unwrap();
    assert!(previous.is_dir());
    assert_eq!(previous.children().count(), 0, "what was in it is not told");
    for gone in ["dir", "dir/c", "dir/_hidden/d"] {
        assert!(space.get(gone).unwrap_err().is_key_not_found());
    }
}

fn the_root_is_never_deleted(space: &Space) {
    for request in [Delete::new("/"), Delete::new("/").directory(), Delete::new("/").recursive()] {
        let error = space.send(request).unwrap_err();
        assert!(error.has_code(Code::ROOT_READ_ONLY), "{error}");
    }
}
