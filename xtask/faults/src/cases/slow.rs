//! Members that are far away, and how much longer our client takes than the way itself.

mod callers;
mod jump;
mod ratios;
mod short;
mod side_by_side;
mod stopped;
mod streams;

use std::time::Duration;

use anyhow::Result;

pub(super) use self::{
    jump::JUMP, ratios::RATIOS, short::SHORT, stopped::STOPPED, streams::STREAMS,
};
use super::Run;
use crate::stalls::Stalls;

/// Measures, and measures again if a goal was missed while this machine stalled: that says nothing about
/// the client. `measure` gets the number of the try, for keys of its own.
fn measure_again<T>(
    run: &mut Run<'_>,
    is_met: impl Fn(&T) -> bool,
    mut measure: impl FnMut(&mut Run<'_>, u32) -> Result<T>,
) -> Result<T> {
    for attempt in 1.. {
        let stalls = Stalls::start();
        let measured = measure(run, attempt);
        let stall = stalls.finish()?;
        let measured = measured?;
        let most = run.figures.get("machine stalled").copied().unwrap_or_default();
        if is_met(&measured) || stall <= LONGEST_STALL || attempt == MEASUREMENTS {
            run.millis("machine stalled", stall.max(Duration::from_secs_f64(most / 1000.0)));
            return Ok(measured);
        }
        run.note(format!("measured again: the machine stalled for {} ms", stall.as_millis()));
    }
    unreachable!("the last try returns")
}

/// A request passes a dozen threads there and back, so short stalls add up.
const LONGEST_STALL: Duration = Duration::from_millis(10);
const MEASUREMENTS: u32 = 3;
