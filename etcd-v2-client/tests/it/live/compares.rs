//! Writes and deletes that depend on what is there.

use etcd_v2_client::keys::{ChangeKind, Delete, Set};
use etcd_v2_client::{Code, Error, ErrorKind, Outcome};

use super::patience::until;
use super::space::Space;

both! {
    quiet:
    a_swap_by_index_takes_the_present_index_only,
    a_swap_by_value_takes_the_present_value_only,
    both_conditions_have_to_hold,
    a_swap_of_what_is_missing_is_code_100,
    a_swap_of_a_directory_is_code_102,
    a_delete_by_index_takes_the_present_index_only,
    a_delete_by_value_takes_the_present_value_only,
    long_values_are_compared_by_a_set,
    a_long_value_in_a_delete_is_explained,
    a_value_too_long_for_any_delete_is_refused_with_advice,
}

/// What a failed comparison says.
fn cause(error: &Error) -> &str {
    assert!(error.is_compare_failed(), "{error}");
    assert_eq!(error.outcome(), Outcome::Rejected);
    assert!(!error.may_have_applied());
    let refusal = error.etcd().unwrap();
    assert_eq!(refusal.status.as_u16(), 412);
    &refusal.cause
}

fn a_swap_by_index_takes_the_present_index_only(space: &Space) {
    let first = space.set("file", "1").unwrap();
    let index = first.index().unwrap();
    let second = space.compare_and_swap("file", index, "2").unwrap();
    assert_eq!(second.kind(), &ChangeKind::CompareAndSwap);
    assert_eq!(second.value(), Some("2"));
    assert_eq!(second.previous(), first.node());
    assert_eq!(second.node().unwrap().created_index(), first.index());

    let error = space.compare_and_swap("file", index, "3").unwrap_err();
    assert_eq!(cause(&error), format!("[{index} != {}]", second.index().unwrap()));
    assert_eq!(space.get("file").unwrap().node(), second.node());
}

fn a_swap_by_value_takes_the_present_value_only(space: &Space) {
    let tricky = "a+b & c=d%20\n\u{1f980} \"q\"";
    space.set("file", tricky).unwrap();
    let second = space.send(Set::new(space.at("file"), "2").if_value(tricky)).unwrap();
    assert_eq!(second.kind(), &ChangeKind::CompareAndSwap);
    assert_eq!(second.previous().unwrap().value(), Some(tricky));
    let error = space.send(Set::new(space.at("file"), "3").if_value("1")).unwrap_err();
    assert_eq!(cause(&error), "[1 != 2]");
    assert_eq!(space.get("file").unwrap().node(), second.node());
}

fn both_conditions_have_to_hold(space: &Space) {
    let set = space.set("file", "1").unwrap();
    let index = set.index().unwrap();
    let swap = |value: &str, index| {
        space.send(Set::new(space.at("file"), "1").if_value(value).if_index(index))
    };
    cause(&swap("2", index).unwrap_err());
    cause(&swap("1", index + 1).unwrap_err());
    swap("1", index).unwrap();
    // With if_exists it is still a comparison.
    let swap = Set::new(space.at("file"), "2").if_value("1").if_exists();
    assert_eq!(space.send(swap).unwrap().kind(), &ChangeKind::CompareAndSwap);
}

fn a_swap_of_what_is_missing_is_code_100(space: &Space) {
    let error = space.compare_and_swap("missing", 1, "1").unwrap_err();
    assert!(error.is_key_not_found(), "{error}");
    let error = space.send(Delete::new(space.at("missing")).if_value("1")).unwrap_err();
    assert!(error.is_key_not_found(), "{error}");
}

fn a_swap_of_a_directory_is_code_102(space: &Space) {
    let index = space.mkdir("dir").unwrap().index().unwrap();
    for error in [
        space.compare_and_swap("dir", index, "1").unwrap_err(),
        space.compare_and_delete("dir", index).unwrap_err(),
        space.send(Delete::new(space.at("dir")).if_index(index).recursive()).unwrap_err(),
    ] {
        assert!(error.has_code(Code::NOT_A_FILE), "{error}");
    }
}

fn a_delete_by_index_takes_the_present_index_only(space: &Space) {
    let index = space.set("file", "1").unwrap().index().unwrap();
    let second = space.set("file", "2").unwrap();
    cause(&space.compare_and_delete("file", index).unwrap_err());
    let deleted = space.compare_and_delete("file", second.index().unwrap()).unwrap();
    assert_eq!(deleted.kind(), &ChangeKind::CompareAndDelete);
    assert_eq!(deleted.previous(), second.node());
    assert_eq!(deleted.value(), None);
    assert!(space.get("file").unwrap_err().is_key_not_found());
}

fn a_delete_by_value_takes_the_present_value_only(space: &Space) {
    let tricky = "a+b & c=d%20\n\u{1f980}";
    space.set("file", tricky).unwrap();
    let delete = |value: &str| space.send(Delete::new(space.at("file")).if_value(value));
    cause(&delete("a+b").unwrap_err());
    assert_eq!(delete(tricky).unwrap().previous().unwrap().value(), Some(tricky));
}

fn long_values_are_compared_by_a_set(space: &Space) {
    for length in [8 << 10, 100 << 10] {
        let long = "x y".repeat(length / 3);
        space.set("file", &long).unwrap();
        let swapped = space.send(Set::new(space.at("file"), &*long).if_value(&*long)).unwrap();
        assert_eq!(swapped.kind(), &ChangeKind::CompareAndSwap);
        let other = long.replacen('x', "z", 1);
        let error = space.send(Set::new(space.at("file"), "1").if_value(other)).unwrap_err();
        cause(&error);
    }
}

/// A server recognises HTTP by the first line of a connection, and gives up on a long one.
fn a_long_value_in_a_delete_is_explained(space: &Space) {
    let long = "x".repeat(8 << 10);
    let set = space.set("file", &long).unwrap();
    let delete = || Delete::new(space.at("file")).if_value(&*long);
    let error = space.on_a_fresh_connection().send(delete()).unwrap_err();
    let ErrorKind::RequestLineTooLong { length, .. } = error.kind() else { panic!("{error:?}") };
    assert!(*length > 8 << 10);
    assert!(error.to_string().contains("compare by prevIndex"), "{error}");
    assert!(error.to_string().len() < 1000, "the value is not repeated: {error}");
    // Later on a connection there is no such limit.
    until("a kept connection is used", || {
        assert_eq!(space.get("file").unwrap().node(), set.node());
        space.send(delete()).is_ok()
    });
    assert!(space.get("file").unwrap_err().is_key_not_found());
}

/// A URL has an end somewhere.
fn a_value_too_long_for_any_delete_is_refused_with_advice(space: &Space) {
    let delete = Delete::new(space.at("file")).if_value("x".repeat(100 << 10));
    let error = space.send(delete).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error:?}");
    assert_eq!(error.outcome(), Outcome::NotSent);
    assert!(error.to_string().contains("prevIndex"), "{error}");
    assert!(error.to_string().len() < 1000, "the value is not repeated: {error}");
}
