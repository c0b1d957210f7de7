//! What all contestants have in common: what to do comes from the arguments, how it went goes to the
//! standard output as one line of JSON.
//!
//! `CONTESTANT WORKLOAD BASE REQUESTS INDEX`, where the base is a URL without a slash at its end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use std::{env, fs};

use nix::sys::resource::{UsageWho, getrusage};

#[cfg(feature = "count")]
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// What to do.
#[derive(Clone, Debug)]
pub struct Job {
    pub contestant: String,
    pub workload: String,
    pub base: String,
    pub requests: u32,
    /// The index after which a watch begins.
    pub after: u64,
}

impl Job {
    /// From the arguments of the program.
    ///
    /// # Panics
    /// If they are not what `cargo xtask bench` gives.
    pub fn from_args() -> Self {
        let mut arguments = env::args().skip(1);
        let mut next = |what| arguments.next().unwrap_or_else(|| panic!("{what} is missing"));
        Self {
            contestant: next("the contestant"),
            workload: next("the workload"),
            base: next("the base"),
            requests: next("the number of requests").parse().expect("a number of requests"),
            after: next("the index").parse().expect("an index"),
        }
    }

    /// How many requests each of so many workers makes.
    pub const fn share(&self, workers: u32) -> u32 {
        self.requests.div_ceil(workers)
    }
}

/// The listing that a job is about, as the server of fixed answers sends it: in one chunk.
///
/// # Panics
/// If there is no such server.
pub fn listing(job: &Job) -> Vec<u8> {
    let address = job.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("a connection");
    let (_, files) = job.workload.rsplit_once('-').expect("a number of files");
    let request =
        format!("GET /v2/keys/nodes-{files}?recursive=true HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a request");
    let (mut answer, mut piece) = (Vec::new(), vec![0; 1 << 16]);
    while !answer.ends_with(b"\r\n0\r\n\r\n") {
        let length = stream.read(&mut piece).expect("an answer");
        answer.extend_from_slice(&piece[..length]);
    }
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    let size = answer[head..].windows(2).position(|two| two == b"\r\n").expect("a chunk") + 2;
    answer[head + size..answer.len() - b"\r\n0\r\n\r\n".len()].to_vec()
}

/// Takes the time of a run, and of each request in it.
#[derive(Debug)]
pub struct Meter {
    began: Instant,
    cpu: Duration,
    memory: u64,
    laps: Vec<Duration>,
    #[cfg(feature = "count")]
    profiler: (dhat::Profiler, dhat::HeapStats),
}

impl Meter {
    /// Begins now; whatever is not to be measured has happened before.
    pub fn begin(requests: u32) -> Self {
        let laps = Vec::with_capacity(requests as usize);
        #[cfg(feature = "count")]
        let profiler = (dhat::Profiler::builder().testing().build(), dhat::HeapStats::get());
        Self {
            #[cfg(feature = "count")]
            profiler,
            laps,
            memory: memory("VmRSS"),
            cpu: cpu(),
            began: Instant::now(),
        }
    }

    /// One request that began then has ended now.
    pub fn lap(&mut self, began: Instant) {
        self.laps.push(began.elapsed());
    }

    /// Requests that others timed.
    pub fn laps(&mut self, laps: impl IntoIterator<Item = Duration>) {
        self.laps.extend(laps);
    }

    /// Prints how it went.
    pub fn end(mut self) {
        let (wall, cpu) = (self.began.elapsed(), cpu().saturating_sub(self.cpu));
        #[cfg(feature = "count")]
        let (allocations, bytes) = {
            let (now, then) = (dhat::HeapStats::get(), self.profiler.1);
            (now.total_blocks - then.total_blocks, now.total_bytes - then.total_bytes)
        };
        #[cfg(not(feature = "count"))]
        let (allocations, bytes) = (0_u64, 0_u64);
        self.laps.sort_unstable();
        let at = |percent: usize| {
            let index = (self.laps.len() * percent / 100).min(self.laps.len().saturating_sub(1));
            self.laps.get(index).map_or(0.0, |lap| lap.as_secs_f64() * 1e6)
        };
        let report = serde_json::json!({
            "requests": self.laps.len(),
            "wall_s": wall.as_secs_f64(),
            "cpu_s": cpu.as_secs_f64(),
            "p50_us": at(50),
            "p99_us": at(99),
            "allocations": allocations,
            "bytes": bytes,
            "growth_kib": memory("VmRSS").saturating_sub(self.memory),
            "peak_growth_kib": memory("VmHWM").saturating_sub(self.memory),
        });
        println!("{report}");
    }
}

/// The processor time of this process, user and system.
fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("usage of this process");
    [usage.user_time(), usage.system_time()]
        .map(|time| {
            Duration::from_secs(time.tv_sec().unsigned_abs())
                + Duration::from_micros(time.tv_usec().unsigned_abs())
        })
        .iter()
        .sum()
}

/// A line of `/proc/self/status`, in KiB.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
