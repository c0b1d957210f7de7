//! Neither HTTP library sends anything a second time by itself, whatever becomes of the connection.

use etcd_v2_client::Outcome;
use etcd_v2_client::keys::Get;

use crate::both::{Colour, WRITES, both, ms};
use crate::server::{Peer, Server, plausible};

both!(nothing_is_sent_twice_on_a_fresh_connection, nothing_is_sent_twice_on_a_kept_connection);

type End = (&'static str, fn(&mut Peer));

/// What becomes of a connection after a request was received.
const ENDS: [End; 5] = [
    ("closed", Peer::close),
    ("reset", Peer::reset),
    ("closed within the head", |peer| {
        peer.write("HTTP/1.1 200 OK\r\nContent-");
        peer.close();
    }),
    ("closed within an early answer", |peer| {
        peer.write("HTTP/1.1 100 Continue\r\n\r\n");
        peer.close();
    }),
    ("silent", Peer::hang),
];

fn nothing_is_sent_twice_on_a_fresh_connection(colour: Colour) {
    nothing_is_sent_twice(colour, false);
}

fn nothing_is_sent_twice_on_a_kept_connection(colour: Colour) {
    nothing_is_sent_twice(colour, true);
}

fn nothing_is_sent_twice(colour: Colour, kept: bool) {
    for ((how, end), (what, write)) in
        ENDS.into_iter().flat_map(|end| WRITES.map(|write| (end, write)))
    {
        let server = Server::healthy_after(1, move |peer| {
            if kept {
                let seen = peer.request().unwrap();
                peer.write(plausible(&seen));
            }
            peer.request().unwrap();
            end(peer);
        });
        let client = colour.client([server.url()]);
        let hasty = client.with(|policy| policy.write_head = Some(ms(300)));
        if kept {
            client.send(Get::new("/a")).unwrap();
        }
        let error = write(&hasty).unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{what}, {how}: {error}");
        let sent = 1 + usize::from(kept);
        assert_eq!((server.connections(), server.count()), (1, sent), "{what}, {how}");
        // Nor does anything come with what is sent next.
        client.send(Get::new("/b")).unwrap();
        assert_eq!((server.connections(), server.count()), (2, sent + 1), "{what}, {how}");
    }
}
