//! A mirror against a model of the server: whatever is written, removed, lost, repeated or forgotten, the
//! copy is what the server has in the end, and whoever follows the updates has the same.

mod follower;
mod model;
mod play;

use proptest::collection::vec;
use proptest::prelude::*;

use model::Write;
use play::{Fault, Step};

/// The mirrored directory; `/r/p` is a neighbour whose name is but the beginning of it.
const BASE: &str = "/r/pp";

const KEYS: [&str; 16] = [
    "/r/pp/a",
    "/r/pp/a/b",
    "/r/pp/a/b/c",
    "/r/pp/a/d",
    "/r/pp/a-b",
    "/r/pp/b",
    "/r/pp/b/a/a",
    "/r/pp/_h",
    "/r/pp/_h/x",
    "/r/pp/a/_i",
    "/r/pp",
    "/r/p/x",
    "/r/p",
    "/r/pp/a/b/e",
    "/r",
    "/else",
];

fn write() -> impl Strategy<Value = Write> {
    let key = (0..KEYS.len()).prop_map(|at| KEYS[at]);
    (0..12_u8, key, 0..3_u8).prop_map(|(kind, key, value)| match kind {
        0..=3 => Write::Set { key, value, expires: false },
        4 => Write::Set { key, value, expires: true },
        5 => Write::Update { key, value },
        6 => Write::Mkdir { key },
        7 => Write::Refresh { key },
        8 => Write::Delete { key },
        9 => Write::Expire { key },
        10 => Write::Renew { key },
        _ => Write::Elsewhere { times: usize::from(value) * 4 },
    })
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        12 => Just(Fault::None),
        1 => Just(Fault::Refused),
        1 => Just(Fault::Reset),
        1 => Just(Fault::Cut),
        1 => Just(Fault::Repeated),
        2 => (1..6_usize).prop_map(Fault::Behind),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    (vec(write(), 0..4), fault()).prop_map(|(writes, fault)| Step { writes, fault })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 10_000, max_shrink_iters: 20_000, ..ProptestConfig::default()
    })]

    #[test]
    fn a_mirror_ends_up_as_the_server_is(steps in vec(step(), 0..14)) {
        play::play(BASE, &steps).map_err(TestCaseError::fail)?;
    }
}
