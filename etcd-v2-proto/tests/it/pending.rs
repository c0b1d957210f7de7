//! Which attempts are worth a look while they are waited for.

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::keys::{Get, Set};
use etcd_v2_proto::{
    Action, Cluster, Conversation, Event, Exchange, Failure, Policy, Purpose, Request, Stage,
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn exchange<R: Request>(request: R, policy: Policy) -> Exchange<R> {
    let route = Cluster::parse(["http://a:1", "http://b:2"]).expect("two endpoints").route();
    Exchange::new(request, route, Arc::new(policy), 7, Duration::ZERO)
}

/// Whose attempt begins now, if it is worth a look.
fn pending<R: Request>(exchange: &mut Exchange<R>, now: Duration) -> Option<Purpose> {
    let Action::Send { .. } = exchange.poll(now) else { panic!("not sending at {now:?}") };
    exchange.pending().map(|pending| pending.purpose)
}

#[test]
fn a_quorum_read_is_worth_a_look_once_it_is_patient() {
    let mut read = exchange(Get::new("/k").quorum(), Policy::default());
    let mut now = Duration::ZERO;
    let mut looks = Vec::new();
    while now < ms(7000) {
        match read.poll(now) {
            Action::Send { timing, .. } => {
                let limit = timing.response.or(timing.head).unwrap();
                looks.push((limit > ms(1000), read.pending().map(|pending| pending.purpose)));
                now += limit;
                read.handle(now, Event::Failed(Failure::timed_out(Stage::AfterSend)));
            }
            Action::Wait(pause) => {
                now += pause;
                read.handle(now, Event::Elapsed);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(looks.len() > 3 && looks.iter().any(|(is_long, _)| *is_long), "{looks:?}");
    for (is_long, purpose) in &looks {
        assert_eq!(*purpose, is_long.then_some(Purpose::QuorumRead), "{looks:?}");
    }
}

#[test]
fn whoever_may_wait_for_ever_is_worth_a_look() {
    let mut policy = Policy::default();
    policy.quorum_head = None;
    let mut read = exchange(Get::new("/k").quorum(), policy);
    assert_eq!(pending(&mut read, ms(0)), Some(Purpose::QuorumRead));
    let mut listing = exchange(Get::new("/k").quorum().recursive(), Policy::default());
    assert_eq!(pending(&mut listing, ms(0)), Some(Purpose::QuorumListing), "1.1 seconds");
}

#[test]
fn local_reads_are_not_worth_a_look_and_writes_always_are() {
    let mut policy = Policy::default();
    policy.read_head = None;
    assert_eq!(pending(&mut exchange(Get::new("/k"), policy), ms(0)), None);
    let mut write = exchange(Set::new("/k", "v"), Policy::default());
    assert_eq!(write.pending().map(|pending| pending.purpose), None, "nothing is sent yet");
    assert_eq!(pending(&mut write, ms(0)), Some(Purpose::Write));
}
