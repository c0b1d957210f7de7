//! What was asked for on the command line.

use std::{ffi::OsString, path::PathBuf};

use lexopt::{Arg, Error, Parser, ValueExt};
use xtask::Release;

/// A whole command line.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) task: Task,
    pub(crate) etcd: Option<PathBuf>,
    pub(crate) release: Option<Release>,
    pub(crate) members: usize,
    pub(crate) all: bool,
    pub(crate) bench: Bench,
    pub(crate) fuzz: Fuzz,
    pub(crate) rest: Vec<OsString>,
}

/// How much of the bench.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bench {
    /// Nothing but these parts, if any are named.
    pub(crate) only: Vec<String>,
    /// Fewer rounds of fewer requests.
    pub(crate) quick: bool,
    /// Nothing but what can be counted.
    pub(crate) instructions: bool,
    /// What is counted is what counts from now on.
    pub(crate) record: bool,
}

/// What to fuzz.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fuzz {
    /// A single target, or all.
    pub(crate) target: Option<String>,
    /// For how long each.
    pub(crate) seconds: u32,
}

/// Its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Help,
    Etcd,
    Demo,
    Test,
    Faults,
    Soak,
    Fuzz,
    Miri,
    Audit,
    Bench,
    Tidy,
    Ci,
}

impl Arguments {
    pub(crate) fn parse(mut parser: Parser) -> Result<Self, Error> {
        let mut arguments = Self {
            task: Task::Help,
            etcd: None,
            release: None,
            members: 1,
            all: false,
            bench: Bench::default(),
            fuzz: Fuzz { target: None, seconds: 60 },
            rest: Vec::new(),
        };
        match parser.next()? {
            Some(Arg::Value(word)) => arguments.task = Task::parse(&word.string()?)?,
            Some(Arg::Long("help") | Arg::Short('h')) | None => return Ok(arguments),
            Some(other) => return Err(other.unexpected()),
        }
        let task = arguments.task;
        if matches!(task, Task::Faults | Task::Soak) {
            // Their program has a help of its own.
            arguments.rest = parser.raw_args()?.collect();
            return Ok(arguments);
        }
        loop {
            if task == Task::Test
                && parser.try_raw_args().is_some_and(|raw| raw.peek() == Some("--".as_ref()))
            {
                arguments.rest = parser.raw_args()?.skip(1).collect();
            }
            match parser.next()? {
                Some(Arg::Long("etcd")) if task.takes_a_server() => {
                    arguments.etcd = Some(parser.value()?.into());
                }
                Some(Arg::Long("etcd-version")) if task.takes_a_server() => {
                    let release = parser.value()?.string()?.parse()?;
                    arguments.release = Some(release);
                }
                Some(Arg::Long("members")) if task == Task::Etcd => {
                    arguments.members = parser.value()?.parse()?;
                }
                Some(Arg::Long("all")) if task == Task::Demo => arguments.all = true,
                Some(Arg::Long("quick")) if task == Task::Bench => arguments.bench.quick = true,
                Some(Arg::Long("only")) if task == Task::Bench => {
                    arguments.bench.only.push(parser.value()?.string()?);
                }
                Some(Arg::Long("instructions")) if task == Task::Bench => {
                    arguments.bench.instructions = true;
                }
                Some(Arg::Long("record")) if arguments.bench.instructions => {
                    arguments.bench.record = true;
                }
                Some(Arg::Long("seconds")) if task == Task::Fuzz => {
                    arguments.fuzz.seconds = parser.value()?.parse()?;
                }
                Some(Arg::Value(name)) if task == Task::Fuzz && arguments.fuzz.target.is_none() => {
                    arguments.fuzz.target = Some(name.string()?);
                }
                Some(Arg::Long("help") | Arg::Short('h')) => arguments.task = Task::Help,
                Some(other) => return Err(other.unexpected()),
                None => return Ok(arguments),
            }
        }
    }
}

impl Bench {
    /// Whether this part is to be run.
    pub(crate) fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }
}

impl Task {
    fn parse(word: &str) -> Result<Self, Error> {
        Ok(match word {
            "help" => Self::Help,
            "etcd" => Self::Etcd,
            "demo" => Self::Demo,
            "test" => Self::Test,
            "faults" => Self::Faults,
            "soak" => Self::Soak,
            "fuzz" => Self::Fuzz,
            "miri" => Self::Miri,
            "audit" => Self::Audit,
            "bench" => Self::Bench,
            "tidy" => Self::Tidy,
            "ci" => Self::Ci,
            _ => return Err(format!("there is no command {word:?}").into()),
        })
    }

    fn takes_a_server(self) -> bool {
        matches!(self, Self::Etcd | Self::Demo | Self::Test | Self::Bench)
    }
}

pub(crate) const HELP: &str = "\
The development commands of this workspace.

cargo xtask etcd [--members N] [SERVER]   runs etcd with the v2 API until Ctrl-C
cargo xtask demo [--all] [SERVER]         shows both clients at work with a real server, or all
                                          examples, with the servers that they need
cargo xtask test [SERVER] [-- ARGS]       runs all tests (ARGS are for `cargo test`), then the
                                          core's example, all of the demo and, without ARGS,
                                          the short forms of the faults and the soak
cargo xtask faults [--help] [ARGS]        measures the clients beside faults of real clusters
cargo xtask soak [--help] [ARGS]          lets watches and mirrors live beside faults, and looks whether
                                          they lose anything
cargo xtask bench [--quick] [SERVER]      measures the clients beside what there is without them: all,
                 [--only PART]...         or these parts, which are the workloads, `counts` and `weights`
cargo xtask bench --instructions          counts instructions, allocations and system calls of
                 [--record]               requests, and compares them with those on record
cargo xtask fuzz [TARGET] [--seconds N]   gives the core what nobody would think of, N seconds a target
                                          (60), in a nightly build with cargo-fuzz
cargo xtask miri                          runs the decoder's tests in an interpreter that knows undefined
                                          behaviour
cargo xtask audit                         checks licences, sources and known holes of the dependencies
cargo xtask tidy                          checks the rules that no other tool knows
cargo xtask ci                            runs everything that has to pass

SERVER is --etcd PATH or --etcd-version VERSION or both, VERSION being 3.4 or 3.5.

The server is the one given with --etcd or named by the variable ETCD, else an `etcd` from 2.0
to 3.5 on the PATH, else the package `etcd-server` of Debian or Ubuntu, which is unpacked into
the target directory. With --etcd-version, one that is named and of another version is an error,
one on the PATH is passed over, and the package is that of the Debian release that has it, from the
mirrors that this machine is configured with and from no others. If they do not have it, `test` runs what
needs no server, names the tests that it skips, and counts them in its last line.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, Error> {
        Arguments::parse(Parser::from_args(words))
    }

    #[test]
    fn options_belong_to_commands() {
        let arguments = parse(&["etcd", "--members", "3", "--etcd=/bin/etcd"]).unwrap();
        assert_eq!((arguments.task, arguments.members), (Task::Etcd, 3));
        assert_eq!(arguments.etcd, Some("/bin/etcd".into()));
        assert!(parse(&["demo", "--members", "3"]).is_err());
        assert!(parse(&["demo", "--all"]).unwrap().all);
        assert!(!parse(&["demo"]).unwrap().all);
        assert!(parse(&["test", "--all"]).is_err());
        assert!(parse(&["ci", "--etcd", "/bin/etcd"]).is_err());
        assert!(parse(&["etcd", "--members", "many"]).is_err());
    }

    #[test]
    fn versions_of_servers_are_those_that_can_be_had() {
        for (text, release) in [("3.4", Release::V3_4), ("3.5", Release::V3_5)] {
            for task in ["etcd", "demo", "test"] {
                let arguments = parse(&[task, "--etcd-version", text]).unwrap();
                assert_eq!(arguments.release, Some(release));
            }
        }
        assert!(parse(&["tidy", "--etcd-version", "3.5"]).is_err());
        let error = parse(&["test", "--etcd-version", "3.6"]).unwrap_err().to_string();
        assert!(error.contains("only 3.4 and 3.5"), "{error}");
    }

    #[test]
    fn what_follows_two_dashes_is_for_cargo_test() {
        let arguments =
            parse(&["test", "--etcd", "e", "--", "watch", "--", "--nocapture"]).unwrap();
        assert_eq!(arguments.etcd, Some("e".into()));
        assert_eq!(arguments.rest, ["watch", "--", "--nocapture"]);
        assert!(parse(&["test", "watch"]).is_err());
        assert!(parse(&["demo", "--", "x"]).is_err());
    }

    #[test]
    fn what_follows_faults_is_for_its_program() {
        let arguments = parse(&["faults", "--case", "G3", "--help"]).unwrap();
        assert_eq!(arguments.task, Task::Faults);
        assert_eq!(arguments.rest, ["--case", "G3", "--help"]);
        let arguments = parse(&["soak", "3", "--seed", "7"]).unwrap();
        assert_eq!((arguments.task, arguments.rest.len()), (Task::Soak, 3));
    }

    #[test]
    fn a_bench_is_whole_or_quick_or_counts() {
        let bench = |words: &[&str]| Some(parse(&[&["bench"], words].concat()).ok()?.bench);
        assert_eq!(bench(&[]), Some(Bench::default()));
        assert_eq!(bench(&["--quick"]), Some(Bench { quick: true, ..Bench::default() }));
        let counts = Bench { instructions: true, ..Bench::default() };
        assert_eq!(bench(&["--instructions"]), Some(counts.clone()));
        let record = Bench { record: true, ..counts };
        assert_eq!(bench(&["--instructions", "--record"]), Some(record));
        let some = bench(&["--only", "get", "--only=weights"]).unwrap();
        assert!(some.wants("get") && some.wants("weights") && !some.wants("set"));
        assert!(Bench::default().wants("set"));
        assert_eq!(bench(&["--record"]), None);
    }

    #[test]
    fn a_fuzz_target_is_one_or_all() {
        let fuzz = |words: &[&str]| Some(parse(&[&["fuzz"], words].concat()).ok()?.fuzz);
        assert_eq!(fuzz(&[]), Some(Fuzz { target: None, seconds: 60 }));
        let watch = Fuzz { target: Some("watch".to_owned()), seconds: 5 };
        assert_eq!(fuzz(&["watch", "--seconds", "5"]), Some(watch));
        assert_eq!(fuzz(&["watch", "events"]), None);
        assert_eq!(fuzz(&["--seconds", "long"]), None);
        assert!(parse(&["audit", "--seconds", "5"]).is_err());
    }

    #[test]
    fn help_is_what_is_left() {
        assert_eq!(parse(&[]).unwrap().task, Task::Help);
        assert_eq!(parse(&["demo", "--help"]).unwrap().task, Task::Help);
        assert!(parse(&["dance"]).is_err());
    }
}
