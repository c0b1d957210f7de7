//! Keys that try to lead out of the key space, and what becomes of the rest of the server.

use etcd_v2_client::ErrorKind;
use etcd_v2_client::keys::{Delete, Get};
use etcd_v2_client::proto::auth::Status;
use etcd_v2_client::proto::members::List;

use super::space::Space;
use crate::astray::{has_dots, keys};

both! {
    crowded:
    no_key_reaches_anything_but_keys,
}

fn no_key_reaches_anything_but_keys(space: &Space) {
    let members = space.client.send(List::default()).unwrap();
    let id = &members[0].id;
    for (number, key) in keys().enumerate() {
        // From the root on, and aimed at a member.
        for key in [key.clone(), format!("{key}/{id}")] {
            let read = space.keys.send(Get::new(&key).recursive());
            let deleted = space.keys.send(Delete::new(&key).recursive());
            for error in [read.unwrap_err(), deleted.unwrap_err()] {
                let is_refused = matches!(error.kind(), ErrorKind::Invalid(_));
                assert_eq!(is_refused, has_dots(&key), "{key:?}: {error}");
                assert!(is_refused || error.is_key_not_found(), "{key:?}: {error}");
            }
        }
        // In a directory of its own it is a key like any other.
        let key = format!("{number}/{}", key.trim_start_matches('/'));
        match space.set(&key, "1") {
            Ok(set) => assert_eq!(set.key(), Some(&*space.at(&key)), "{key:?}"),
            Err(error) => assert!(has_dots(&key), "{key:?}: {error}"),
        }
    }
    assert_eq!(space.client.send(List::default()).unwrap(), members);
    assert!(!space.client.send(Status::default()).unwrap());
}
