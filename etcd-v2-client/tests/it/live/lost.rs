//! Answers that are lost: what the labels say, what is found out, and what is in the store.

use etcd_v2_client::keys::{Change, Delete, Get, Push, Set, Wait};
use etcd_v2_client::{Code, Doubt, Error, ErrorKind, Outcome, Resolution};

use super::lossy::{LOSSES, Loss, Lossy, Plan};
use super::servers;
use super::space::{Client, Keys, Space};
use super::views::Members;

both! {
    quiet:
    a_write_whose_answer_is_lost_is_sent_once_and_found_out,
    a_swap_by_index_whose_answer_is_lost_succeeds_and_a_deletion_is_told_right,
    a_read_through_consensus_whose_answer_is_lost_is_asked_again,
    a_swap_by_index_with_rivals_is_always_told_right,
    a_lost_push_that_was_taken_off_is_found_in_the_history,
    a_lost_write_of_a_new_client_is_found_out,
    a_late_copy_is_told_from_a_rivals,
    nothing_is_resolved_that_was_refused,
}

both! {
    crowded:
    history_that_is_gone_leaves_a_write_unknown,
    history_that_is_gone_before_the_write_does_not_matter,
}

both! {
    changing:
    a_lost_change_of_members_is_told_as_it_is,
}

/// The ways in which an answer is lost: how, and whether the server had the request.
fn losses() -> impl Iterator<Item = (Loss, bool)> {
    LOSSES.into_iter().flat_map(|loss| [(loss, true), (loss, false)])
}

/// The same directory behind a proxy.
fn behind(space: &Space) -> (Lossy, Space) {
    let lossy = Lossy::before(&space.client.endpoints()[0]);
    let behind = space.asking([lossy.url()]);
    // A client knows an index as soon as anybody has answered.
    behind.get("").unwrap_err();
    (lossy, behind)
}

impl Client {
    fn endpoint(&self) -> String {
        self.endpoints().swap_remove(0)
    }
}

type Write = (&'static str, fn(&Space, &str) -> Result<Change, Error>);

/// Each kind of write that is never sent twice, to a key that has the value `old`, except for those that
/// need it to be absent.
const ONCE: [Write; 6] = [
    ("push", |space, key| space.push(key, "new")),
    ("create", |space, key| space.create(key, "new")),
    ("set", |space, key| space.set(key, "new")),
    ("update", |space, key| space.update(key, "new")),
    ("prevValue", |space, key| space.send(Set::new(space.at(key), "new").if_value("old"))),
    ("delete", |space, key| space.delete(key)),
];

fn a_write_whose_answer_is_lost_is_sent_once_and_found_out(space: &Space) {
    space.mkdir("").unwrap();
    let (lossy, behind) = {
        let lossy = Lossy::before(&space.client.endpoint());
        let behind = space.asking([lossy.url()]);
        behind.get("").unwrap();
        (lossy, behind)
    };
    for ((loss, forwarded), (what, write)) in
        losses().flat_map(|loss| ONCE.map(|write| (loss, write)))
    {
        let case = format!("{what} {loss:?} {forwarded}");
        let key = case.replace(' ', "-");
        let absent = matches!(what, "push" | "create");
        if !absent {
            space.set(&key, "old").unwrap();
        }
        let before = lossy.plan(Plan::new(loss, forwarded));
        let error = write(&behind, &key).unwrap_err();
        assert_eq!(lossy.writes_since(before), 1, "{case}");

        let announced = forwarded && loss == Loss::Cut;
        let outcome = if announced { Outcome::Applied } else { Outcome::Unknown };
        assert_eq!(error.outcome(), outcome, "{case}: {error}");
        assert!(error.may_have_applied(), "{case}");

        let now = space.send(Get::new(space.at(&key)).quorum());
        let applied = match (what, &now) {
            ("push", now) => now.as_ref().is_ok_and(|now| {
                assert_eq!(now.node().unwrap().children().count(), 1, "{case}");
                true
            }),
            ("delete", now) => now.as_ref().is_err_and(Error::is_key_not_found),
            (_, now) => now.as_ref().is_ok_and(|now| now.value() == Some("new")),
        };
        assert_eq!(applied, forwarded, "{case}: the proxy knows");

        match behind.keys.resolve(&error).unwrap() {
            Resolution::Applied(Some(change)) => {
                assert!(applied && (what != "delete" || announced), "{case}: {change:?}");
                if what == "push" {
                    let now = now.unwrap();
                    assert_eq!(now.node().unwrap().children().next(), change.node(), "{case}");
                } else {
                    assert!(change.key().unwrap().ends_with(&key), "{case}: {change:?}");
                    let index = now.ok().map(|now| now.index());
                    assert!(index.is_none_or(|index| index == change.index()), "{case}");
                }
                assert_eq!(change.etcd_index(), change.index(), "{case}: as a write is answered");
            }
            Resolution::Unknown(Doubt::Ambiguous(change)) => {
                // Nothing tells whose deletion it is.
                assert!(applied && what == "delete" && !announced, "{case}: {change:?}");
            }
            Resolution::Unknown(Doubt::NotYet) => assert!(!applied, "{case}"),
            other => panic!("{case}: {other:?}"),
        }
    }
}

fn a_swap_by_index_whose_answer_is_lost_succeeds_and_a_deletion_is_told_right(space: &Space) {
    let (lossy, behind) = behind(space);
    for (loss, forwarded) in losses() {
        let key = format!("{loss:?}-{forwarded}");
        let index = space.set(&key, "old").unwrap().index().unwrap();

        let before = lossy.plan(Plan::new(loss, forwarded));
        let swapped = behind.compare_and_swap(&key, index, "new").unwrap();
        assert!(lossy.writes_since(before) <= 2, "{key}");
        let now = space.get(&key).unwrap();
        assert_eq!(swapped.node(), now.node(), "{key}");
        assert_eq!(swapped.previous().unwrap().modified_index(), Some(index), "{key}");
        assert_eq!(swapped.etcd_index(), swapped.index(), "{key}");

        let index = now.index().unwrap();
        let before = lossy.plan(Plan::new(loss, forwarded));
        let told = behind.compare_and_delete(&key, index);
        assert!(lossy.writes_since(before) <= 2, "{key}");
        // It has no value: of one that was carried out, only an announced success tells that it was ours.
        let deleted = match told {
            Ok(deleted) => deleted,
            Err(error) => {
                assert!(forwarded && loss != Loss::Cut, "{key}: {error}");
                assert_eq!(error.outcome(), Outcome::Unknown, "{key}: {error}");
                assert!(!error.is_compare_failed() && !error.is_key_not_found(), "{key}: {error}");
                match behind.keys.resolve(&error).unwrap() {
                    Resolution::Unknown(Doubt::Ambiguous(deleted)) => deleted,
                    other => panic!("{key}: {other:?}"),
                }
            }
        };
        assert_eq!(deleted.previous(), now.node(), "{key}");
        assert!(space.get(&key).unwrap_err().is_key_not_found(), "{key}");
    }
}

fn a_read_through_consensus_whose_answer_is_lost_is_asked_again(space: &Space) {
    let (lossy, behind) = behind(space);
    space.set("file", "value").unwrap();
    for (loss, forwarded) in losses() {
        let before = lossy.plan(Plan::new(loss, forwarded));
        let read = behind.send(Get::new(space.at("file")).quorum()).unwrap();
        assert_eq!((read.value(), lossy.writes_since(before)), (Some("value"), 0), "{loss:?}");
    }
}

/// A trial: who writes what at which time, and what was in the way of the answer.
fn a_swap_by_index_with_rivals_is_always_told_right(space: &Space) {
    const ROUNDS: usize = 13;
    let (lossy, behind) = behind(space);
    let (mut trials, mut swapped) = (0, 0);
    let rivals = ["before", "after", "never"];
    for (round, (loss, forwarded), rival) in (0..ROUNDS).flat_map(|round| {
        losses().flat_map(move |loss| rivals.map(move |rival| (round, loss, rival)))
    }) {
        let case = format!("{round} {loss:?} {forwarded}, rival {rival}");
        let index = space.set("file", "old").unwrap().index().unwrap();
        let mut plan = Plan::new(loss, forwarded);
        let (other, value) = (space.clone(), format!("rival in {case}"));
        let write = Box::new(move || drop(other.set("file", &value).unwrap()));
        match rival {
            "before" => plan.before = write,
            "after" => plan.after = write,
            _ => {}
        }
        lossy.plan(plan);
        let told = behind.compare_and_swap("file", index, &case);

        let applied = history(&space.keys, &space.at("file"), index).contains(&case);
        match told {
            Ok(change) => {
                assert!(applied, "{case}");
                assert_eq!(change.value(), Some(case.as_str()));
                swapped += 1;
            }
            Err(error) => {
                assert!(!applied, "{case}: {error}");
                // Of a refusal that was cut, only the status is left.
                let cut = loss == Loss::Cut && forwarded && rival == "before";
                assert!(error.is_compare_failed() || cut, "{case}: {error}");
                assert_eq!(error.outcome(), Outcome::Rejected, "{case}");
                assert!(!error.may_have_applied());
            }
        }
        trials += 1;
    }
    // Of six ways for a rival, it is first in three: before ours, and twice before the one that counts.
    assert_eq!((trials, swapped), (24 * ROUNDS, 12 * ROUNDS));
}

/// The values that a key had after an index.
fn history(keys: &Keys, key: &str, mut after: u64) -> Vec<String> {
    let now = keys.send(Get::new(key).quorum()).unwrap().index().unwrap();
    let mut values = Vec::new();
    while after < now {
        let change = keys.wait(Wait::new(key).after(after)).unwrap();
        after = change.index().unwrap();
        values.extend(change.into_value());
    }
    values
}

fn a_lost_push_that_was_taken_off_is_found_in_the_history(space: &Space) {
    let (lossy, behind) = behind(space);
    lossy.plan(Plan::new(Loss::Closed, true));
    let error = behind.push("queue", "job").unwrap_err();
    let pushed = space.list("queue").unwrap();
    let pushed = pushed.node().unwrap().children().next().unwrap();
    let other = space.push("queue", "another job").unwrap();
    space.keys.send(Delete::new(pushed.key())).unwrap();

    let Resolution::Applied(Some(change)) = behind.keys.resolve(&error).unwrap() else {
        panic!("it is in the history");
    };
    assert_eq!(change.node(), Some(pushed));

    // Another one that is just the same leaves it open which one is ours.
    let same = Push::new(space.at("queue"), "job");
    let same = [space.send(same.clone()).unwrap(), space.send(same).unwrap()];
    let found = behind.keys.resolve(&error).unwrap();
    let Resolution::Unknown(Doubt::Ambiguous(change)) = &found else { panic!("{found:?}") };
    assert_eq!(change.node(), same[1].node());
    assert!(change.index() > other.index());
}

fn a_lost_write_of_a_new_client_is_found_out(space: &Space) {
    let lossy = Lossy::before(&space.client.endpoint());
    let chrooted = space.asking([lossy.url()]).chrooted();
    lossy.plan(Plan::new(Loss::Reset, true));
    let error = chrooted.create("/file", "mine").unwrap_err();
    let found = chrooted.keys.resolve(&error).unwrap();
    let Resolution::Applied(Some(change)) = &found else { panic!("{found:?}") };
    assert_eq!((change.key(), change.value()), (Some("/file"), Some("mine")), "{change:?}");
}

fn a_late_copy_is_told_from_a_rivals(space: &Space) {
    let (lossy, behind) = behind(space);
    let once = behind.with(|policy| policy.passes = Some(1));
    let index = space.set("file", "old").unwrap().index().unwrap();
    lossy.plan(Plan::new(Loss::Closed, false));
    let error = once.compare_and_swap("file", index, "mine").unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert!(!error.is_compare_failed());
    let found = once.keys.resolve(&error).unwrap();
    assert!(matches!(found, Resolution::Unknown(Doubt::NotYet)), "{found:?}");

    // The copy arrives late, and changes what the answer is.
    let late = space.compare_and_swap("file", index, "mine").unwrap();
    let found = once.keys.resolve(&error).unwrap();
    let Resolution::Applied(Some(change)) = &found else { panic!("{found:?}") };
    assert_eq!(change.node(), late.node());

    // With a rival before it, it never will be.
    let index = late.index().unwrap();
    lossy.plan(Plan::new(Loss::Closed, false));
    let error = once.compare_and_swap("file", index, "mine again").unwrap_err();
    let rival = space.set("file", "rival").unwrap();
    space.set("file", "mine again").unwrap();
    let found = once.keys.resolve(&error).unwrap();
    let Resolution::NotApplied(Some(change)) = &found else { panic!("{found:?}") };
    assert_eq!(change.node(), rival.node());
}

fn nothing_is_resolved_that_was_refused(space: &Space) {
    space.set("file", "old").unwrap();
    for error in [space.create("file", "new"), space.set("a/../b", "new")].map(Result::unwrap_err) {
        let found = space.keys.resolve(&error).unwrap();
        assert!(matches!(found, Resolution::NotApplied(None)), "{error}: {found:?}");
    }
    let read = space.get("missing").unwrap_err();
    let refused = space.keys.resolve(&read).unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::Invalid(_)), "{refused}");
}

fn history_that_is_gone_leaves_a_write_unknown(space: &Space) {
    let (lossy, behind) = behind(space);
    lossy.plan(Plan::new(Loss::Closed, true));
    let error = behind.set("file", "mine").unwrap_err();
    for number in 0..1001 {
        space.set("noise", &number.to_string()).unwrap();
    }
    space.set("file", "theirs").unwrap();
    let found = behind.keys.resolve(&error).unwrap();
    assert!(matches!(found, Resolution::Unknown(Doubt::HistoryGone)), "{found:?}");
}

fn history_that_is_gone_before_the_write_does_not_matter(space: &Space) {
    let (lossy, behind) = behind(space);
    let index = space.set("file", "old").unwrap().index().unwrap();
    for number in 0..1001 {
        space.set("noise", &number.to_string()).unwrap();
    }
    // Neither the index of the condition is in the history, nor the last one that the client knows.
    lossy.plan(Plan::new(Loss::Closed, true));
    let swapped = behind.compare_and_swap("file", index, "new").unwrap();
    assert_eq!(swapped.node(), space.get("file").unwrap().node());

    lossy.plan(Plan::new(Loss::Cut, true));
    let error = behind.set("other", "mine").unwrap_err();
    let found = behind.keys.resolve(&error).unwrap();
    let Resolution::Applied(Some(change)) = &found else { panic!("{found:?}") };
    assert_eq!(change.value(), Some("mine"));
}

fn a_lost_change_of_members_is_told_as_it_is(space: &Space) {
    let _cluster = servers::lock_changing();
    let members = Members(&space.client);
    let lossy = Lossy::before(&space.client.endpoint());
    let behind = space.asking([lossy.url()]);
    for (number, (loss, forwarded)) in losses().enumerate() {
        let url = format!("http://127.0.0.1:{}", number + 3);
        let find = || {
            let list = members.list().unwrap();
            list.into_iter().find(|member| member.peer_urls[0] == url)
        };
        // A server refuses changes for some seconds after it started, with a bare 500, so the same is
        // asked again until it has been carried out.
        super::patience::until("the cluster may be changed", || {
            let before = lossy.plan(Plan::new(loss, forwarded));
            let error = Members(&behind.client).add([url.as_str()]).unwrap_err();
            assert_eq!(lossy.writes_since(before), 1, "{loss:?} {forwarded}");
            let is_there = find().is_some();
            let announced = error.outcome() == Outcome::Applied;
            assert!(announced || error.outcome() == Outcome::Unknown, "{error}");
            assert!(!announced || is_there, "{loss:?} {forwarded}: {error}");
            let refused = behind.keys.resolve(&error).unwrap_err();
            assert!(!refused.has_code(Code::KEY_NOT_FOUND), "{refused}");
            assert!(matches!(refused.kind(), ErrorKind::Invalid(_)), "{refused}");
            is_there == forwarded
        });
        if let Some(added) = find() {
            members.remove(&added.id).unwrap();
        }
    }
}
