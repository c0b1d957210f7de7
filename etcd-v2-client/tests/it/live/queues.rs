//! Keys in order.

use std::time::Duration;

use etcd_v2_client::Code;
use etcd_v2_client::keys::{ChangeKind, Push};

use super::space::Space;

both! {
    quiet:
    a_directory_can_be_pushed,
    a_pushed_key_can_have_a_ttl,
    nothing_is_pushed_below_a_file,
    a_push_to_the_root_works,
}

both! {
    quiet, needs PADDED_NAMES:
    names_sort_as_they_were_pushed,
}

fn names_sort_as_they_were_pushed(space: &Space) {
    let pushed: Vec<_> =
        (0..12).map(|job| space.push("queue", &format!("job {job}")).unwrap()).collect();
    for change in &pushed {
        assert_eq!(change.kind(), &ChangeKind::Create);
        let name = change.node().unwrap().name();
        assert_eq!(name.len(), 20);
        assert_eq!(name.parse(), Ok(change.index().unwrap()));
    }
    let listing = space.list("queue").unwrap();
    let listed: Vec<_> = listing.node().unwrap().children().collect();
    assert_eq!(listed, pushed.iter().map(|change| change.node().unwrap()).collect::<Vec<_>>());
}

fn a_directory_can_be_pushed(space: &Space) {
    let pushed = space.send(Push::directory(space.at("queue"))).unwrap();
    let node = pushed.node().unwrap();
    assert!(node.is_dir());
    space.set(&format!("queue/{}/file", node.name()), "1").unwrap();
    assert_eq!(space.list("queue").unwrap().node().unwrap().leaves().count(), 1);
}

fn a_pushed_key_can_have_a_ttl(space: &Space) {
    let minute = Duration::from_secs(60);
    for push in [Push::new(space.at("queue"), "1"), Push::directory(space.at("queue"))] {
        let pushed = space.send(push.ttl(minute)).unwrap();
        assert_eq!(pushed.node().unwrap().ttl(), Some(minute));
    }
}

fn nothing_is_pushed_below_a_file(space: &Space) {
    space.set("file", "1").unwrap();
    let error = space.push("file", "2").unwrap_err();
    assert!(error.has_code(Code::NOT_A_DIRECTORY), "{error}");
    assert_eq!(space.get("file").unwrap().value(), Some("1"));
}

fn a_push_to_the_root_works(space: &Space) {
    let pushed = space.send(Push::new("/", space.at(""))).unwrap();
    assert_eq!(pushed.key().unwrap().len(), "/".len() + 20);
    let key = pushed.key().unwrap();
    let deleted = space.send(etcd_v2_client::keys::Delete::new(key)).unwrap();
    assert_eq!(deleted.previous(), pushed.node());
}
