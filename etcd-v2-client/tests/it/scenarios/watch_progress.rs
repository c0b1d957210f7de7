//! Watches of servers whose responses bring no progress, or hold it back.

use std::thread;
use std::time::Instant;

use etcd_v2_client::keys::{Get, Wait};
use etcd_v2_client::{Consistency, GapReason};

use crate::both::{Colour, both, ms};
use crate::server::{Server, change, response};

both!(
    the_same_401_again_is_asked_for_a_few_times_and_makes_up_no_gap,
    events_about_other_keys_are_skipped_and_asked_for_a_few_times,
    two_clusters_in_turn_are_asked_a_few_times,
    a_proxy_that_holds_heads_back_is_waited_for,
    white_space_does_not_end_silence,
    a_change_that_is_too_large_is_a_gap_and_the_watch_goes_on,
    a_stream_that_does_not_begin_is_not_asked_for_again,
    a_removal_that_an_old_history_hides_is_a_gap,
    a_huge_index_of_one_endpoint_does_not_last,
);

const CLEARED: &str = r#"{"errorCode":401,"message":"cleared","cause":"","index":6736}"#;

fn told(index: u64, event: &str) -> String {
    response(200, &[&format!("X-Etcd-Index: {index}")], event)
}

/// The index that a request waits for.
fn wait_index(target: &str) -> u64 {
    let index = target.split_once("waitIndex=").map(|(_, rest)| rest.split('&').next());
    index.flatten().and_then(|index| index.parse().ok()).unwrap_or(41)
}

/// How many requests come within two seconds.
fn rate(colour: Colour, server: &Server) -> usize {
    let wait = Wait::new("/a").recursive().after(40);
    let mut watch = colour.client([server.url()]).watch(wait);
    let interrupt = watch.interrupt();
    let timer = thread::spawn(move || {
        thread::sleep(ms(2000));
        interrupt.stop();
    });
    let mut item;
    loop {
        (item, watch) = watch.step();
        if item.is_none() {
            break;
        }
    }
    timer.join().unwrap();
    server.count()
}

fn the_same_401_again_is_asked_for_a_few_times_and_makes_up_no_gap(colour: Colour) {
    let server = Server::always(response(400, &["X-Etcd-Index: 6736"], CLEARED));
    let count = rate(colour, &server);
    assert!((3..60).contains(&count), "{count} requests in two seconds");
    let client = colour.client([server.url()]);
    let (error, watch) = client.watch(Wait::new("/a").recursive().after(40)).error();
    let gap = error.gap().unwrap();
    assert_eq!((gap.from, gap.to, gap.reason), (41, 6736, GapReason::HistoryCleared));
    let (error, _watch) = watch.error();
    assert!(error.gap().is_none() && error.is_history_cleared(), "{error}");
}

fn events_about_other_keys_are_skipped_and_asked_for_a_few_times(colour: Colour) {
    let foreign = [("set", "/other"), ("create", "/ab"), ("delete", "/b"), ("update", "/")];
    for (action, key) in foreign {
        let server = Server::each(move |seen| {
            let index = wait_index(&seen.target);
            told(index, &change(action, key, "1", index))
        });
        let count = rate(colour, &server);
        assert!((3..60).contains(&count), "{action} {key}: {count} requests in two seconds");
        let lines = server.lines();
        assert!(lines[1].ends_with("waitIndex=42") && lines[2].ends_with("waitIndex=43"));
    }
}

fn two_clusters_in_turn_are_asked_a_few_times(colour: Colour) {
    let count = std::sync::atomic::AtomicU64::new(0);
    let server = Server::each(move |_| {
        let count = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (index, id) = (100 + count, count % 2 + 1);
        let head = [format!("X-Etcd-Index: {index}"), format!("X-Etcd-Cluster-Id: {id}")];
        response(200, &[&head[0], &head[1]], &change("set", "/a", "1", index + 1))
    });
    let count = rate(colour, &server);
    assert!((3..200).contains(&count), "{count} requests in two seconds");
}

/// Passes a response on when it is complete, as etcd's own v2 proxy does.
fn holding(change_after: std::time::Duration) -> Server {
    let began = Instant::now();
    Server::start(move |peer| {
        while let Some(seen) = peer.request() {
            if !seen.target.contains("wait=true") {
                peer.write(told(60, &change("get", "/a", "1", 7)));
            } else if began.elapsed() < change_after {
                return peer.hang();
            } else {
                peer.write(told(60, &change("set", "/a", "2", 61)));
            }
        }
    })
}

fn a_proxy_that_holds_heads_back_is_waited_for(colour: Colour) {
    let server = holding(ms(1000));
    let client = colour.client([server.url()]).with(|policy| {
        policy.wait_head = Some(ms(200));
        policy.watch_idle = Some(ms(600));
    });
    // Where the watch begins is known.
    assert_eq!(client.watch(Wait::new("/a").after(9)).change().0, 61, "silence is no error");
    let server = holding(ms(500));
    let client = client.with(|_| {});
    client.set_endpoints(&[&server.url()]).unwrap();
    let (error, watch) = client.watch("/a").error();
    let gap = error.gap().unwrap();
    assert_eq!((gap.to, gap.reason), (60, GapReason::StartUnknown));
    assert_eq!(watch.change().0, 61);
}

fn white_space_does_not_end_silence(colour: Colour) {
    let server = Server::start(|peer| {
        peer.request();
        if peer.number > 1 {
            peer.write(told(40, &change("set", "/a", "1", 41)));
            return peer.hang();
        }
        peer.write("HTTP/1.1 200 OK\r\nX-Etcd-Index: 40\r\nTransfer-Encoding: chunked\r\n\r\n");
        peer.drip("1\r\n \r\n".repeat(200), ms(20));
        peer.hang();
    });
    let client = colour.client([server.url()]).with(|policy| policy.watch_idle = Some(ms(400)));
    assert_eq!(client.watch("/a").change().0, 41);
}

fn a_change_that_is_too_large_is_a_gap_and_the_watch_goes_on(colour: Colour) {
    let server = Server::each(|seen| match wait_index(&seen.target) {
        index @ ..51 => told(50, &change("set", "/a", &"x".repeat(5000), index)),
        index => told(50, &change("set", "/a", "small", index)),
    });
    let client = colour.client([server.url()]).with(|policy| policy.max_answer = 1000);
    let (error, watch) = client.watch(Wait::new("/a").after(40)).error();
    let gap = error.gap().unwrap();
    assert_eq!((gap.from, gap.to, gap.reason), (41, 50, GapReason::Unreadable));
    assert_eq!(watch.change().0, 51);
}

fn a_stream_that_does_not_begin_is_not_asked_for_again(colour: Colour) {
    let server = Server::start(|peer| {
        while let Some(seen) = peer.request() {
            if seen.target.contains("stream=true") {
                return peer.hang();
            }
            let index = wait_index(&seen.target);
            peer.write(told(index - 1, &change("set", "/a", "1", index)));
        }
    });
    let client = colour.client([server.url()]);
    let mut watch = client.watch(Wait::new("/a").after(40).stream());
    for expected in 41..=44 {
        let index;
        (index, watch) = watch.change();
        assert_eq!(index, expected);
    }
    let streams = server.lines().iter().filter(|line| line.contains("stream=true")).count();
    assert_eq!(streams, 1);
}

fn a_removal_that_an_old_history_hides_is_a_gap(colour: Colour) {
    let server = Server::start(|peer| {
        while let Some(seen) = peer.request() {
            if seen.target == "/version" {
                peer.write(response(200, &[], r#"{"etcdserver":"2.2.5","etcdcluster":"2.2.0"}"#));
            } else if seen.target.contains("wait=true") {
                let index = if peer.number == 1 { 9 } else { 40 };
                peer.write(format!(
                    "HTTP/1.1 200 OK\r\nX-Etcd-Index: {index}\r\nTransfer-Encoding: chunked\r\n\r\n"
                ));
                if peer.number == 1 {
                    return peer.close();
                }
                return peer.hang();
            } else {
                let gone = r#"{"errorCode":100,"message":"Key not found","cause":"/d","index":40}"#;
                peer.write(response(404, &["X-Etcd-Index: 40"], gone));
            }
        }
    });
    let watch = colour.client([server.url()]).watch(Wait::new("/d/k").recursive().after(9));
    let (error, watch) = watch.error();
    assert!(error.gap().is_none(), "{error}");
    let (error, _watch) = watch.error();
    let gap = error.gap().unwrap();
    assert_eq!((gap.from, gap.to, gap.reason), (10, 40, GapReason::RemovalHidden));
}

fn a_huge_index_of_one_endpoint_does_not_last(colour: Colour) {
    let honest = Server::always(told(40, &change("get", "/a", "1", 7)));
    let impostor = Server::always(told(u64::MAX / 2, &change("get", "/a", "evil", 7)));
    let endpoints = [impostor.url(), honest.url()];
    let client =
        colour.client(endpoints).with(|policy| policy.consistency = Consistency::Monotonic);
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("evil"));
    drop(impostor);
    for _ in 0..3 {
        assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("1"));
    }
}
