//! Members that are far away.

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

/// Measures, and repeats the measurement if a goal was missed while this machine stalled: that says nothing about
/// the client. `measure` gets the number of the measurement, for keys of its own.
fn measure_again<T>(
    run: &mut Run<'_>,
    is_met: impl Fn(&T) -> bool,
    mut measure: impl FnMut(&mut Run<'_>, u32) -> Result<T>,
) -> Result<T> {
    let mut attempt = 1;
    loop {
        let stalls = Stalls::start();
        let measured = measure(run, attempt);
        let stall = stalls.finish()?;
        let measured = measured?;
        if is_met(&measured) || stall <= LONGEST_STALL || attempt == MEASUREMENTS {
            let most = run.figures.get("machine stalled").copied().unwrap_or_default();
            run.millis("machine stalled", stall.max(Duration::from_secs_f64(most / 1000.0)));
            return Ok(measured);
        }
        run.note(format!("measured again: the machine stalled for {} ms", stall.as_millis()));
        attempt += 1;
    }
}

/// A request passes a dozen threads in each direction, so short stalls add up.
const LONGEST_STALL: Duration = Duration::from_millis(10);

/// How many measurements there are at most.
const MEASUREMENTS: u32 = 3;
