//! Watches that are told of many changes by one answer.

use std::thread;
use std::time::Duration;

use etcd_v2_client::keys::Wait;

use super::patience::until;
use super::relay::Relay;
use super::servers::{self, watchers};
use super::space::Space;

both! {
    alone:
    a_watch_that_is_up_to_date_streams,
    a_stream_that_is_read_too_slowly_loses_nothing,
    a_directory_that_goes_is_told_once_by_its_stream,
    a_stream_from_the_past_has_every_change_and_those_to_come,
}

/// Writes to the key one after the other, each when the watch has told of the one before, and returns
/// once that is in a stream.
fn in_a_stream(space: &Space, watch: &mut super::space::Watch, relay: &Relay) {
    for number in 0..2 {
        thread::scope(|scope| {
            let waiting = scope.spawn(|| watch.change());
            until("it waits", || watchers(space) == 1);
            space.set("file", &number.to_string()).unwrap();
            assert_eq!(waiting.join().unwrap().value(), Some(number.to_string().as_str()));
        });
    }
    assert_eq!(relay.asked("stream=true"), 1);
}

fn a_watch_that_is_up_to_date_streams(space: &Space) {
    let server = servers::lock_alone();
    let start = space.set("file", "0").unwrap();
    let relay = Relay::to(server.endpoint());
    let watching = space.asking([relay.url()]);
    let wait = Wait::new(space.at("file")).stream().since(&start);
    let mut watch = watching.keys.watch(wait);
    in_a_stream(space, &mut watch, &relay);
    for number in 0..100 {
        space.set("file", &number.to_string()).unwrap();
        space.set("other", "1").unwrap();
    }
    for number in 0..100 {
        assert_eq!(watch.change().value(), Some(number.to_string().as_str()));
    }
    let asked = (relay.asked("wait=true"), relay.asked("stream=true"));
    assert_eq!(asked, (2, 1), "all that was in one answer");
}

/// etcd leaves a stream without a word when a hundred changes wait for its reader.
fn a_stream_that_is_read_too_slowly_loses_nothing(space: &Space) {
    const CHANGES: usize = 600;
    let server = servers::lock_alone();
    let start = space.set("file", "0").unwrap();
    let relay = Relay::to(server.endpoint());
    let watching = space.asking([relay.url()]).with(|policy| {
        policy.watch_idle = Some(Duration::from_secs(1));
    });
    let mut watch = watching.keys.watch(Wait::new(space.at("file")).stream().since(&start));
    in_a_stream(space, &mut watch, &relay);
    let large = "x".repeat(32 << 10);
    for number in 0..CHANGES {
        space.set("file", &format!("{number} {large}")).unwrap();
    }
    until("the server has left the stream", || watchers(space) == 0);
    for number in 0..CHANGES {
        let value = watch.change().into_value().unwrap();
        assert_eq!(value.split_once(' ').unwrap().0, number.to_string());
    }
    assert!(relay.asked("wait=true") > 2, "it has looked anew");
}

/// etcd tells it twice.
fn a_directory_that_goes_is_told_once_by_its_stream(space: &Space) {
    let server = servers::lock_alone();
    let start = space.set("file", "0").unwrap();
    let relay = Relay::to(server.endpoint());
    let watching = space.asking([relay.url()]);
    let wait = Wait::new(space.at("")).recursive().stream().since(&start);
    let mut watch = watching.keys.watch(wait);
    in_a_stream(space, &mut watch, &relay);
    let told = thread::scope(|scope| {
        let waiting = scope.spawn(|| [watch.change(), watch.change()]);
        until("it streams", || relay.asked("stream=true") == 1 && watchers(space) == 1);
        space.delete_all("").unwrap();
        space.set("file", "1").unwrap();
        waiting.join().unwrap()
    });
    assert!(told[0].removes(&space.at("file")));
    assert_eq!(told[1].value(), Some("1"));
    assert_eq!(relay.asked("wait=true"), 2, "in the same stream");
}

/// etcd sends the first of them and is silent from then on, so that none is asked for yet.
fn a_stream_from_the_past_has_every_change_and_those_to_come(space: &Space) {
    let _alone = servers::lock_alone();
    let start = space.set("file", "0").unwrap();
    for number in 1..4 {
        space.set("file", &number.to_string()).unwrap();
    }
    let mut watch = space.keys.watch(Wait::new(space.at("file")).stream().since(&start));
    for number in 1..4 {
        assert_eq!(watch.change().value(), Some(number.to_string().as_str()));
    }
    for number in 4..8 {
        space.set("file", &number.to_string()).unwrap();
        assert_eq!(watch.change().value(), Some(number.to_string().as_str()));
    }
}
