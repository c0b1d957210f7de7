//! Watches that go on, whatever happens to their connections.

use std::thread;

use etcd_v2_client::ErrorKind;
use etcd_v2_client::keys::{ChangeKind, Get, Wait};

use crate::both::{Colour, both, ms, timed};
use crate::server::{Gate, Peer, Refusing, Server, change, etcd, plausible, response};

both!(
    next_wait_begins_after_the_last_change,
    first_wait_that_is_cut_is_resumed_from_the_index_of_its_head,
    first_wait_that_ends_empty_is_resumed_from_the_index_of_its_head,
    empty_answers_do_not_make_it_spin,
    cut_within_a_change_loses_nothing,
    idle_wait_outlives_all_limits,
    head_that_does_not_come_moves_it_to_the_next_endpoint,
    errors_that_may_pass_are_items_and_it_recovers,
    outage_of_everybody_is_an_item_and_it_recovers,
    change_of_something_else_is_told_and_resumed_after,
    index_of_the_caller_is_where_it_begins,
    index_never_goes_back,
    endless_change_is_too_large,
    redirect_is_followed_and_remembered,
    prefix_and_form_of_the_wait_are_those_asked_for,
    removal_of_a_directory_with_the_beginning_of_the_name_is_not_told,
);

const HEAD: &str = "HTTP/1.1 200 OK\r\nX-Etcd-Index: 40\r\nTransfer-Encoding: chunked\r\n\r\n";

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// Answers a wait as etcd does: the head at once, the change in a chunk.
fn tell(peer: &mut Peer, index: u64) {
    peer.write(HEAD);
    peer.write(chunk(&change("set", "/a", &index.to_string(), index)) + "0\r\n\r\n");
}

fn next_wait_begins_after_the_last_change(colour: Colour) {
    let server = Server::start(|peer| {
        for index in [41, 45, 46] {
            peer.request();
            tell(peer, index);
        }
        peer.request();
        peer.hang();
    });
    let mut watch = colour.client([server.url()]).watch("/a");
    for expected in [41, 45, 46] {
        let index;
        (index, watch) = watch.change();
        assert_eq!(index, expected);
    }
    let last = watch.start();
    server.until_seen(4);
    assert!(last.lasts(ms(50)));
    let expected = [
        "GET /v2/keys/a?wait=true",
        "GET /v2/keys/a?wait=true&waitIndex=42",
        "GET /v2/keys/a?wait=true&waitIndex=46",
        "GET /v2/keys/a?wait=true&waitIndex=47",
    ];
    assert_eq!(server.lines(), expected);
    assert_eq!(server.connections(), 1);
}

/// The first wait comes to nothing after its head, in this way; the second one gets a change.
fn first_wait(end: fn(&mut Peer)) -> Server {
    Server::start(move |peer| {
        peer.request();
        if peer.number == 1 {
            peer.write(HEAD);
            thread::sleep(ms(200));
            end(peer);
        } else {
            tell(peer, 43);
            peer.hang();
        }
    })
}

fn first_wait_that_is_cut_is_resumed_from_the_index_of_its_head(colour: Colour) {
    for end in [Peer::close, Peer::reset] {
        let server = first_wait(end);
        let watch = colour.client([server.url()]).watch("/a");
        let (error, watch) = watch.error();
        assert!(matches!(error.kind(), ErrorKind::Failed(_)), "{error}");
        assert_eq!(watch.change().0, 43);
        let expected = ["GET /v2/keys/a?wait=true", "GET /v2/keys/a?wait=true&waitIndex=41"];
        assert_eq!(server.lines(), expected);
    }
}

fn first_wait_that_ends_empty_is_resumed_from_the_index_of_its_head(colour: Colour) {
    let server = first_wait(|peer| {
        peer.write("0\r\n\r\n");
        peer.close();
    });
    let watch = colour.client([server.url()]).watch("/a");
    assert_eq!(watch.change().0, 43, "an empty answer is no item");
    assert_eq!(server.lines()[1], "GET /v2/keys/a?wait=true&waitIndex=41");
}

fn empty_answers_do_not_make_it_spin(colour: Colour) {
    let server = Server::always(response(200, &["X-Etcd-Index: 40"], ""));
    let waiting = colour.client([server.url()]).watch("/a").start();
    assert!(waiting.lasts(ms(2000)));
    let asked = server.count();
    // Short pauses at first, two in a second later on.
    assert!((4..=30).contains(&asked), "{asked} times in two seconds");
    assert!(server.lines()[1..].iter().all(|line| line.ends_with("waitIndex=41")));
}

fn cut_within_a_change_loses_nothing(colour: Colour) {
    let server = Server::start(|peer| {
        peer.request();
        match peer.number {
            1 => {
                let whole = chunk(&change("set", "/a", "1", 41));
                peer.write(format!("{HEAD}{}", &whole[..whole.len() / 2]));
                peer.close();
            }
            _ => tell(peer, 41),
        }
    });
    let (error, watch) = colour.client([server.url()]).watch(Wait::new("/a").after(9)).error();
    assert!(matches!(error.kind(), ErrorKind::Failed(_)), "{error}");
    assert_eq!(watch.change().0, 41);
    // It may have been one from the history, so the head's index says nothing.
    assert_eq!(server.lines()[1], "GET /v2/keys/a?wait=true&waitIndex=10");
}

fn idle_wait_outlives_all_limits(colour: Colour) {
    let gate = Gate::default();
    let changed = gate.clone();
    let server = Server::start(move |peer| {
        peer.request();
        peer.write(HEAD);
        gate.wait();
        tell_rest(peer);
        peer.hang();
    });
    let client = colour.client([server.url()]).with(|policy| {
        policy.silence = Some(ms(100));
        policy.read_deadline = Some(ms(300));
        policy.read_head = Some(ms(100).into());
    });
    let waiting = client.watch("/a").start();
    assert!(waiting.lasts(ms(900)));
    changed.open();
    let (item, _watch) = waiting.result();
    assert_eq!(item.unwrap().unwrap().index(), Some(41));
    assert_eq!((server.count(), server.closed()), (1, 0));
}

fn tell_rest(peer: &mut Peer) {
    peer.write(chunk(&change("set", "/a", "1", 41)) + "0\r\n\r\n");
}

fn head_that_does_not_come_moves_it_to_the_next_endpoint(colour: Colour) {
    let hung = Server::hung();
    let server = Server::start(|peer| {
        peer.request();
        tell(peer, 41);
        peer.hang();
    });
    let client = colour.client([hung.url(), server.url()]);
    let client = client.with(|policy| policy.wait_head = Some(ms(200)));
    let ((index, watch), took) = timed(|| client.watch("/a").change());
    assert_eq!(index, 41);
    assert!(took >= ms(200) && took < ms(3200), "{took:?}");
    assert_eq!(client.pinned(), server.url());
    drop(watch);
    hung.until_closed(1);
    assert_eq!((hung.count(), server.count()), (1, 1));
}

fn errors_that_may_pass_are_items_and_it_recovers(colour: Colour) {
    let server = Server::start(|peer| {
        peer.request();
        match peer.number {
            1 => drop(peer.write(crate::server::refusal(500, 301, "During Leader Election"))),
            2 => drop(peer.write(crate::server::html(502))),
            3 => drop(peer.write("garbage\r\n\r\n")),
            4 => drop(peer.write(etcd("{\"action\":\"set\"}"))),
            5 => drop(peer.write(format!("{HEAD}4\r\nnull\r\n0\r\n\r\n"))),
            _ => tell(peer, 41),
        }
    });
    let client = colour.client([server.url()]).with(|policy| policy.passes = Some(1));
    let mut watch = client.watch("/a");
    let (mut errors, mut item);
    errors = 0;
    loop {
        (item, watch) = watch.step();
        match item.unwrap() {
            Err(error) => {
                assert!(!error.may_have_applied(), "{error}");
                errors += 1;
            }
            Ok(change) => {
                assert_eq!(change.index(), Some(41));
                break;
            }
        }
    }
    // The garbage may have been asked for once more by the wait itself.
    assert!((4..=5).contains(&errors), "{errors}");
    assert_eq!(server.count(), 6);
}

fn outage_of_everybody_is_an_item_and_it_recovers(colour: Colour) {
    let (refusing, server) = (Refusing::new(), Server::healthy());
    let client =
        colour.client([refusing.url()]).with(|policy| policy.read_deadline = Some(ms(300)));
    let (error, watch) = client.watch("/a").error();
    assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::TimedOut), "{error}");
    client.set_endpoints(&[&server.url()]).unwrap();
    let (item, _watch) = watch.step();
    assert_eq!(item.unwrap().unwrap().key(), Some("/a"), "it takes new endpoints");
}

fn change_of_something_else_is_told_and_resumed_after(colour: Colour) {
    let server = Server::start(|peer| {
        peer.request();
        peer.write(HEAD);
        peer.write(chunk(&change("delete", "/", "", 44)) + "0\r\n\r\n");
        peer.request();
        peer.hang();
    });
    let (item, watch) = colour.client([server.url()]).watch(Wait::new("/a/b").recursive()).step();
    let change = item.unwrap().unwrap();
    assert_eq!((change.kind(), change.key()), (&ChangeKind::Delete, Some("/")));
    let waiting = watch.start();
    server.until_seen(2);
    assert!(waiting.lasts(ms(20)));
    assert_eq!(server.lines()[1], "GET /v2/keys/a/b?recursive=true&wait=true&waitIndex=45");
}

fn index_of_the_caller_is_where_it_begins(colour: Colour) {
    let server = Server::each(|seen| match seen.target.contains("wait") {
        true => etcd(&change("set", "/a", "1", 9)),
        false => plausible(seen),
    });
    let client = colour.client([server.url()]);
    let read = client.send(Get::new("/a")).unwrap();
    let watch = client.watch(Wait::new("/a").after(read.etcd_index().unwrap()));
    assert_eq!(watch.change().0, 9);
    assert_eq!(server.lines()[1], "GET /v2/keys/a?wait=true&waitIndex=8");
}

/// A member that lags behind tells an index from before; nothing may be told twice for that.
fn index_never_goes_back(colour: Colour) {
    let server = Server::start(|peer| {
        peer.request();
        match peer.number {
            1 => tell(peer, 50),
            2 => {
                peer.write(HEAD);
                thread::sleep(ms(100));
            }
            _ => tell(peer, 51),
        }
    });
    let (index, watch) = colour.client([server.url()]).watch("/a").change();
    assert_eq!(index, 50);
    let (_, watch) = watch.error();
    assert_eq!(watch.change().0, 51);
    let lines = server.lines();
    assert!(lines[1..].iter().all(|line| line.ends_with("waitIndex=51")), "{lines:?}");
}

fn endless_change_is_too_large(colour: Colour) {
    let server = Server::start(|peer| {
        peer.request();
        peer.write(HEAD);
        while peer.write(chunk(&" ".repeat(4096))) {}
        peer.hang();
    });
    let client = colour.client([server.url()]).with(|policy| policy.max_answer = 100_000);
    let (error, watch) = client.watch("/a").error();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
    drop(watch);
    server.until_closed(1);
}

fn redirect_is_followed_and_remembered(colour: Colour) {
    let leader = Server::start(|peer| {
        for index in [41, 42] {
            peer.request();
            tell(peer, index);
        }
        peer.hang();
    });
    let target = leader.url();
    let follower = Server::each(move |seen| {
        response(307, &[&format!("Location: {target}{}", seen.target)], "")
    });
    let client = colour.client([follower.url(), leader.url()]);
    let (index, watch) = client.watch("/a").change();
    assert_eq!((index, watch.change().0), (41, 42));
    assert_eq!((follower.count(), leader.count()), (1, 2));
}

fn prefix_and_form_of_the_wait_are_those_asked_for(colour: Colour) {
    let server = Server::always(etcd(&change("set", "/a b/c", "1", 8)));
    let client = colour.client([format!("{}/proxy", server.url())]);
    client.watch(Wait::new("/a b").recursive()).change();
    assert_eq!(server.lines(), ["GET /proxy/v2/keys/a%20b?recursive=true&wait=true"]);
}

/// etcd tells that, too, if it comes from the history.
fn removal_of_a_directory_with_the_beginning_of_the_name_is_not_told(colour: Colour) {
    let server = Server::start(|peer| {
        for (key, index) in [("/foo", 41), ("/foobar", 42)] {
            peer.request();
            peer.write(HEAD);
            peer.write(chunk(&change("delete", key, "", index)) + "0\r\n\r\n");
        }
        peer.hang();
    });
    let watch = colour.client([server.url()]).watch(Wait::new("/foobar").after(9));
    assert_eq!(watch.change().0, 42);
    assert_eq!(server.lines()[1], "GET /v2/keys/foobar?wait=true&waitIndex=42");
}
