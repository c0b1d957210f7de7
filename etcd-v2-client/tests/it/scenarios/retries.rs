//! Many calls of one client beside endpoints that are down: what they may spend on asking again, all together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use etcd_v2_client::ErrorKind;
use etcd_v2_client::keys::Get;

use crate::both::{Colour, Subject, both, ms};
use crate::server::{Server, plausible};

both!(
    calls_of_one_client_ask_a_dead_cluster_seldom,
    clones_share_what_they_may_spend,
    a_healthy_endpoint_is_reached_though_nothing_is_left,
    answers_earn_new_retries,
    a_policy_may_be_against_holding_calls_back,
);

/// Resets each connection, until it is told to answer.
struct Shaky {
    server: Server,
    answers: Arc<AtomicBool>,
}

impl Shaky {
    fn new() -> Self {
        let answers = Arc::new(AtomicBool::new(false));
        let is_well = Arc::clone(&answers);
        let server = Server::start(move |peer| {
            while is_well.load(Ordering::SeqCst) {
                let Some(seen) = peer.request() else { return };
                if is_well.load(Ordering::SeqCst) {
                    peer.write(plausible(&seen));
                }
            }
            peer.reset();
        });
        Self { server, answers }
    }

    fn set(&self, answers: bool) {
        self.answers.store(answers, Ordering::SeqCst);
    }
}

/// A client of these two whose calls try each three times, however long that takes.
fn client(colour: Colour, first: &Server, second: &Server) -> Subject {
    let setup = colour.setup([first.url(), second.url()]);
    setup
        .policy(|policy| {
            policy.read_deadline = Some(Duration::from_secs(60));
            policy.read_head = Some(Duration::from_secs(10).into());
            policy.passes = Some(3);
        })
        .build()
}

/// Whether a call that nobody answers is held back. It makes four attempts after the first pass.
fn is_held_back(client: &Subject) -> bool {
    let error = client.send(Get::new("/a")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable), "{error}");
    assert_eq!(error.attempts().len(), 6, "{error}");
    let is_told = |text: String| text.contains("held back, since the client has spent its retries");
    assert_eq!(is_told(error.to_string()), error.was_held_back());
    assert_eq!(is_told(error.detail().to_string()), error.was_held_back());
    error.was_held_back()
}

fn calls_of_one_client_ask_a_dead_cluster_seldom(colour: Colour) {
    const CALLS: usize = 10;
    let down = [Shaky::new(), Shaky::new()];
    let client = client(colour, &down[0].server, &down[1].server).with(|policy| {
        (policy.read_deadline, policy.passes) = (Some(ms(2500)), None);
    });
    let calls: Vec<_> = (0..CALLS).map(|_| client.start(Get::new("/a"))).collect();
    let errors: Vec<_> = calls.into_iter().map(|call| call.result().unwrap_err()).collect();
    assert!(errors.iter().any(etcd_v2_client::Error::was_held_back), "{errors:?}");
    assert!(errors.iter().all(|error| error.attempts().len() >= 2), "all were asked: {errors:?}");
    let attempts: usize = errors.iter().map(|error| error.attempts().len()).sum();
    // The first pass, what is free after it, and a rest of half a second before each other one.
    assert!(attempts <= CALLS * 2 + 10 + CALLS * (5 + 1), "{attempts}");
    let dials: usize = down.iter().map(|shaky| shaky.server.connections()).sum();
    assert_eq!(dials, attempts);
}

fn clones_share_what_they_may_spend(colour: Colour) {
    let down = [Shaky::new(), Shaky::new()];
    let client = client(colour, &down[0].server, &down[1].server);
    let other = client.with(|policy| policy.max_answer = 1000);
    assert!(!is_held_back(&client) && !is_held_back(&other), "eight of ten are spent");
    assert!(is_held_back(&client), "there are two left");
    assert!(is_held_back(&other));
    let stranger = self::client(colour, &down[0].server, &down[1].server);
    assert!(!is_held_back(&stranger), "another client has its own");
}

fn a_healthy_endpoint_is_reached_though_nothing_is_left(colour: Colour) {
    let (down, shaky) = (Shaky::new(), Shaky::new());
    let client = client(colour, &down.server, &shaky.server);
    while !is_held_back(&client) {}
    shaky.set(true);
    let before = (down.server.connections(), shaky.server.connections());
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("read"));
    let after = (down.server.connections(), shaky.server.connections());
    // In the first pass: neither was asked twice.
    assert!(after.0 - before.0 <= 1 && after.1 - before.1 == 1, "{before:?} {after:?}");
}

fn answers_earn_new_retries(colour: Colour) {
    let (down, shaky) = (Shaky::new(), Shaky::new());
    let client = client(colour, &down.server, &shaky.server);
    while !is_held_back(&client) {}
    shaky.set(true);
    for _ in 0..40 {
        client.send(Get::new("/a")).unwrap();
    }
    shaky.set(false);
    assert!(!is_held_back(&client), "four were earned");
}

fn a_policy_may_be_against_holding_calls_back(colour: Colour) {
    let down = [Shaky::new(), Shaky::new()];
    let client = client(colour, &down[0].server, &down[1].server);
    let client = client.with(|policy| policy.retry_pause = Duration::ZERO);
    for _ in 0..4 {
        assert!(!is_held_back(&client));
    }
}
