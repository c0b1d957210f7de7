//! The monitor that all clones of a client share: who waits for which server, and who finds out whether
//! that is in vain.

mod guard;
mod rounds;

pub(crate) use guard::Guard;
pub(crate) use rounds::Rounds;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use etcd_v2_proto::monitor::Ticket;
use etcd_v2_proto::{
    AsyncRun, AsyncTransport, BlockingRun, BlockingTransport, Interrupt, Monitor, Policy,
};

use crate::shared::Shared;

/// The monitor, behind a lock of its own, and the means to have it driven.
///
/// Nobody drives it while nobody waits. Who begins to wait starts a driver, which ends when it has had
/// nothing to do for a while.
pub(crate) struct Monitoring {
    state: Mutex<State>,
    start: Box<Start>,
    /// How long a driver stays that has nothing to do.
    linger: Duration,
    /// What probes are sent with.
    policy: Policy,
    /// When the monitor's time began.
    epoch: Instant,
}

/// Starts a driver, which is woken and stopped by the interrupt, and says whether it could.
type Start = dyn Fn(Rounds, Interrupt) -> bool + Send + Sync;

#[derive(Debug, Default)]
struct State {
    monitor: Monitor,
    driver: Option<Driver>,
    /// How many drivers there were.
    drivers: u64,
    /// Until when it makes no sense to start one.
    refused_until: Duration,
    /// Whether anybody has begun to wait since the driver last looked.
    has_begun: bool,
}

#[derive(Debug)]
struct Driver {
    interrupt: Interrupt,
    /// When it is going to look again.
    expected: Duration,
    /// Whether it sleeps until then, and may be woken.
    sleeps: bool,
}

/// What it takes for the driver to look in time.
enum Summons {
    Nothing,
    Wake(Interrupt),
    Start { number: u64, interrupt: Interrupt, lost: Option<Driver> },
}

impl Monitoring {
    /// One that is driven by a task.
    pub(crate) fn of_tasks(transport: &Arc<dyn AsyncTransport>, policy: Policy) -> Self {
        let transport = Arc::clone(transport);
        // A task costs too little to be kept for nothing.
        Self::new(policy, Duration::ZERO, move |rounds, interrupt| {
            let mut run = AsyncRun::new(rounds, Arc::clone(&transport), interrupt);
            transport.spawn(Box::pin(async move {
                run.next().await;
            }))
        })
    }

    /// One that is driven by a thread.
    pub(crate) fn of_threads(transport: &Arc<dyn BlockingTransport>, policy: Policy) -> Self {
        let transport = Arc::clone(transport);
        Self::new(policy, Duration::from_secs(10), move |rounds, interrupt| {
            let mut run = BlockingRun::new(rounds, Arc::clone(&transport), interrupt);
            let thread = thread::Builder::new().name("etcd-monitor".to_owned());
            thread.spawn(move || run.next()).is_ok()
        })
    }

    fn new(
        policy: Policy,
        linger: Duration,
        start: impl Fn(Rounds, Interrupt) -> bool + Send + Sync + 'static,
    ) -> Self {
        let (state, start) = (Mutex::default(), Box::new(start));
        Self { state, start, linger, policy, epoch: Instant::now() }
    }

    /// The monitor's time.
    fn time(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.epoch)
    }

    /// Never held across anything that takes time.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that somebody looks in time after whoever has this ticket.
    fn attend(
        &self,
        shared: &Arc<Shared>,
        mut state: MutexGuard<'_, State>,
        ticket: &Ticket,
        now: Duration,
    ) {
        state.has_begun = true;
        let Some(due) = state.monitor.due(ticket) else { return };
        self.summon(shared, state, due, now);
    }

    /// Has slow and dead endpoints probed when that is due.
    pub(crate) fn probe_unhealthy(&self, shared: &Arc<Shared>) {
        let now = self.time(Instant::now());
        let route = shared.route();
        let mut state = self.lock();
        let Some(due) = state.monitor.unhealthy_probe_due(now, &route) else { return };
        state.has_begun = true;
        self.summon(shared, state, due, now);
    }

    /// Wakes the driver at that time, and starts one if there is none.
    #[inline]
    fn summon(
        &self,
        shared: &Arc<Shared>,
        mut state: MutexGuard<'_, State>,
        due: Duration,
        now: Duration,
    ) {
        let summons = state.summon(due, now);
        // Neither a waker nor a transport is to find the lock taken.
        drop(state);
        match summons {
            Summons::Nothing => {}
            Summons::Wake(interrupt) => interrupt.leave(),
            Summons::Start { number, interrupt, lost } => {
                if let Some(lost) = lost {
                    lost.interrupt.stop();
                }
                if !(self.start)(Rounds::new(shared, number), interrupt) {
                    self.lock().refused_until = now.saturating_add(REFUSED);
                }
            }
        }
    }
}

impl State {
    fn summon(&mut self, due: Duration, now: Duration) -> Summons {
        match &mut self.driver {
            Some(driver) if now <= driver.expected.saturating_add(STALE) => {
                if !driver.sleeps || driver.expected <= due {
                    return Summons::Nothing;
                }
                driver.expected = due;
                Summons::Wake(driver.interrupt.clone())
            }
            None if now < self.refused_until => Summons::Nothing,
            // There is none, or nobody runs it any more: a task of a runtime that is not driven, say.
            lost => {
                self.drivers += 1;
                let interrupt = Interrupt::new();
                let driver = Driver { interrupt: interrupt.clone(), expected: now, sleeps: false };
                Summons::Start { number: self.drivers, interrupt, lost: lost.replace(driver) }
            }
        }
    }

    /// The driver of this number, unless it was replaced.
    fn driver(&mut self, number: u64) -> Option<&mut Driver> {
        self.driver.as_mut().filter(|_| self.drivers == number)
    }

    /// The driver of this number is going to look again at that time, and sleeps until then or does not.
    fn expect(&mut self, number: u64, expected: Duration, sleeps: bool) {
        let Some(driver) = self.driver(number) else { return };
        (driver.expected, driver.sleeps) = (expected, sleeps);
        // What it was woken for it has seen. (A wake that comes later still spoils a probe, which is
        // repeated then.)
        let _ = driver.interrupt.take();
    }

    /// The driver of this number is gone.
    fn resign(&mut self, number: u64) {
        if self.drivers == number {
            self.driver = None;
        }
    }
}

impl Drop for Monitoring {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(driver) = &state.driver {
            driver.interrupt.stop();
        }
    }
}

impl fmt::Debug for Monitoring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_driven = self.lock().driver.is_some();
        f.debug_struct("Monitoring").field("is_driven", &is_driven).finish_non_exhaustive()
    }
}

/// How late a driver may be before it is taken for lost.
const STALE: Duration = Duration::from_millis(250);

/// How long it makes no sense to start another driver after one could not be started.
const REFUSED: Duration = Duration::from_secs(1);
