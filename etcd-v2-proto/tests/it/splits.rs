//! However a body is cut into pieces, it is the same answer; and half of one is none.

use std::sync::LazyLock;

use etcd_v2_proto::{ErrorKind, Event, Failure, Outcome, Reason, Stage};
use http::StatusCode;
use proptest::prelude::{any, prop_assert_eq, proptest};
use proptest::test_runner::Config;

use crate::documents::{Answer, Asked, Ending, Item, Row, whole_rows};

/// Successes and refusals, large and small, with and without escapes, of all kinds of requests.
const NAMES: &[&str] = &[
    "auth_kv_guest_get",
    "c3_dir_listing_negative_ttl",
    "c3_noquorum_put_immediate",
    "cas_both_fail",
    "delete_dir_recursive",
    "get_file",
    "get_missing",
    "get_queue_sorted",
    "host_whitelist_rejected",
    "key_unicode_get",
    "members_list_trailing_slash",
    "members_post_duplicate_peerurl",
    "nov2_get",
    "novalue_set",
    "post_inorder_ttl",
    "proxydead_get",
    "proxyro_put",
    "set_existing",
    "ttl_dir_get_parent",
    "val_html",
    "watch_401_cleared",
    "watch_expire",
];

fn samples() -> &'static [(Row, Asked, Answer)] {
    static SAMPLES: LazyLock<Vec<(Row, Asked, Answer)>> = LazyLock::new(read_samples);
    &SAMPLES
}

fn read_samples() -> Vec<(Row, Asked, Answer)> {
    let samples: Vec<_> = whole_rows()
        .filter(|row| NAMES.contains(&row.name.as_str()))
        .map(|row| (row.clone(), Asked::for_row(&row).0, row.answer()))
        .collect();
    for name in NAMES {
        assert!(samples.iter().any(|(row, ..)| row.name == *name), "there is no row {name}");
    }
    samples
}

/// What an ending says: the item, or all that a caller sees of an error.
fn told(ending: Ending<Item>) -> Result<Item, (String, Outcome, bool)> {
    match ending {
        Ending::Item(item) => Ok(item),
        Ending::Error(error) => {
            Err((error.detail().to_string(), error.outcome(), error.may_have_applied()))
        }
        Ending::Elsewhere { .. } => panic!("redirected"),
    }
}

#[test]
fn a_cut_anywhere_changes_nothing() {
    for (row, asked, answer) in samples() {
        let whole = told(answer.to(asked.clone()));
        assert_eq!(whole.is_ok(), answer.status.is_success(), "{}", row.name);
        for cut in 0..=answer.body.len() {
            let (first, second) = answer.body.split_at(cut);
            let cut_up = answer.in_pieces(asked.clone(), [first, second], Event::End);
            assert_eq!(told(cut_up), whole, "{} cut at {cut}", row.name);
        }
        let bytes = answer.in_pieces(asked.clone(), answer.body.chunks(1), Event::End);
        assert_eq!(told(bytes), whole, "{} byte by byte", row.name);
    }
}

/// A listing of many nodes, larger than any capture.
fn large() -> Answer {
    let node = |number: u32| {
        format!(
            "{{\"key\":\"/large/\u{e9}{number}\",\"value\":\"\\u003c{number}\\\"\\n\u{1f980}\",\
             \"modifiedIndex\":{0},\"createdIndex\":{0}}}",
            number + 1
        )
    };
    let nodes: Vec<_> = (0..2000).map(node).collect();
    let nodes = nodes.join(",");
    let body = format!(
        "{{\"action\":\"get\",\"node\":{{\"key\":\"/large\",\"dir\":true,\"nodes\":[{nodes}],\
         \"modifiedIndex\":1,\"createdIndex\":1}}}}\n"
    );
    Answer { status: StatusCode::OK, headers: Vec::new(), body: body.into_bytes() }
}

/// Cuts a body at places that numbers stand for; the same place twice makes an empty piece.
fn pieces<'a>(body: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut % (body.len() + 1)).collect();
    places.sort_unstable();
    places.push(body.len());
    let mut from = 0;
    let piece = |to| &body[std::mem::replace(&mut from, to)..to];
    places.into_iter().map(piece).collect()
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(256) })]

    #[test]
    fn many_cuts_change_nothing(
        place in 0..NAMES.len(),
        cuts in proptest::collection::vec(any::<usize>(), 0..40),
    ) {
        let (_, asked, answer) = &samples()[place];
        let whole = told(answer.to(asked.clone()));
        let cut_up = answer.in_pieces(asked.clone(), pieces(&answer.body, &cuts), Event::End);
        prop_assert_eq!(told(cut_up), whole);
    }
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(12) })]

    #[test]
    fn many_cuts_of_a_large_answer_change_nothing(
        cuts in proptest::collection::vec(any::<usize>(), 0..400),
    ) {
        let (answer, get) = (large(), || etcd_v2_proto::keys::Get::new("/large"));
        let Ending::Item(whole) = answer.to(get()) else { panic!("no item") };
        let nodes = whole.node().unwrap();
        assert_eq!(nodes.descendants().count(), 2000);
        assert_eq!(nodes.children().last().unwrap().value(), Some("<1999\"\n\u{1f980}"));
        let cut_up = answer.in_pieces(get(), pieces(&answer.body, &cuts), Event::End);
        let Ending::Item(cut_up) = cut_up else { panic!("no item") };
        prop_assert_eq!(cut_up, whole);
    }
}

/// How a connection can end before the body does.
fn ends() -> [Event; 3] {
    [
        Event::Failed(Failure::after_send("connection reset")),
        Event::Failed(Failure::timed_out(Stage::AfterSend)),
        Event::Elapsed,
    ]
}

#[test]
fn a_success_that_breaks_off_anywhere_is_applied_but_no_item() {
    let mut cuts = 0;
    for (row, asked, answer) in samples() {
        if !answer.status.is_success() {
            continue;
        }
        // Even all of it is not enough as long as nobody says that it is all.
        for cut in 0..answer.body.len() + usize::from(!answer.tells_length()) {
            for end in ends() {
                let ending = answer.in_pieces(asked.clone(), [&answer.body[..cut]], end);
                let Ending::Error(error) = ending else { panic!("{} at {cut}", row.name) };
                let broke = |kind: &ErrorKind| matches!(kind, ErrorKind::Failed(_));
                let nobody = matches!(error.kind(), ErrorKind::Unavailable);
                let last = error.attempts().last().is_some_and(|attempt| broke(&attempt.kind));
                assert!(broke(error.kind()) || nobody && last, "{}: {error}", row.name);
                assert_eq!(error.outcome(), Outcome::Applied, "{} at {cut}", row.name);
                assert_eq!(error.may_have_applied(), row.method != "GET", "{}", row.name);
                cuts += 1;
            }
        }
    }
    assert!(cuts > 10_000, "{cuts}");
}

#[test]
fn a_refusal_that_breaks_off_anywhere_is_the_same_refusal_or_less_clear() {
    for (row, asked, answer) in samples() {
        if answer.status.is_success() {
            continue;
        }
        let whole = told(answer.to(asked.clone())).unwrap_err();
        for cut in 0..=answer.body.len() {
            for end in ends() {
                let ending = answer.in_pieces(asked.clone(), [&answer.body[..cut]], end);
                let (text, outcome, may_have_applied) = told(ending).unwrap_err();
                assert_eq!((outcome, may_have_applied), (whole.1, whole.2), "{}", row.name);
                let clear = text == whole.0;
                // The code comes first, so it is often known when the rest is not.
                let code = whole.0.split(':').next().filter(|_| whole.0.starts_with("etcd error"));
                let less = text.contains("unexpected answer with status")
                    || code.is_some_and(|code| text.starts_with(code));
                assert!(clear || less, "{} at {cut}: {text}", row.name);
            }
        }
    }
}

#[test]
fn a_refusal_that_is_stopped_while_it_is_read_is_still_a_refusal() {
    for (status, expected) in [
        (403, Outcome::Rejected),
        (412, Outcome::Rejected),
        (501, Outcome::Rejected),
        (500, Outcome::Unknown),
        // No header says that it is etcd's.
        (201, Outcome::Unknown),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, headers: Vec::new(), body: b"{\"errorCode\"".to_vec() };
        let stop = Event::Failed(Failure::interrupted(Stage::AfterSend, Reason::Stopped));
        let set = etcd_v2_proto::keys::Set::new("/a", "v");
        let Ending::Error(error) = answer.in_pieces(set, [answer.body.as_slice()], stop) else {
            panic!("{status} is an item")
        };
        assert!(error.is_stopped(), "{status}: {error}");
        assert_eq!(error.outcome(), expected, "{status}");
        assert_eq!(error.may_have_applied(), expected > Outcome::Rejected, "{status}");
    }
}
