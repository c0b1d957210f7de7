//! Driving the monitor, as a conversation that either colour carries out.

use std::mem;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use etcd_v2_proto::monitor::{Duty, Liveness, Probe};
use etcd_v2_proto::{Action, Conversation, Endpoint, Event};

use crate::observe::Attempts;
use crate::shared::Shared;

/// Looks after those who wait, until there has been nobody for a while or the client is gone. Yields
/// nothing.
#[derive(Debug)]
pub(crate) struct Rounds {
    shared: Weak<Shared>,
    /// Which of the monitor's drivers this is.
    number: u64,
    probe: Option<(Box<Probe>, Endpoint)>,
    /// Whether there was nobody when it last looked.
    lingers: bool,
    attempts: Attempts,
}

/// What is next.
enum Next {
    Probe(Box<Probe>, Endpoint),
    Rest(Duration),
    End,
}

impl Rounds {
    pub(super) fn new(shared: &Arc<Shared>, number: u64) -> Self {
        let (shared, attempts) = (Arc::downgrade(shared), Attempts::default());
        Self { shared, number, probe: None, lingers: false, attempts }
    }

    /// Makes those leave who have to, and says what is next. `now` is the time of the probes.
    fn look(&mut self, shared: &Shared, now: Duration) -> Next {
        let (monitoring, route) = (shared.monitoring(), shared.route());
        loop {
            let mut state = monitoring.lock();
            let time = monitoring.time(Instant::now());
            let has_begun = mem::take(&mut state.has_begun);
            if state.driver(self.number).is_none() {
                return Next::End;
            }
            let duty = state.monitor.next(time, &route);
            let lingers = mem::replace(&mut self.lingers, matches!(duty, Duty::Rest(None)));
            let next = match duty {
                Duty::Leave(interrupts) => {
                    drop(state);
                    for (interrupt, reason) in interrupts {
                        interrupt.abandon_attempt(reason);
                    }
                    continue;
                }
                Duty::Probe { endpoint, limit } => {
                    state.expect(self.number, time.saturating_add(limit), false);
                    let (at, policy) = (endpoint.clone(), &monitoring.policy);
                    let probe = Probe::new(&route, at, limit, policy, now);
                    return Next::Probe(Box::new(probe), endpoint);
                }
                Duty::Rest(Some(pause)) => Some(pause),
                // Where one begins after the other, looking at intervals is cheaper than being woken.
                Duty::Rest(None) if has_begun => Some(INTERVAL),
                Duty::Rest(None) => {
                    Some(monitoring.linger).filter(|pause| !lingers && !pause.is_zero())
                }
            };
            let Some(pause) = next else {
                state.resign(self.number);
                return Next::End;
            };
            state.expect(self.number, time.saturating_add(pause), true);
            return Next::Rest(pause);
        }
    }

    /// Takes what a probe found, unless another driver has taken over.
    fn learn(&self, shared: &Shared, endpoint: &Endpoint, found: Liveness) {
        let (monitoring, route) = (shared.monitoring(), shared.route());
        let mut state = monitoring.lock();
        if state.driver(self.number).is_some() {
            state.monitor.learn(monitoring.time(Instant::now()), &route, endpoint, found);
        }
        drop(state);
        shared.apply_probe_results();
    }
}

impl Conversation for Rounds {
    type Item = ();

    fn poll(&mut self, now: Duration) -> Action<()> {
        // Not for any longer, so that the client is not kept by its own monitor.
        let Some(shared) = self.shared.upgrade() else { return Action::Finish(Ok(())) };
        let action = loop {
            let Some((probe, endpoint)) = &mut self.probe else {
                match self.look(&shared, now) {
                    Next::Probe(probe, endpoint) => self.probe = Some((probe, endpoint)),
                    Next::Rest(pause) => break Action::Wait(pause),
                    Next::End => break Action::Finish(Ok(())),
                }
                continue;
            };
            match probe.poll(now) {
                Action::Yield(found) => {
                    let endpoint = endpoint.clone();
                    self.learn(&shared, &endpoint, found);
                    self.probe = None;
                }
                Action::Send { request, timing } => break Action::Send { request, timing },
                Action::Read { timeout } => break Action::Read { timeout },
                Action::Wait(pause) => break Action::Wait(pause),
                Action::Finish(_) => self.probe = None,
            }
        };
        self.attempts.asked(now, &action, &shared);
        action
    }

    fn handle(&mut self, now: Duration, event: Event) {
        if let Some(shared) = self.shared.upgrade() {
            self.attempts.heard(now, &event, &shared);
        }
        if let Some((probe, _)) = &mut self.probe {
            probe.handle(now, event);
        }
    }
}

impl Drop for Rounds {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.monitoring().lock().resign(self.number);
        }
    }
}

/// How often to look while nobody waits, but somebody did since the last time.
const INTERVAL: Duration = Duration::from_millis(250);
