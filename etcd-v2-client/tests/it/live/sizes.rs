//! Trees that are deep, and trees that are wide.

use std::thread;

use etcd_v2_client::keys::Get;

use super::space::Space;

both! {
    crowded:
    a_deep_tree_is_listed_to_its_ground,
    five_thousand_keys_are_listed_in_order,
}

fn a_deep_tree_is_listed_to_its_ground(space: &Space) {
    const DEPTH: usize = 200;
    let key = vec!["d"; DEPTH].join("/");
    space.set(&format!("{key}/file"), "ground").unwrap();
    // The stack of a thread that has little of it is enough.
    let reader = thread::Builder::new().stack_size(256 << 10);
    let listing = thread::scope(|scope| {
        reader.spawn_scoped(scope, || space.list("").unwrap()).unwrap().join().unwrap()
    });
    let node = listing.node().unwrap();
    assert_eq!(node.descendants().count(), DEPTH + 1);
    assert_eq!(node.leaves().next().unwrap().value(), Some("ground"));
    assert_eq!(node.get(&key).unwrap().children().count(), 1);
    let deepest = space.get(&key).unwrap();
    assert_eq!(deepest.node().unwrap().child("file").unwrap().value(), Some("ground"));
    space.delete_all("").unwrap();
    assert!(space.get("").unwrap_err().is_key_not_found());
}

fn five_thousand_keys_are_listed_in_order(space: &Space) {
    const WRITERS: usize = 20;
    const EACH: usize = 250;
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                for number in 0..EACH {
                    space.set(&format!("{writer:02}/{number:03}"), "some value").unwrap();
                }
            });
        }
    });
    let listing = space.list("").unwrap();
    let node = listing.node().unwrap();
    assert_eq!(node.children().count(), WRITERS);
    let keys: Vec<_> = node.leaves().map(|leaf| leaf.key()).collect();
    assert_eq!(keys.len(), WRITERS * EACH);
    assert!(keys.is_sorted());
    assert!(node.leaves().all(|leaf| leaf.value() == Some("some value")));
    let quorum = space.send(Get::new(space.at("")).recursive().sorted().quorum()).unwrap();
    assert_eq!(quorum.node(), listing.node());
    space.delete_all("").unwrap();
}
