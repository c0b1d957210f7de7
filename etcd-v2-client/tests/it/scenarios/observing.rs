//! What an observer is told.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use etcd_v2_client::keys::{Get, Set, Wait};
use etcd_v2_client::observe::{AttemptStarted, Observer, PinMoved, Synced};
use etcd_v2_client::{ClusterId, Outcome, Policy};

use crate::both::observing::{Note, Notes};
use crate::both::{Colour, Subject, both, ms};
use crate::server::{Gate, Refusing, Server, change, etcd, plausible, refusal, response};

both!(
    each_attempt_is_told_with_its_end,
    the_outcome_of_each_attempt_is_told,
    a_redirect_is_an_attempt_of_its_own,
    attempts_that_are_given_up_are_told,
    a_limit_that_strikes_is_told_as_a_failure,
    the_changes_of_a_watch_are_told,
    endpoints_with_a_path_are_told_apart,
    syncs_are_told,
    new_endpoints_are_told_if_they_move_the_pin,
    an_observer_may_use_the_client,
    requests_that_are_never_sent_are_not_told,
);

fn observed<U: Into<String>>(
    colour: Colour,
    urls: impl IntoIterator<Item = U>,
    change: impl FnOnce(&mut Policy) + 'static,
) -> (Subject, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let observer: Arc<dyn Observer> = notes.clone();
    (colour.patient(urls).policy(change).observer(observer).build(), notes)
}

fn each_attempt_is_told_with_its_end(colour: Colour) {
    let (refusing, server) = (Refusing::new(), Server::healthy());
    let (client, notes) = observed(colour, [refusing.url(), server.url()], |_| ());
    client.clone().with(|_| ()).send(Get::new("/a b").recursive()).unwrap();
    let told = notes.take();
    let line = "GET /v2/keys/a%20b";
    let [
        Note::Started { endpoint: first, line: asked },
        Note::Finished(failed),
        Note::Moved { from, to },
        Note::Started { endpoint: second, line: asked_again },
        Note::Finished(answered),
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!([asked, asked_again], [line; 2]);
    assert_eq!([first, second], [&refusing.url(), &server.url()]);
    assert_eq!([from, to], [&refusing.url(), &server.url()]);

    assert_eq!((failed.status, failed.outcome, failed.head), (None, Some(Outcome::NotSent), None));
    assert!(failed.failure.as_ref().unwrap().starts_with("could not connect"), "{failed:?}");
    assert_eq!((answered.status, answered.outcome), (Some(200), None));
    assert_eq!(answered.failure, None);
    let meta = answered.meta;
    assert_eq!((meta.etcd_index, meta.raft_index, meta.raft_term), (Some(7), Some(21), Some(2)));
    assert_eq!(meta.cluster_id, Some(ClusterId::new(0xcdf8_1819_4e3a_8c32)));
    assert!(answered.head.unwrap() <= answered.elapsed);

    client.send(Set::new("/a", "1")).unwrap();
    let told = notes.take();
    assert_eq!(told.len(), 2, "the pin stays: {told:?}");
}

fn the_outcome_of_each_attempt_is_told(colour: Colour) {
    let cut = |status: u16, header: &'static str| {
        Server::start(move |peer| {
            peer.request();
            let head = format!("HTTP/1.1 {status} X\r\n{header}Content-Length: 100\r\n\r\n");
            peer.write(format!("{head}{{\"act"));
            peer.close();
        })
    };
    let reset = Server::start(|peer| {
        peer.request();
        peer.reset();
    });
    let rows = [
        (Server::healthy(), Some(200), None, false),
        (
            Server::always(refusal(412, 101, "Compare failed")),
            Some(412),
            Some(Outcome::Rejected),
            false,
        ),
        (
            Server::always(refusal(500, 300, "Raft Internal Error")),
            Some(500),
            Some(Outcome::Unknown),
            false,
        ),
        (reset, None, Some(Outcome::Unknown), true),
        (cut(200, "X-Etcd-Index: 7\r\n"), Some(200), Some(Outcome::Applied), true),
        // Anything could have sent it.
        (cut(200, ""), Some(200), Some(Outcome::Unknown), true),
        (cut(400, ""), Some(400), Some(Outcome::Rejected), true),
        // Whether a whole body makes sense is for the call to say.
        (Server::always(etcd("{}")), Some(200), None, false),
    ];
    for (server, status, outcome, fails) in rows {
        let (client, notes) = observed(colour, [server.url()], |_| ());
        let _ = client.send(Set::new("/a", "1"));
        let finished = notes.finished();
        assert_eq!(finished.len(), 1, "{finished:?}");
        let attempt = &finished[0];
        assert_eq!((attempt.status, attempt.outcome), (status, outcome), "{attempt:?}");
        assert_eq!((attempt.failure.is_some(), attempt.head.is_some()), (fails, status.is_some()));
    }
}

fn a_redirect_is_an_attempt_of_its_own(colour: Colour) {
    let server = Server::healthy();
    let foreign = Server::healthy();
    for (target, known) in [(&server, true), (&foreign, false)] {
        let location = format!("Location: {}/v2/keys/a", target.url());
        let first = Server::always(response(307, &[&location], ""));
        let (client, notes) = observed(colour, [first.url(), server.url()], |policy| {
            policy.foreign_redirects = true;
            policy.any_cluster = true;
        });
        client.send(Set::new("/a", "1")).unwrap();
        let finished = notes.finished();
        let lines = finished.iter().map(|own| (own.endpoint.clone(), own.line.as_str()));
        let expected = [(first.url(), "PUT /v2/keys/a"), (target.url(), "PUT /v2/keys/a")];
        assert_eq!(lines.collect::<Vec<_>>(), expected, "known: {known}");
        let ends = finished.iter().map(|own| (own.status, own.outcome));
        let expected = [(Some(307), Some(Outcome::Rejected)), (Some(200), None)];
        assert_eq!(ends.collect::<Vec<_>>(), expected);
    }
}

fn attempts_that_are_given_up_are_told(colour: Colour) {
    let server = Server::hung();
    let (client, notes) = observed(colour, [server.url()], |_| ());
    client.give_up(Get::new("/a"), || server.until_seen(1));
    client.give_up(Set::new("/a", "1"), || server.until_seen(2));
    let finished = notes.finished();
    assert_eq!(finished.len(), 2);
    for attempt in finished {
        assert_eq!((attempt.status, attempt.outcome), (None, Some(Outcome::Unknown)));
        // A future that is dropped has nobody to tell why.
        let stopped = attempt.failure.as_deref() == Some("stopped by the caller");
        assert_eq!(stopped, client.is_blocking(), "{attempt:?}");
    }
}

fn a_limit_that_strikes_is_told_as_a_failure(colour: Colour) {
    let server = Server::hung();
    let (client, notes) = observed(colour, [server.url()], |policy| {
        policy.write_head = Some(ms(60));
    });
    client.send(Set::new("/a", "1")).unwrap_err();
    let finished = notes.finished();
    assert_eq!(finished.len(), 1);
    let failure = finished[0].failure.as_deref().unwrap_or_default();
    assert!(failure.starts_with("timed out waiting for an answer"), "{failure}");
    assert!(finished[0].elapsed >= ms(60), "{finished:?}");
    assert!(finished[0].elapsed < Duration::from_secs(5), "{finished:?}");
}

fn the_changes_of_a_watch_are_told(colour: Colour) {
    let gate = Gate::default();
    let opened = gate.clone();
    let server = Server::start(move |peer| {
        while let Some(seen) = peer.request() {
            if seen.target.contains("waitIndex=4") {
                peer.write(
                    "HTTP/1.1 200 OK\r\nX-Etcd-Index: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                );
                opened.open();
            } else {
                peer.write(etcd(&change("set", "/a", "v", 3)));
            }
        }
    });
    let (client, notes) = observed(colour, [server.url()], |_| ());
    let (index, watch) = client.watch(Wait::new("/a").after(2)).change();
    assert_eq!(index, 3);
    let finished = notes.finished();
    assert_eq!((finished.len(), finished[0].outcome), (1, None));

    let interrupt = watch.interrupt();
    let pending = watch.start();
    gate.wait();
    // Not before the body is waited for.
    assert!(pending.lasts(ms(50)));
    interrupt.stop();
    drop(pending.result());
    let finished = notes.finished();
    assert_eq!(finished.len(), 1);
    assert_eq!((finished[0].status, finished[0].outcome), (Some(200), Some(Outcome::Applied)));
    assert_eq!(finished[0].meta.etcd_index, Some(3));
    assert!(finished[0].elapsed >= ms(50));
}

fn endpoints_with_a_path_are_told_apart(colour: Colour) {
    let server = Server::each(|seen| {
        let refused = seen.target.starts_with("/one/");
        if refused { response(501, &[], "read-only") } else { plausible(seen) }
    });
    let urls = [format!("{}/one", server.url()), format!("{}/on", server.url()), server.url()];
    let (client, notes) = observed(colour, urls.clone(), |_| ());
    client.send(Get::new("/a")).unwrap();
    let endpoints = notes.finished().into_iter().map(|own| own.endpoint);
    assert_eq!(endpoints.collect::<Vec<_>>(), urls[..2]);
    client.set_endpoints(&[&urls[2]]).unwrap();
    client.send(Get::new("/one/a")).unwrap();
    assert_eq!(notes.finished()[0].endpoint, urls[2]);
}

fn syncs_are_told(colour: Colour) {
    let server = Server::each(|seen| {
        let host = seen.header("Host").unwrap();
        let members = format!(r#"{{"members":[{{"id":"1","clientURLs":["http://{host}"]}}]}}"#);
        response(200, &["Content-Type: application/json"], &members)
    });
    let alias = server.url().replace("127.0.0.1", "localhost");
    // The first name gives way to the one that is advertised, so the pin has to move.
    let seed = Server::always(response(
        200,
        &["Content-Type: application/json"],
        &format!(r#"{{"members":[{{"id":"1","clientURLs":["{}","{alias}"]}}]}}"#, server.url()),
    ));
    let (client, notes) = observed(colour, [seed.url()], |_| ());
    client.sync().unwrap();
    let told = notes.take();
    let [
        Note::Started { line, .. },
        Note::Finished(_),
        Note::Moved { from, to },
        Note::Synced(Ok(endpoints)),
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!((line.as_str(), from, to), ("GET /v2/members", &seed.url(), &server.url()));
    assert_eq!(*endpoints, [server.url(), alias]);

    let refusing = Refusing::new();
    let (client, notes) = observed(colour, [refusing.url()], |policy| policy.passes = Some(1));
    client.sync().unwrap_err();
    let told = notes.take();
    assert!(matches!(told.last(), Some(Note::Synced(Err(Outcome::NotSent)))), "{told:?}");
}

fn new_endpoints_are_told_if_they_move_the_pin(colour: Colour) {
    let (one, two) = ("http://127.0.0.1:1", "http://127.0.0.1:2");
    let (client, notes) = observed(colour, [one], |_| ());
    client.set_endpoints(&[two, one]).unwrap();
    assert!(notes.take().is_empty());
    client.set_endpoints(&[two]).unwrap();
    let told = notes.take();
    assert!(
        matches!(&told[..], [Note::Moved { from, to }] if from == one && to == two),
        "{told:?}"
    );
    client.set_endpoints(&["nonsense"]).unwrap_err();
    assert!(notes.take().is_empty());
}

/// Looks at the client whenever it is told something, and uses its switch.
#[derive(Default)]
struct Curious {
    client: OnceLock<Subject>,
    told: Mutex<Vec<&'static str>>,
}

impl Curious {
    fn look(&self, told: &'static str) {
        let client = self.client.get().unwrap();
        client.disable_curl();
        assert!(client.endpoints().contains(&client.pinned()));
        self.told.lock().unwrap().push(told);
    }
}

impl Observer for Curious {
    fn attempt_started(&self, _: &AttemptStarted<'_>) {
        self.look("attempt");
    }

    fn pin_moved(&self, moved: &PinMoved<'_>) {
        assert_eq!(self.client.get().unwrap().pinned(), moved.to.to_string());
        self.look("pin");
    }

    fn synced(&self, _: &Synced<'_>) {
        self.look("sync");
    }
}

fn an_observer_may_use_the_client(colour: Colour) {
    let (refusing, server) = (Refusing::new(), Server::healthy());
    let curious = Arc::new(Curious::default());
    let observer: Arc<dyn Observer> = curious.clone();
    let setup = colour.patient([refusing.url(), server.url()]).observer(observer);
    let client = setup.policy(|policy| policy.passes = Some(1)).build();
    assert!(curious.client.set(client.clone()).is_ok());
    client.send(Get::new("/a")).unwrap();
    client.set_endpoints(&[&refusing.url()]).unwrap();
    client.sync().unwrap_err();
    let told = curious.told.lock().unwrap().clone();
    assert_eq!(told, ["attempt", "pin", "attempt", "pin", "attempt", "sync"]);
}

fn requests_that_are_never_sent_are_not_told(colour: Colour) {
    let (client, notes) = observed(colour, ["http://127.0.0.1:1"], |_| ());
    client.send(Get::new("/a/../b")).unwrap_err();
    assert!(notes.take().is_empty());
}
