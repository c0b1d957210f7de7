//! Views of the keys with a root of their own.

use std::time::Duration;

use etcd_v2_client::ErrorKind;
use etcd_v2_client::keys::{Change, Get, Wait};

use super::space::Space;

both! {
    quiet:
    directories_are_made_and_deleted_below_the_root,
    listings_are_told_from_the_root_on,
    watches_are_told_from_the_root_on,
    roots_can_be_nested,
    the_root_is_named_with_and_without_a_slash,
    nothing_leads_out_of_the_root,
}

both! {
    quiet, needs REFRESH:
    every_call_stays_below_the_root,
}

fn every_call_stays_below_the_root(space: &Space) {
    let root = space.chrooted();
    let told = |change: &Change| change.key().unwrap().to_owned();
    let value = || space.get("file").unwrap().into_value().unwrap();

    assert_eq!(told(&root.create("file", "1").unwrap()), "/file");
    assert_eq!(value(), "1");
    let set = root.set("file", "2").unwrap();
    assert_eq!((told(&set), set.previous().unwrap().key()), ("/file".to_owned(), "/file"));
    assert_eq!(told(&root.update("file", "3").unwrap()), "/file");
    let swapped = root.get("file").unwrap();
    assert_eq!(told(&swapped), "/file");
    let swapped = root.compare_and_swap("file", swapped.index().unwrap(), "4").unwrap();
    assert_eq!((told(&swapped), value()), ("/file".to_owned(), "4".to_owned()));
    assert_eq!(told(&root.set_for("file", "5", Duration::from_secs(60)).unwrap()), "/file");
    let refreshed = root.refresh("file", Duration::from_secs(60)).unwrap();
    assert_eq!((told(&refreshed), value()), ("/file".to_owned(), "5".to_owned()));
    let deleted = root.compare_and_delete("file", refreshed.index().unwrap()).unwrap();
    assert_eq!((told(&deleted), deleted.previous().unwrap().key()), ("/file".to_owned(), "/file"));
    assert!(space.get("file").unwrap_err().is_key_not_found());
    root.set("file", "6").unwrap();
    assert_eq!(told(&root.delete("file").unwrap()), "/file");
    assert!(root.delete("file").unwrap_err().is_key_not_found());
}

fn directories_are_made_and_deleted_below_the_root(space: &Space) {
    let root = space.chrooted();
    let pushed = root.push("queue", "1").unwrap();
    let name = pushed.key().unwrap().strip_prefix("/queue/").unwrap().to_owned();
    assert_eq!(space.get(&format!("queue/{name}")).unwrap().value(), Some("1"));
    assert_eq!(root.delete_all("queue").unwrap().key(), Some("/queue"));
    assert_eq!(root.mkdir("folder").unwrap().key(), Some("/folder"));
    assert!(space.get("folder").unwrap().node().unwrap().is_dir());
    assert_eq!(root.delete_dir("folder").unwrap().key(), Some("/folder"));
    assert!(space.get("folder").unwrap_err().is_key_not_found());
}

fn listings_are_told_from_the_root_on(space: &Space) {
    let root = space.chrooted();
    for key in ["a", "b/c", "b/d"] {
        root.set(key, key).unwrap();
    }
    let list = root.list("").unwrap();
    let node = list.node().unwrap();
    assert_eq!(node.key(), "/");
    let keys: Vec<_> = node.children().map(|child| child.key()).collect();
    assert_eq!(keys, ["/a", "/b"]);
    let below = node.children().nth(1).unwrap();
    let keys: Vec<_> = below.children().map(|child| child.key()).collect();
    assert_eq!(keys, ["/b/c", "/b/d"]);
    let list = root.list("b").unwrap();
    assert_eq!(list.key(), Some("/b"));
}

fn watches_are_told_from_the_root_on(space: &Space) {
    let root = space.chrooted();
    let start = root.set("file", "0").unwrap();
    let after = start.index().unwrap();
    let mut watch = root.watch_after(&start);
    root.set("file", "1").unwrap();
    root.delete("file").unwrap();
    let change = watch.change();
    assert_eq!((change.key(), change.value()), (Some("/file"), Some("1")));
    assert_eq!(change.previous().unwrap().key(), "/file");
    assert_eq!(watch.change().key(), Some("/file"));
    let waited = root.keys.wait(Wait::new("/file").after(after)).unwrap();
    assert_eq!(waited.key(), Some("/file"));
    // The root itself can be watched, too.
    let mut watch = root.keys.watch(Wait::new("/").recursive().after(after));
    assert_eq!(watch.change().key(), Some("/file"));
}

fn roots_can_be_nested(space: &Space) {
    let inner = space.chrooted().keys.chroot("/a").unwrap().chroot("b//c/").unwrap();
    space.set("a/b/c/file", "1").unwrap();
    let read = inner.send(Get::new("/file")).unwrap();
    assert_eq!((read.key(), read.value()), (Some("/file"), Some("1")));
    // A root whose name begins like another one's is another one.
    space.set("a/b/cc", "2").unwrap();
    let inner = space.chrooted().keys.chroot("/a/b").unwrap();
    assert_eq!(inner.send(Get::new("/cc")).unwrap().key(), Some("/cc"));
    // The root of all keys changes nothing.
    let all = space.keys.chroot("/").unwrap();
    let key = space.at("a/b/cc");
    assert_eq!(all.send(Get::new(&*key)).unwrap().key(), Some(&*key));
}

fn the_root_is_named_with_and_without_a_slash(space: &Space) {
    space.set("a/b", "1").unwrap();
    for root in ["/a", "a", "/a/", "a//"] {
        let keys = space.chrooted().keys.chroot(root).unwrap();
        for nested in [keys.clone(), keys.chroot("").unwrap(), keys.chroot("/").unwrap()] {
            for key in ["", "/", "//"] {
                let listing = nested.send(Get::new(key)).unwrap();
                let children = listing.node().unwrap().children().map(|child| child.key());
                assert_eq!((listing.key(), Vec::from_iter(children)), (Some("/"), vec!["/b"]));
            }
            for key in ["b", "/b", "b/"] {
                assert_eq!(nested.send(Get::new(key)).unwrap().value(), Some("1"), "{key}");
            }
        }
    }
}

fn nothing_leads_out_of_the_root(space: &Space) {
    let invalid = |error: &etcd_v2_client::Error| matches!(error.kind(), ErrorKind::Invalid(_));
    for root in ["..", "/a/../b", "/a/.", "/."] {
        let error = space.keys.chroot(root).unwrap_err();
        assert!(invalid(&error), "{root}: {error}");
        let error = space.chrooted().keys.chroot(root).unwrap_err();
        assert!(invalid(&error), "{root}: {error}");
    }
    let root = space.chrooted();
    for key in ["..", "../file", "a/../../file", "."] {
        for error in [
            root.get(key).unwrap_err(),
            root.set(key, "1").unwrap_err(),
            root.delete_all(key).unwrap_err(),
            root.push(key, "1").unwrap_err(),
            root.keys.wait(Wait::new(format!("/{key}"))).unwrap_err(),
        ] {
            assert!(invalid(&error), "{key}: {error}");
        }
    }
}
