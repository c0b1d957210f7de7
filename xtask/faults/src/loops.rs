//! Callers that do one thing after the other, and remember how each ended.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use etcd_v2_client::{Outcome, keys::Set};

use crate::{
    arena::Arena,
    contestant::{Ask, Client, Contestant, Failed, What},
    stalls::Stalls,
    trace::{Call, End, Trace},
};

/// Three callers side by side, each with a client of its own: one reads through consensus, one swaps a
/// value by its index, one creates keys in order. And somebody who looks at the clock.
#[derive(Debug)]
pub(crate) struct Loops {
    shared: Arc<Shared>,
    handles: Vec<JoinHandle<Trace>>,
    stalls: Stalls,
}

/// What the callers did.
#[derive(Debug)]
pub(crate) struct Traces {
    pub(crate) read: Trace,
    pub(crate) swap: Trace,
    pub(crate) push: Trace,
    /// The longest that this machine did not let somebody run who wanted to.
    pub(crate) stall: Duration,
    pub(crate) ended: Duration,
}

#[derive(Debug)]
struct Shared {
    base: String,
    began: Instant,
    over: AtomicBool,
    successes: [AtomicUsize; 3],
}

impl Loops {
    /// Starts them, below the key `base`. `first` are the endpoints, the first one being asked first.
    pub(crate) fn start(
        arena: &Arena,
        contestant: Contestant,
        urls: &[String],
        base: &str,
    ) -> Result<Self> {
        let set = |name: &str| {
            let written = arena.observer().send(Set::new(format!("{base}/{name}"), "s0"))?;
            written.index().context("a write without an index")
        };
        set("read")?;
        let index = set("swap")?;
        arena.observer().send(Set::mkdir(format!("{base}/push")))?;
        let shared = Arc::new(Shared {
            base: base.to_owned(),
            began: Instant::now(),
            over: AtomicBool::new(false),
            successes: Default::default(),
        });
        let mut handles = Vec::new();
        for work in [Shared::read, Shared::swap, Shared::push] {
            let (shared, client) = (Arc::clone(&shared), contestant.client(urls)?);
            handles.push(thread::spawn(move || work(&shared, &client, index)));
        }
        Ok(Self { shared, handles, stalls: Stalls::start() })
    }

    /// How long they have been at it.
    pub(crate) fn now(&self) -> Duration {
        self.shared.began.elapsed()
    }

    /// Waits until each of them has had so many more successes, or the time is up. Returns how many have
    /// not.
    pub(crate) fn wait_for(&self, successes: usize, patience: Duration) -> usize {
        let counts = || self.shared.successes.each_ref().map(|count| count.load(Ordering::Relaxed));
        let before = counts();
        let deadline = Instant::now() + patience;
        loop {
            let late = counts()
                .iter()
                .zip(before)
                .filter(|(now, before)| *now - before < successes)
                .count();
            if late == 0 || Instant::now() > deadline {
                return late;
            }
            thread::sleep(PAUSE);
        }
    }

    /// Lets them come to an end.
    pub(crate) fn finish(self) -> Result<Traces> {
        let ended = self.now();
        self.shared.over.store(true, Ordering::Relaxed);
        let join =
            |handle: JoinHandle<Trace>| handle.join().map_err(|_| anyhow!("a loop panicked"));
        let traces = self.handles.into_iter().map(join).collect::<Result<Vec<_>>>()?;
        let stall = self.stalls.finish()?;
        let [read, swap, push] =
            <[Trace; 3]>::try_from(traces).map_err(|_| anyhow!("three loops"))?;
        Ok(Traces { read, swap, push, stall, ended })
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    /// Carries out one call after the other until it is over.
    fn repeat(
        &self,
        place: usize,
        mut call: impl FnMut(usize, &mut Trace) -> Result<(), Failed>,
    ) -> Trace {
        let mut trace = Trace::default();
        for number in 1.. {
            if self.is_over() {
                break;
            }
            let began = self.began.elapsed();
            let result = call(number, &mut trace);
            let ended = self.began.elapsed();
            if result.is_ok() {
                self.successes[place].fetch_add(1, Ordering::Relaxed);
            }
            let end = result.map_or_else(End::Failed, |()| End::Ok);
            trace.calls.push(Call { number, began, ended, end });
            thread::sleep(Duration::from_millis(1));
        }
        trace
    }

    fn read(&self, client: &Client, _: u64) -> Trace {
        let key = self.key("read");
        let get = Ask { what: What::Get, key: &key, value: "" };
        self.repeat(0, |_, _| client.ask(&get).map(|_| ()))
    }

    fn swap(&self, client: &Client, mut index: u64) -> Trace {
        let key = self.key("swap");
        let get = Ask { what: What::Get, key: &key, value: "" };
        self.repeat(1, |number, trace| {
            let value = format!("s{number}");
            let swap = Ask { what: What::Swap(index), key: &key, value: &value };
            let failed = match client.ask(&swap) {
                Ok(got) => {
                    index = got.index.unwrap_or(index);
                    return Ok(());
                }
                Err(failed) => failed,
            };
            // Nobody else writes here: what is there now, after a swap that is said not to have been
            // carried out, is not what it wrote.
            loop {
                let Ok(now) = client.ask(&get) else {
                    if self.is_over() {
                        break;
                    }
                    continue;
                };
                index = now.index.unwrap_or(index);
                let conflict = failed.is_conflict();
                if now.value.as_ref() != Some(&value) {
                    trace.late_conflicts += usize::from(conflict);
                } else if failed.outcome < Outcome::Unknown {
                    trace.false_conflicts += usize::from(conflict);
                    trace.wrong_labels += usize::from(!conflict);
                }
                break;
            }
            Err(failed)
        })
    }

    fn push(&self, client: &Client, _: u64) -> Trace {
        let key = self.key("push");
        self.repeat(2, |number, _| {
            let value = format!("p{number}");
            client.ask(&Ask { what: What::Push, key: &key, value: &value }).map(|_| ())
        })
    }
}

const PAUSE: Duration = Duration::from_millis(5);
