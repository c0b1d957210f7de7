//! A member that is behind what the mirror has been told.

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::http::Response;
use etcd_v2_proto::mirror::Mirror;
use etcd_v2_proto::{Action, Cluster, Conversation, Event, Policy, Start};

fn head(index: u64) -> Event {
    let head = Response::builder().header("x-etcd-index", index);
    Event::Head(head.body(()).expect("a head").into_parts().0)
}

/// Lets it yield until it has something else to do.
fn rest(mirror: &mut Mirror) -> Action<()> {
    loop {
        return match mirror.poll(Duration::ZERO) {
            Action::Yield(_) => continue,
            Action::Send { request, timing } => Action::Send { request, timing },
            Action::Read { timeout } => Action::Read { timeout },
            Action::Wait(pause) => Action::Wait(pause),
            Action::Finish(end) => Action::Finish(end),
        };
    }
}

#[test]
fn a_mirror_is_not_connected_to_a_member_that_is_behind() {
    let route = Cluster::parse(["http://a:1"]).unwrap().route();
    let start = Start::new(route, Arc::new(Policy::default()), 7, Duration::ZERO);
    let mut mirror = Mirror::new("/k", start);
    assert!(matches!(rest(&mut mirror), Action::Send { .. }));
    mirror.handle(Duration::ZERO, head(50));
    rest(&mut mirror);
    let body =
        r#"{"action":"get","node":{"key":"/k","value":"1","modifiedIndex":9,"createdIndex":9}}"#;
    mirror.handle(Duration::ZERO, Event::Chunk(body.into()));
    rest(&mut mirror);
    mirror.handle(Duration::ZERO, Event::End);
    assert!(matches!(rest(&mut mirror), Action::Send { .. }));
    assert!(mirror.status().connected);

    for (index, is_connected) in [(49, false), (50, true)] {
        mirror.handle(Duration::ZERO, head(index));
        let Action::Read { timeout } = rest(&mut mirror) else { panic!("a wait is open") };
        assert_eq!(mirror.status().connected, is_connected, "{index}");
        let soon = Duration::from_secs(1);
        assert_eq!(timeout.is_some_and(|timeout| timeout <= soon), !is_connected, "{timeout:?}");
        mirror.handle(Duration::ZERO, Event::End);
        let Action::Wait(pause) = rest(&mut mirror) else { panic!("it pauses") };
        assert!(pause < soon);
        mirror.handle(Duration::ZERO, Event::Elapsed);
        assert!(matches!(rest(&mut mirror), Action::Send { .. }));
    }
}
