//! Servers that come back with other data.

use etcd_v2_client::keys::Wait;
use etcd_v2_client::{ErrorKind, GapReason};
use xtask::server::Server;

use super::mirrored::driven;
use super::mirrors::same;
use super::patience::until;
use super::servers::ETCD;
use super::space::{Space, Watch};

both! {
    quiet:
    a_server_without_its_data_is_noticed_and_mirrored_anew,
    another_cluster_in_its_place_is_noticed_and_mirrored_anew,
}

/// A directory on a server, whose store is at an index that a new one has not soon.
fn prepared(space: &Space, server: &Server) -> Space {
    // It is noticed without waits that are begun anew.
    let space = space.asking([server.endpoint()]).with(|policy| policy.watch_idle = None);
    for number in 0..60 {
        space.set("old", &number.to_string()).unwrap();
    }
    space
}

/// The reason of the first gap; errors that pass are none.
fn gap(watch: &mut Watch) -> GapReason {
    loop {
        match watch.next().unwrap() {
            Ok(change) => panic!("{change:?} before the gap"),
            Err(error) => match error.gap() {
                Some(gap) => return gap.reason,
                None => assert!(!error.is_stopped(), "{error}"),
            },
        }
    }
}

fn a_server_without_its_data_is_noticed_and_mirrored_anew(space: &Space) {
    let mut server = Server::start(&ETCD).unwrap();
    let space = prepared(space, &server);
    let last = space.set("old", "last").unwrap();
    let mut watch = space.keys.watch(Wait::new(space.at("")).recursive().since(&last));
    let (mirror, _driver) = driven(&space);
    same(&space, &mirror);
    server.member().wipe().unwrap();
    server.member().restart().unwrap();
    server.member().wait_until_ready().unwrap();
    let new = space.set("new", "1").unwrap();
    assert!(new.index() < last.index());
    assert_eq!(gap(&mut watch), GapReason::IndexWentBack);
    same(&space, &mirror);
    assert_eq!((mirror.snapshot().len(), mirror.status().resyncs), (2, 1));
    let newer = space.set("new", "2").unwrap();
    assert_eq!(watch.change().index(), newer.index());
    same(&space, &mirror);
}

fn another_cluster_in_its_place_is_noticed_and_mirrored_anew(space: &Space) {
    let mut server = Server::start(&ETCD).unwrap();
    let endpoint = server.endpoint().to_owned();
    let space = prepared(space, &server);
    let last = space.set("old", "last").unwrap();
    let mut watch = space.keys.watch(Wait::new(space.at("")).recursive().since(&last));
    let (mirror, _driver) = driven(&space);
    server.member().kill9().unwrap();
    // Its name among its peers is another one, so it is another cluster.
    let flags = ["listen", "advertise"].map(|what| format!("--{what}-client-urls={endpoint}"));
    let _other = Server::start_with(&ETCD, |_, _| flags.to_vec()).unwrap();
    let other = space.asking([&endpoint]);
    until("the other one takes writes", || other.set("new", "1").is_ok());
    assert_eq!(gap(&mut watch), GapReason::ClusterChanged);
    same(&other, &mirror);
    assert_eq!(mirror.snapshot().len(), 2);
    let newer = other.set("new", "2").unwrap();
    assert_eq!(watch.change().index(), newer.index());
    same(&other, &mirror);
    // Other calls of the client are still guarded.
    let refused = space.get("new").unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::WrongCluster { .. }), "{refused}");
}
