//! Keys of every kind.

use std::collections::BTreeMap;

use etcd_v2_client::keys::{Get, Set, Wait};
use etcd_v2_client::{ErrorKind, Outcome};

use super::patience::until;
use super::space::Space;

both! {
    crowded:
    awkward_names_come_back_as_they_were,
    generated_names_come_back_as_they_were,
    names_that_look_alike_are_different_keys,
    an_escaped_dot_is_an_ordinary_name,
    a_watch_finds_an_awkward_name,
    slashes_in_a_row_are_one,
    nothing_outside_of_the_key_space_is_reached,
    long_names_come_back_as_they_were,
    a_name_too_long_for_a_fresh_connection_is_explained,
}

/// Each is one segment.
const AWKWARD: [&str; 62] = [
    " ",
    "  ",
    " a ",
    "a b",
    "%",
    "%%",
    "%2",
    "%zz",
    "%20",
    "%2F",
    "%2f",
    "%00",
    "?",
    "a?b=c",
    "?recursive=true",
    "#",
    "#a",
    "+",
    "a+b",
    ";",
    "a;b",
    "&",
    "a&b",
    "=",
    "@",
    ":",
    "a:b",
    ",",
    "$",
    "!",
    "'",
    "\"",
    "`",
    "(",
    ")",
    "*",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "|",
    "^",
    "~",
    "\\",
    "..\\members",
    "...",
    ".a",
    "a.",
    "-",
    "\0",
    "a\0b",
    "\t",
    "\n",
    "\r\n",
    "\u{1}\u{1f}\u{7f}",
    "\u{e9}",
    "e\u{301}",
    "\u{1f980}",
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
    "\u{feff}\u{2028}\u{202e}\u{ffff}",
];

fn awkward_names_come_back_as_they_were(space: &Space) {
    for name in AWKWARD {
        let set = space.set(name, name).unwrap();
        assert_eq!(set.key(), Some(&*space.at(name)));
        assert_eq!(set.value(), Some(name));
        assert_eq!(set.node().unwrap().name(), name);
        assert_eq!(space.get(name).unwrap().node(), set.node(), "{name:?}");
    }
    let listing = space.list("").unwrap();
    let mut names: Vec<_> = listing.node().unwrap().children().map(|child| child.name()).collect();
    names.sort_unstable();
    let mut expected = AWKWARD.to_vec();
    expected.sort_unstable();
    assert_eq!(names, expected);
    for name in AWKWARD {
        assert_eq!(space.delete(name).unwrap().previous().unwrap().name(), name);
    }
    assert_eq!(space.get("").unwrap().node().unwrap().children().count(), 0);
}

/// Names made of what is awkward, always the same ones.
fn generated(count: usize) -> BTreeMap<String, String> {
    let letters: Vec<char> = AWKWARD.iter().flat_map(|name| name.chars()).chain('a'..'f').collect();
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut keys = BTreeMap::new();
    while keys.len() < count {
        let segments: Vec<String> = (0..=random(3))
            .map(|_| (0..=random(12)).map(|_| letters[random(letters.len())]).collect())
            .collect();
        // A hidden name would be missing from the listing, and a key may not be another's directory.
        if segments.iter().all(|segment| segment != "." && segment != "..") {
            let key = format!("{}/{}", keys.len(), segments.join("/"));
            let value = key.chars().rev().collect();
            keys.insert(key, value);
        }
    }
    keys
}

fn generated_names_come_back_as_they_were(space: &Space) {
    let keys = generated(250);
    for (key, value) in &keys {
        assert_eq!(space.set(key, value).unwrap().key(), Some(&*space.at(key)), "{key:?}");
    }
    let listing = space.list("").unwrap();
    let below = space.at("").len() + 1;
    let listed: BTreeMap<_, _> = listing
        .node()
        .unwrap()
        .leaves()
        .map(|leaf| (leaf.key()[below..].to_owned(), leaf.value().unwrap().to_owned()))
        .collect();
    assert_eq!(listed, keys);
    for (key, value) in &keys {
        assert_eq!(space.get(key).unwrap().value(), Some(&**value), "{key:?}");
    }
}

fn names_that_look_alike_are_different_keys(space: &Space) {
    let alike = ["\u{e9}", "e\u{301}", "E\u{301}", "%C3%A9", "%c3%a9", "e"];
    for name in alike {
        assert_eq!(space.create(name, name).unwrap().value(), Some(name));
    }
    for name in alike {
        assert_eq!(space.get(name).unwrap().value(), Some(name));
    }
}

fn an_escaped_dot_is_an_ordinary_name(space: &Space) {
    for name in ["%2e", "%2e%2e", "%2E%2E", "%252e%252e", "..%2f..", "a/%2e%2e/b"] {
        let set = space.set(name, name).unwrap();
        assert_eq!(set.key(), Some(&*space.at(name)));
        assert_eq!(space.get(name).unwrap().value(), Some(name));
    }
}

fn a_watch_finds_an_awkward_name(space: &Space) {
    for name in ["a b", "100%", "?wait=false", "#", "\n", "\u{1f980}"] {
        let start = space.set(name, "1").unwrap();
        let set = space.set(name, "2").unwrap();
        let wait = Wait::new(space.at(name)).after(start.index().unwrap());
        assert_eq!(space.keys.wait(wait).unwrap().node(), set.node());
    }
}

fn slashes_in_a_row_are_one(space: &Space) {
    let set = space.set("a/b", "1").unwrap();
    for key in ["a//b", "a/b/", "/a///b//"] {
        assert_eq!(space.get(key).unwrap().node(), set.node());
        assert_eq!(space.send(Get::new(space.at(key)).quorum()).unwrap().node(), set.node());
    }
    let bare = space.at("a/b").split_off(1);
    assert_eq!(space.send(Get::new(bare)).unwrap().key(), set.key());
}

fn nothing_outside_of_the_key_space_is_reached(space: &Space) {
    for key in ["..", ".", "/..", "/../members", "a/../../../members", "a/.", "a/./b", "../../x"] {
        for error in [
            space.send(Get::new(key)).unwrap_err(),
            space.send(Set::new(key, "1")).unwrap_err(),
            space.get(key).unwrap_err(),
            space.set(key, "1").unwrap_err(),
            space.push(key, "1").unwrap_err(),
            space.delete_all(key).unwrap_err(),
            space.keys.watch(space.at(key)).next().unwrap().unwrap_err(),
        ] {
            let ErrorKind::Invalid(invalid) = error.kind() else { panic!("{key}: {error:?}") };
            assert_eq!(invalid.field, "key");
            assert_eq!(error.outcome(), Outcome::NotSent);
        }
    }
    for key in ["%2e%2e/members", "%2e%2e%2fmembers", "..%2fmembers", "..\\members"] {
        assert!(space.get(key).unwrap_err().is_key_not_found(), "{key}");
        assert!(space.send(Get::new(key)).unwrap_err().is_key_not_found(), "{key}");
    }
    assert!(space.get("").unwrap_err().is_key_not_found(), "nothing was written");
}

fn long_names_come_back_as_they_were(space: &Space) {
    for name in ["x".repeat(1024), "\u{1f980}".repeat(256), "x/".repeat(511) + "xy"] {
        let set = space.on_a_fresh_connection().set(&name, "1").unwrap();
        assert_eq!(set.key(), Some(&*space.at(&name)));
        assert_eq!(space.get(&name).unwrap().node(), set.node());
    }
    // On a connection that is in use already, there is more room.
    let name = "y".repeat(20 << 10);
    until("a kept connection is used", || {
        space.set("short", "1").unwrap();
        space.set(&name, "1").is_ok_and(|set| set.key() == Some(&*space.at(&name)))
    });
}

fn a_name_too_long_for_a_fresh_connection_is_explained(space: &Space) {
    let name = "z".repeat(5000);
    for error in [
        space.on_a_fresh_connection().get(&name).unwrap_err(),
        space.on_a_fresh_connection().set(&name, "1").unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(text.contains("shorten the key") && text.len() < 1000, "{text}");
    }
}
