//! A mirror against a model of the server: whatever is written, removed, lost, repeated or forgotten, the
//! copy is what the server has in the end, and whoever follows the updates has the same.

mod follower;
mod lagging;
pub(crate) mod play;
mod stuck;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::model::Write;
use play::{BASE, Fault, Step};

fn write() -> impl Strategy<Value = Write> {
    (any::<u8>(), any::<u8>(), 0..3_u8).prop_map(|(kind, key, value)| Write::any(kind, key, value))
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
