//! A mirror whose server only reports events about other keys.

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::http::Response;
use etcd_v2_proto::keys::Get;
use etcd_v2_proto::mirror::Mirror;
use etcd_v2_proto::{Action, Cluster, Conversation, Event, Policy, Start};

#[test]
fn a_mirror_that_makes_no_progress_says_so() {
    let route = Cluster::parse(["http://a:1"]).unwrap().route();
    let start = Start::new(route, Arc::new(Policy::default()), 1, Duration::ZERO);
    let (mut mirror, mut now, mut body) =
        (Mirror::new(Get::new("/a"), start), Duration::ZERO, None);
    let (mut index, mut reports_foreign, mut is_silent) = (5, true, false);
    let mut states = Vec::new();
    for _ in 0..400 {
        let event = match mirror.poll(now) {
            Action::Send { request, .. } => {
                let waits = request.uri().query().unwrap_or_default().contains("wait=true");
                let head = Response::builder().header("X-Etcd-Index", index);
                if waits {
                    index += 1;
                }
                let (action, key) = if waits { ("set", "/other") } else { ("get", "/a") };
                is_silent = waits && !reports_foreign;
                body = Some(format!(
                    r#"{{"action":"{action}","node":{{"key":"{key}","value":"1","modifiedIndex":{index},"createdIndex":1}}}}"#
                ));
                Event::Head(head.body(()).unwrap().into_parts().0)
            }
            Action::Read { timeout } if is_silent => {
                now += timeout.unwrap();
                Event::Elapsed
            }
            Action::Read { .. } => body.take().map_or(Event::End, |body| Event::Chunk(body.into())),
            Action::Wait(pause) => {
                states.push(mirror.status().connected);
                reports_foreign = states.len() < 10;
                now += pause;
                Event::Elapsed
            }
            Action::Yield(item) => {
                item.unwrap();
                continue;
            }
            Action::Finish(end) => panic!("{end:?}"),
        };
        mirror.handle(now, event);
    }
    assert!(states.len() == 10 && states.iter().skip(1).all(|connected| !connected), "{states:?}");
    assert!(mirror.status().connected, "after silence all is well again");
}
