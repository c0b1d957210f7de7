//! Keeping up with who the members are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use etcd_v2_client::keys::Get;
use etcd_v2_client::observe::Observer;
use etcd_v2_client::{Error, ErrorKind, Interrupt, Membership, Order, Outcome, Policy};

use crate::both::observing::{Note, Notes};
use crate::both::{Colour, Syncing, both, ms};
use crate::server::{Gate, Refusing, Seen, Server, plausible, response};

both!(
    endpoints_follow_the_members,
    errors_are_told_and_are_no_end,
    asks_no_more_often_than_its_interval_allows_after_errors,
    goes_on_after_a_panic_in_its_report,
    an_observer_hears_of_each_sync,
    the_leader_of_each_sync_is_asked_first,
    endpoints_that_were_replaced_are_asked_by_the_next_sync,
    endpoints_that_are_replaced_during_a_sync_stay,
    dropping_it_ends_a_call_that_would_last_for_ever,
    dropping_it_ends_a_pause,
    the_interrupt_of_the_client_ends_it,
    it_needs_no_client_and_leaves_no_connection,
    it_goes_on_at_the_seeds_when_no_member_answers,
    intervals_that_make_no_sense_are_refused,
);

const OFTEN: Duration = ms(100);
const RARELY: Duration = Duration::from_secs(3600);
/// How soon an end has to come once it is wanted, on a busy machine.
const SOON: Duration = Duration::from_secs(5);

/// What a server says who the members are.
fn members<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> String {
    let members = urls.into_iter().map(|url| {
        format!(
            "{{\"id\":\"1\",\"name\":\"m\",\"peerURLs\":[],\"clientURLs\":[{:?}]}}",
            url.as_ref()
        )
    });
    let members = members.collect::<Vec<_>>().join(",");
    json(200, &format!("{{\"members\":[{members}]}}"))
}

fn json(status: u16, body: &str) -> String {
    response(status, &["Content-Type: application/json"], body)
}

fn unwell() -> String {
    json(500, "{\"message\":\"unwell\"}")
}

/// A server that answers the first request in the first way, and so on; the last way is for all the rest.
fn one_after_the_other(answers: impl IntoIterator<Item = String>) -> Server {
    let (answers, count) = (Vec::from_iter(answers), AtomicUsize::new(0));
    Server::each(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        answers[number.min(answers.len() - 1)].clone()
    })
}

fn endpoints_follow_the_members(colour: Colour) {
    let (b, c) = ("http://127.0.0.1:1", "http://127.0.0.1:2");
    let own = Arc::new(Mutex::new(String::new()));
    let (url, count) = (Arc::clone(&own), AtomicUsize::new(0));
    let server = Server::each(move |_| {
        let own = url.lock().unwrap().clone();
        let other = if count.fetch_add(1, Ordering::SeqCst) == 0 { b } else { c };
        members([own.as_str(), other])
    });
    *own.lock().unwrap() = server.url();
    let client = colour.client([server.url()]);
    let clone = client.with(|policy| policy.passes = Some(1));
    let syncing = client.auto_sync(OFTEN).unwrap();
    assert_eq!(syncing.found(), [server.url(), b.to_owned()]);
    assert_eq!(syncing.found(), [server.url(), c.to_owned()]);
    assert_eq!(clone.endpoints(), [server.url(), c.to_owned()], "clones know");
    assert_eq!(server.lines()[..2], ["GET /v2/members", "GET /v2/members"]);
    assert_eq!(server.connections(), 1, "it is kept");
}

fn errors_are_told_and_are_no_end(colour: Colour) {
    let own = "http://127.0.0.1:1".to_owned();
    let strange = members(["http://0.0.0.0:1"]);
    let server = one_after_the_other([unwell(), strange, unwell(), members([&own])]);
    let client = colour.client([server.url()]).with(|policy| policy.passes = Some(1));
    let syncing = client.auto_sync(OFTEN).unwrap();
    for number in 0..3 {
        let error = syncing.next().unwrap_err();
        match error.kind() {
            ErrorKind::Api(refusal) => assert_eq!(refusal.status.as_u16(), 500),
            ErrorKind::NoUsableUrls(_) => assert_eq!(number, 1),
            other => panic!("{other}"),
        }
        assert_eq!(client.endpoints(), [server.url()], "as before");
    }
    assert_eq!(syncing.found(), [own]);
}

fn asks_no_more_often_than_its_interval_allows_after_errors(colour: Colour) {
    let strange = members(["http://0.0.0.0:1"]);
    for answer in [
        unwell(),
        strange,
        json(503, "{}"),
        json(401, "{\"message\":\"who is this\"}"),
        "HTTP/1.1 200 OK\r\n".to_owned(),
    ] {
        let server = Server::always(answer);
        let client = colour.client([server.url()]).with(|policy| policy.passes = Some(1));
        let began = Instant::now();
        let syncing = client.auto_sync(OFTEN).unwrap();
        for number in 0..4_u32 {
            syncing.next().unwrap_err();
            // Each pause is twice as long as the one before, and none is shorter than the interval.
            let least = OFTEN * (2_u32.pow(number) - 1);
            assert!(began.elapsed() >= least, "{number} {:?}", began.elapsed());
        }
        // One may have been under way.
        let reported = 4 + syncing.end().len();
        assert!(server.count() <= reported + 1, "{} requests", server.count());
    }
}

fn goes_on_after_a_panic_in_its_report(colour: Colour) {
    let server = one_after_the_other([
        members(["http://127.0.0.1:1"]),
        unwell(),
        members(["http://127.0.0.1:2"]),
    ]);
    let client = colour.client([server.url()]).with(|policy| policy.passes = Some(1));
    let (sender, ends) = std::sync::mpsc::channel();
    let mut calls = 0;
    let report = move |end: Result<Membership, Error>| {
        calls += 1;
        drop(sender.send(end));
        assert!(calls > 2, "as it is meant to");
    };
    // The seed is asked each time, as it stays when the members do not answer.
    let syncing = Syncing::reporting(&client, OFTEN, report, ends);
    assert_eq!(syncing.found(), ["http://127.0.0.1:1"]);
    syncing.next().unwrap_err();
    assert_eq!(syncing.found(), ["http://127.0.0.1:2"]);
    assert_eq!(syncing.found(), ["http://127.0.0.1:2"], "and so on");
    assert_eq!(client.endpoints(), ["http://127.0.0.1:2"]);
    syncing.end();
}

fn an_observer_hears_of_each_sync(colour: Colour) {
    let own = "http://127.0.0.1:1".to_owned();
    let server = one_after_the_other([unwell(), members([&own])]);
    let notes = Arc::new(Notes::default());
    let observer: Arc<dyn Observer> = notes.clone();
    let client = colour.setup([server.url()]).observer(observer).build();
    let client = client.with(|policy| policy.passes = Some(1));
    let syncing = client.auto_sync(OFTEN).unwrap();
    syncing.next().unwrap_err();
    syncing.next().unwrap();
    let synced = notes.take().into_iter().filter_map(|note| match note {
        Note::Synced(result) => Some(result),
        _ => None,
    });
    let synced: Vec<_> = synced.take(2).collect();
    assert_eq!(synced, [Err(Outcome::Unknown), Ok(vec![own])]);
}

fn the_leader_of_each_sync_is_asked_first(colour: Colour) {
    let urls = Arc::new(Mutex::new(Vec::<String>::new()));
    let leads = Arc::new(AtomicUsize::new(0));
    let start = || {
        let (urls, leads) = (Arc::clone(&urls), Arc::clone(&leads));
        Server::each(move |seen| {
            let urls = urls.lock().unwrap().clone();
            match seen.target.as_str() {
                "/v2/members" => members(urls),
                "/v2/members/leader" => {
                    let leader = &urls[leads.load(Ordering::SeqCst)];
                    json(
                        200,
                        &format!("{{\"id\":\"1\",\"name\":\"m\",\"clientURLs\":[{leader:?}]}}"),
                    )
                }
                _ => plausible(seen),
            }
        })
    };
    let servers = [start(), start()];
    *urls.lock().unwrap() = servers.iter().map(Server::url).collect();
    let setup = colour.patient([servers[0].url()]).order(Order::LeaderFirst);
    let client = setup.build();
    let syncing = client.auto_sync(OFTEN).unwrap();
    for number in [0, 1, 0] {
        leads.store(number, Ordering::SeqCst);
        let leader = servers[number].url();
        let heard = || syncing.next().unwrap().leader.unwrap().to_string() == leader;
        // A sync may have been under way.
        assert!(heard() || heard());
        assert_eq!(client.pinned(), leader);
    }
}

fn endpoints_that_were_replaced_are_asked_by_the_next_sync(colour: Colour) {
    let (here, there) = ("http://127.0.0.1:1", "http://127.0.0.1:2");
    let first = one_after_the_other([members([here]), unwell()]);
    let second = Server::always(members([there]));
    let client = colour.client([first.url()]);
    // Long enough to replace them before the next one.
    let syncing = client.auto_sync(Duration::from_secs(2)).unwrap();
    assert_eq!(syncing.found(), [here]);
    client.set_endpoints(&[&second.url()]).unwrap();
    assert_eq!(syncing.found(), [there]);
    assert_eq!((first.count(), second.count()), (1, 1));
}

fn endpoints_that_are_replaced_during_a_sync_stay(colour: Colour) {
    let (here, there) = ("http://127.0.0.1:1", "http://127.0.0.1:2");
    let gate = Gate::default();
    let held = gate.clone();
    let first = Server::each(move |_: &Seen| {
        held.wait();
        members([here])
    });
    let second = Server::always(members([there]));
    let client = colour.patient([first.url()]).build();
    let syncing = client.auto_sync(OFTEN).unwrap();
    first.until_seen(1);
    client.set_endpoints(&[&second.url()]).unwrap();
    gate.open();
    assert_eq!(syncing.found(), [here]);
    assert_eq!(syncing.found(), [there]);
    assert_eq!(client.endpoints(), [there]);
    assert_eq!((first.count(), second.count() >= 1), (1, true));
}

fn dropping_it_ends_a_call_that_would_last_for_ever(colour: Colour) {
    let server = Server::hung();
    let client = colour.client([server.url()]).with(|policy| {
        *policy = Policy::go_limits();
        policy.read_deadline = Some(RARELY);
    });
    let syncing = client.auto_sync(RARELY).unwrap();
    server.until_seen(1);
    let began = Instant::now();
    assert!(syncing.end().is_empty(), "nothing has come of it");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    server.until_closed(1);
}

fn dropping_it_ends_a_pause(colour: Colour) {
    let server = Server::always(members(["http://127.0.0.1:1"]));
    let client = colour.client([server.url()]);
    let syncing = client.auto_sync(RARELY).unwrap();
    syncing.next().unwrap();
    let began = Instant::now();
    assert!(syncing.end().is_empty());
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(server.count(), 1);
    assert_eq!(client.endpoints(), ["http://127.0.0.1:1"], "what was learned stays");
}

fn the_interrupt_of_the_client_ends_it(colour: Colour) {
    let (hung, server) = (Server::hung(), Server::always(members(["http://127.0.0.1:1"])));
    for server in [&hung, &server] {
        let interrupt = Interrupt::new();
        let client = colour.client([server.url()]).stopped_by(&interrupt);
        let syncing = client.auto_sync(RARELY).unwrap();
        server.until_seen(1);
        interrupt.stop();
        // A stop is no error of a sync, and one that was through with its work has its say.
        assert!(syncing.ended().iter().all(Result::is_ok));
        let after = client.auto_sync(RARELY).unwrap();
        assert!(after.ended().is_empty(), "stopping is for good");
    }
}

fn it_needs_no_client_and_leaves_no_connection(colour: Colour) {
    let own = Arc::new(Mutex::new(String::new()));
    let url = Arc::clone(&own);
    let server = Server::each(move |_| members([url.lock().unwrap().as_str()]));
    *own.lock().unwrap() = server.url();
    let client = colour.client([server.url()]);
    let syncing = client.auto_sync(OFTEN).unwrap();
    let _runtime = client.drop_client();
    for _ in 0..3 {
        assert_eq!(syncing.found(), [server.url()]);
    }
    syncing.end();
    server.until_closed(1);
}

fn it_goes_on_at_the_seeds_when_no_member_answers(colour: Colour) {
    let (gone, seed) = (Refusing::new(), Gate::default());
    let (url, opened) = (gone.url(), seed.clone());
    let server = Server::each(move |seen: &Seen| match seen.target.as_str() {
        "/v2/members" => members([&url]),
        _ => {
            opened.open();
            plausible(seen)
        }
    });
    let client = colour.client([server.url()]);
    let syncing = client.auto_sync(OFTEN).unwrap();
    for _ in 0..3 {
        assert_eq!(syncing.found(), [gone.url()], "nobody listens there, and the seed is asked");
    }
    client.send(Get::new("/a")).unwrap();
    seed.wait();
    assert_eq!(client.endpoints(), [gone.url()]);
}

fn intervals_that_make_no_sense_are_refused(colour: Colour) {
    let server = Server::healthy();
    let client = colour.client([server.url()]);
    for interval in [Duration::ZERO, ms(1), ms(99)] {
        let error = client.auto_sync(interval).err().unwrap();
        let ErrorKind::Invalid(invalid) = error.kind() else { panic!("{error}") };
        assert_eq!((invalid.field, error.outcome()), ("interval", Outcome::NotSent));
        assert!(invalid.reason.contains(&format!("{interval:?}")), "{error}");
    }
    assert_eq!(server.connections(), 0);
}

/// What only a thread has.
#[cfg(feature = "ureq")]
mod threads {
    use std::sync::mpsc;

    use etcd_v2_client::blocking::{self, Client};

    use super::*;
    use crate::server::PATIENCE;

    fn client(server: &Server) -> Client {
        Client::new([server.url()]).unwrap()
    }

    #[test]
    fn nothing_is_told_after_a_stop() {
        let server = Server::always(members(["http://127.0.0.1:1"]));
        for _ in 0..5 {
            let (sender, told) = mpsc::channel();
            let syncing = client(&server).auto_sync(OFTEN, move |end| drop(sender.send(end)));
            let syncing = syncing.unwrap();
            told.recv_timeout(PATIENCE).unwrap().unwrap();
            syncing.stop();
            let left = told.try_iter().count();
            assert!(
                matches!(told.try_recv(), Err(mpsc::TryRecvError::Disconnected)),
                "{left} left"
            );
        }
    }

    #[test]
    fn the_callback_may_end_what_it_is_called_by() {
        let server = Server::always(members(["http://127.0.0.1:1"]));
        let ends: [fn(blocking::AutoSync); 2] = [blocking::AutoSync::stop, drop];
        for end in ends {
            let guard = Arc::new(Mutex::new(None::<blocking::AutoSync>));
            let ((sender, told), own) = (mpsc::channel(), Arc::clone(&guard));
            let syncing = client(&server).auto_sync(OFTEN, move |_| {
                if let Some(guard) = own.lock().unwrap().take() {
                    end(guard);
                    sender.send(()).unwrap();
                }
            });
            *guard.lock().unwrap() = Some(syncing.unwrap());
            told.recv_timeout(PATIENCE).unwrap();
            let gone = told.recv_timeout(PATIENCE);
            assert_eq!(gone, Err(mpsc::RecvTimeoutError::Disconnected), "the thread has ended");
        }
    }

    #[test]
    fn a_drop_does_not_wait_for_a_callback_that_waits_for_the_dropper() {
        let server = Server::always(members(["http://127.0.0.1:1"]));
        let (sender, told) = mpsc::sync_channel(0);
        let syncing = client(&server).auto_sync(OFTEN, move |end| drop(sender.send(end)));
        server.until_seen(1);
        drop(syncing.unwrap());
        // It may be in the middle of telling.
        while told.recv_timeout(PATIENCE).is_ok() {}
        assert!(matches!(told.try_recv(), Err(mpsc::TryRecvError::Disconnected)));
    }
}

/// What only a future has.
#[cfg(feature = "hyper")]
#[test]
fn nothing_is_asked_before_the_future_is_polled() {
    let server = Server::always(members(["http://127.0.0.1:1"]));
    let client = etcd_v2_client::Client::new([server.url()]).unwrap();
    let syncing = client.auto_sync(RARELY, |_| ()).unwrap();
    assert_eq!(format!("{syncing:?}"), "AutoSync { .. }");
    drop(syncing);
    assert_eq!(server.connections(), 0);
}
