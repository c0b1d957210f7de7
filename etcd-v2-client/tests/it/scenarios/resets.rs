//! The connection breaks, at each stage of an exchange.

use std::thread;

use etcd_v2_client::keys::Get;
use etcd_v2_client::{ErrorKind, Outcome};

use crate::both::{Colour, GUARDED, WRITES, both, ms};
use crate::server::{Peer, Server, plausible};

both!(
    reset_of_an_unread_request,
    reset_after_the_request,
    close_after_the_request,
    reset_within_the_head,
    close_within_the_head,
    reset_after_the_head,
    reset_within_the_body,
    close_within_a_body_of_known_length,
    close_within_a_chunk,
    close_between_chunks,
    body_without_headers_is_evidence_as_far_as_it_came,
    broken_read_is_asked_once_more_where_there_is_nobody_else,
    broken_write_is_not_asked_once_more_where_there_is_nobody_else,
);

/// A read goes on elsewhere, and so does a write by index whose outcome is unknown; each other kind of
/// write ends with this outcome and is sent nowhere else.
fn breaks(colour: Colour, outcome: Outcome, breaking: fn(&mut Peer)) {
    let (bad, good) = (Server::start(breaking), Server::healthy());
    let client = colour.client([bad.url(), good.url()]);
    let read = client.send(Get::new("/a")).unwrap();
    assert_eq!(read.value(), Some("read"));
    assert_eq!(good.lines(), ["GET /v2/keys/a"]);
    assert_eq!(bad.connections(), 1);
    assert_eq!(client.pinned(), good.url());

    // At the same time, since some of the scripts have to pause.
    thread::scope(|scope| {
        for (what, write) in WRITES {
            scope.spawn(move || {
                let (bad, good) = (Server::start(breaking), Server::healthy());
                let client = colour.client([bad.url(), good.url()]);
                let error = write(&client).unwrap_err();
                assert_eq!(error.outcome(), outcome, "{what}: {error}");
                assert!(error.may_have_applied());
                assert!(matches!(error.kind(), ErrorKind::Failed(_)), "{what}: {error}");
                assert_eq!(error.endpoint().unwrap().as_str(), bad.url());
                let end = format!("(outcome: {outcome})");
                assert!(error.to_string().ends_with(&end), "{what}: {error}");
                assert_eq!((bad.connections(), good.connections()), (1, 0), "{what}");
                assert!(bad.count() <= 1, "{what}");
                assert_eq!(client.pinned(), good.url(), "{what}");
            });
        }
        for (what, write) in GUARDED {
            scope.spawn(move || {
                let (bad, good) = (Server::start(breaking), Server::healthy());
                let client = colour.client([bad.url(), good.url()]);
                let told = write(&client);
                let lines = good.lines();
                let writes = lines.iter().filter(|line| !line.starts_with("GET")).count();
                match outcome {
                    Outcome::Unknown => assert_eq!((told.is_ok(), writes), (true, 1), "{what}"),
                    // The history is read; this server's says nothing of it.
                    outcome => {
                        let error = told.unwrap_err();
                        assert_eq!((error.outcome(), writes), (outcome, 0), "{what}: {error}");
                        assert!(!lines.is_empty(), "{what}");
                    }
                }
                assert!(bad.count() <= 1, "{what}");
                assert_eq!(client.pinned(), good.url(), "{what}");
            });
        }
    });
}

fn reset_of_an_unread_request(colour: Colour) {
    breaks(colour, Outcome::Unknown, |peer| {
        peer.until_something_came();
        peer.reset();
    });
}

fn reset_after_the_request(colour: Colour) {
    breaks(colour, Outcome::Unknown, |peer| {
        peer.request();
        peer.reset();
    });
}

fn close_after_the_request(colour: Colour) {
    breaks(colour, Outcome::Unknown, |peer| {
        peer.request();
        peer.close();
    });
}

fn reset_within_the_head(colour: Colour) {
    breaks(colour, Outcome::Unknown, |peer| {
        peer.request();
        peer.write("HTTP/1.1 200 OK\r\nX-Etcd-In");
        peer.reset();
    });
}

fn close_within_the_head(colour: Colour) {
    breaks(colour, Outcome::Unknown, |peer| {
        peer.request();
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
        peer.close();
    });
}

fn reset_after_the_head(colour: Colour) {
    breaks(colour, Outcome::Applied, |peer| {
        peer.request();
        peer.write("HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nContent-Length: 90\r\n\r\n");
        // What was sent before a reset may be thrown away, so it has to be read first.
        thread::sleep(ms(300));
        peer.reset();
    });
}

fn reset_within_the_body(colour: Colour) {
    breaks(colour, Outcome::Applied, |peer| {
        peer.request();
        let head = "HTTP/1.1 201 Created\r\nX-Etcd-Index: 7\r\nContent-Length: 90\r\n\r\n";
        peer.write(format!("{head}{{\"action\":"));
        thread::sleep(ms(300));
        peer.reset();
    });
}

fn close_within_a_body_of_known_length(colour: Colour) {
    breaks(colour, Outcome::Applied, |peer| {
        let seen = peer.request().unwrap();
        let whole = plausible(&seen);
        peer.write(&whole[..whole.len() - 2]);
        peer.close();
    });
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n";

fn close_within_a_chunk(colour: Colour) {
    breaks(colour, Outcome::Applied, |peer| {
        peer.request();
        peer.write(format!("{CHUNKED}50\r\n{{\"action\":"));
        peer.close();
    });
}

/// The text is whole, but nobody can know that: the last chunk is missing.
fn close_between_chunks(colour: Colour) {
    breaks(colour, Outcome::Applied, |peer| {
        let seen = peer.request().unwrap();
        let answer = plausible(&seen);
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        peer.write(format!("{CHUNKED}{:x}\r\n{body}\r\n", body.len()));
        peer.close();
    });
}

/// Without a header of etcd's, what there is of the body has to tell that it is etcd's.
fn body_without_headers_is_evidence_as_far_as_it_came(colour: Colour) {
    breaks(colour, Outcome::Unknown, |peer| {
        peer.request();
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"action\":");
        thread::sleep(ms(300));
        peer.close();
    });
    breaks(colour, Outcome::Applied, |peer| {
        let seen = peer.request().unwrap();
        let answer = plausible(&seen);
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let begins = &body[..body.find(",").unwrap()];
        peer.write(format!("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{begins}"));
        thread::sleep(ms(300));
        peer.close();
    });
}

fn broken_read_is_asked_once_more_where_there_is_nobody_else(colour: Colour) {
    let breaking: [fn(&mut Peer); 3] = [
        |peer| {
            peer.request();
            peer.reset();
        },
        |peer| {
            peer.request();
            peer.close();
        },
        |peer| {
            peer.request();
            peer.write("HTTP/1.1 200 OK\r\n");
            peer.close();
        },
    ];
    for breaking in breaking {
        let server = Server::healthy_after(1, breaking);
        let client = colour.client([server.url()]).with(|policy| policy.passes = Some(1));
        assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("read"));
        assert_eq!((server.count(), server.connections()), (2, 2));
    }
    // Once, not for ever.
    let server = Server::start(breaking[0]);
    let client = colour.client([server.url()]).with(|policy| policy.passes = Some(1));
    let error = client.send(Get::new("/a")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable), "{error}");
    assert_eq!((error.attempts().len(), server.count()), (2, 2));
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert!(!error.may_have_applied(), "a read applies nothing");
}

fn broken_write_is_not_asked_once_more_where_there_is_nobody_else(colour: Colour) {
    for (what, write) in WRITES {
        let server = Server::healthy_after(1, |peer| {
            peer.request();
            peer.reset();
        });
        let error = write(&colour.client([server.url()])).unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{what}");
        assert_eq!((server.count(), server.connections()), (1, 1), "{what}");
    }
}
