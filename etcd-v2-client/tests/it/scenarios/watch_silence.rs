//! Watches that hear nothing for a while, and what they make of it.

use etcd_v2_client::GapReason;
use etcd_v2_client::keys::Wait;

use crate::both::{Colour, both, ms, timed};
use crate::server::{Gate, Peer, Server, change, etcd};

both!(
    silent_wait_is_begun_anew_and_its_connection_closed,
    member_that_fell_silent_is_left_for_the_next_one,
    member_that_takes_no_connection_any_more_is_left_for_the_next_one,
    changes_of_a_stream_are_told_as_they_come,
    stream_that_stalls_is_left_for_a_wait,
    another_cluster_is_a_gap_and_the_watch_goes_on,
    older_index_is_a_gap_only_if_all_members_have_it,
);

fn head(index: u64, more: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nX-Etcd-Index: {index}\r\n{more}Transfer-Encoding: chunked\r\n\r\n")
}

fn chunk(index: u64) -> String {
    let text = change("set", "/a", &index.to_string(), index);
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// Answers a wait as etcd does: the head at once, the change in a chunk.
fn tell(peer: &mut Peer, known: u64, index: u64) {
    peer.write(head(known, ""));
    peer.write(chunk(index) + "0\r\n\r\n");
}

fn silent_wait_is_begun_anew_and_its_connection_closed(colour: Colour) {
    let server = Server::start(|peer| {
        peer.request();
        match peer.number {
            1 | 2 => drop(peer.write(head(40 + peer.number as u64 * 10, ""))),
            3 => tell(peer, 60, 61),
            _ => {}
        }
        peer.hang();
    });
    let client = colour.client([server.url()]).with(|policy| policy.watch_idle = Some(ms(200)));
    let ((index, _watch), took) = timed(|| client.watch(Wait::new("/a").after(9)).change());
    assert_eq!(index, 61, "silence is no item");
    assert!(took >= ms(300) && took < ms(4000), "{took:?}");
    let lines = server.lines();
    // The third wait begins after what the first two have looked through.
    let expected = [10, 10, 51].map(|index| format!("GET /v2/keys/a?wait=true&waitIndex={index}"));
    assert_eq!(lines[..3], expected);
    server.until_closed(2);
}

/// Accepts the first wait, and nothing after it.
fn silent_after_the_first() -> Server {
    Server::start(|peer| {
        peer.request();
        if peer.number == 1 {
            peer.write(head(40, ""));
        }
        peer.hang();
    })
}

fn member_that_fell_silent_is_left_for_the_next_one(colour: Colour) {
    let (silent, server) =
        (silent_after_the_first(), Server::always(etcd(&change("set", "/a", "1", 41))));
    let client = colour.client([silent.url(), server.url()]).with(|policy| {
        policy.watch_idle = Some(ms(300));
        policy.wait_head = Some(ms(200));
    });
    let ((index, watch), took) = timed(|| client.watch("/a").change());
    assert_eq!(index, 41);
    assert!(took < ms(300 + 200 + 3000), "{took:?}");
    assert_eq!(server.lines(), ["GET /v2/keys/a?wait=true&waitIndex=41"]);
    assert_eq!(client.pinned(), server.url());
    drop(watch);
    silent.until_closed(2);
}

fn member_that_takes_no_connection_any_more_is_left_for_the_next_one(colour: Colour) {
    let gone = Gate::default();
    let open = gone.clone();
    let first = Server::start(move |peer| {
        peer.request();
        if peer.number == 1 {
            peer.write(head(40, ""));
            open.open();
            peer.hang();
        }
        // Whoever comes after it is turned away.
        peer.reset();
    });
    let second = Server::always(etcd(&change("set", "/a", "1", 41)));
    let client = colour.client([first.url(), second.url()]);
    let client = client.with(|policy| policy.watch_idle = Some(ms(200)));
    let waiting = client.watch("/a").start();
    gone.wait();
    let (item, _watch) = waiting.result();
    assert_eq!(item.unwrap().unwrap().index(), Some(41));
    assert_eq!(second.lines(), ["GET /v2/keys/a?wait=true&waitIndex=41"]);
}

fn changes_of_a_stream_are_told_as_they_come(colour: Colour) {
    let server = Server::start(|peer| {
        peer.request();
        tell(peer, 40, 41);
        peer.request();
        peer.write(head(41, ""));
        peer.write(chunk(42) + &chunk(43));
        let third = chunk(44);
        let (one, two) = third.split_at(20);
        peer.write(one);
        peer.write(two);
        peer.hang();
    });
    let mut watch = colour.client([server.url()]).watch(Wait::new("/a").stream());
    for expected in 41..=44 {
        let index;
        (index, watch) = watch.change();
        assert_eq!(index, expected);
    }
    let expected =
        ["GET /v2/keys/a?wait=true", "GET /v2/keys/a?stream=true&wait=true&waitIndex=42"];
    assert_eq!(server.lines(), expected);
    drop(watch);
    server.until_closed(1);
}

fn stream_that_stalls_is_left_for_a_wait(colour: Colour) {
    let server = Server::start(|peer| {
        while let Some(seen) = peer.request() {
            match seen.target.as_str() {
                "/v2/keys/a?wait=true" => tell(peer, 40, 41),
                "/v2/keys/a?stream=true&wait=true&waitIndex=42" => {
                    peer.write(head(41, "") + &chunk(42));
                    return peer.hang();
                }
                "/v2/keys/a?wait=true&waitIndex=43" => tell(peer, 50, 43),
                _ => return peer.hang(),
            }
        }
    });
    let client = colour.client([server.url()]).with(|policy| policy.watch_idle = Some(ms(200)));
    let mut watch = client.watch(Wait::new("/a").stream());
    for expected in 41..=43 {
        let index;
        (index, watch) = watch.change();
        assert_eq!(index, expected);
    }
    let waiting = watch.start();
    server.until_seen(4);
    assert!(waiting.lasts(ms(1)));
    assert_eq!(server.lines()[3], "GET /v2/keys/a?wait=true&waitIndex=44", "from the history");
}

fn another_cluster_is_a_gap_and_the_watch_goes_on(colour: Colour) {
    let server = Server::start(|peer| {
        while let Some(seen) = peer.request() {
            match seen.target.as_str() {
                "/v2/keys/a?wait=true" => {
                    peer.write(head(700, "X-Etcd-Cluster-Id: abc\r\n") + &chunk(701) + "0\r\n\r\n");
                }
                "/v2/keys/a?wait=true&waitIndex=702" => {
                    peer.write(head(30, "X-Etcd-Cluster-Id: def\r\n"));
                    return peer.hang();
                }
                _ => {
                    peer.write(head(30, "X-Etcd-Cluster-Id: def\r\n") + &chunk(31) + "0\r\n\r\n");
                }
            }
        }
    });
    let (index, watch) = colour.client([server.url()]).watch("/a").change();
    assert_eq!(index, 701);
    let (error, watch) = watch.error();
    let gap = error.gap().unwrap();
    assert_eq!((gap.from, gap.to, gap.reason), (1, 30, GapReason::ClusterChanged));
    assert_eq!(watch.change().0, 31);
}

fn older_index_is_a_gap_only_if_all_members_have_it(colour: Colour) {
    let server = Server::start(|peer| {
        while let Some(seen) = peer.request() {
            match seen.target.as_str() {
                "/v2/keys/a?wait=true&waitIndex=701" => {
                    peer.write(head(7, ""));
                    return peer.hang();
                }
                // A read through consensus is at the index 7, too.
                "/v2/keys/a?quorum=true" => drop(peer.write(etcd(&change("get", "/a", "1", 5)))),
                _ => tell(peer, 7, 8),
            }
        }
    });
    let client = colour.client([server.url()]).with(|policy| policy.watch_idle = Some(ms(200)));
    let (error, watch) = client.watch(Wait::new("/a").after(700)).error();
    let gap = error.gap().unwrap();
    assert_eq!((gap.from, gap.to, gap.reason), (1, 7, GapReason::IndexWentBack));
    assert_eq!(watch.change().0, 8);
}
