//! What was asked for on the command line.

use std::{ffi::OsString, path::PathBuf};

use lexopt::{Arg, Error, Parser, ValueExt};

/// A whole command line.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) task: Task,
    pub(crate) etcd: Option<PathBuf>,
    pub(crate) members: usize,
    pub(crate) quick: bool,
    pub(crate) rest: Vec<OsString>,
}

/// Its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Help,
    Etcd,
    Demo,
    Test,
    Bench,
    Tidy,
    Ci,
}

impl Arguments {
    pub(crate) fn parse(mut parser: Parser) -> Result<Self, Error> {
        let mut arguments =
            Self { task: Task::Help, etcd: None, members: 1, quick: false, rest: Vec::new() };
        match parser.next()? {
            Some(Arg::Value(word)) => arguments.task = Task::parse(&word.string()?)?,
            Some(Arg::Long("help") | Arg::Short('h')) | None => return Ok(arguments),
            Some(other) => return Err(other.unexpected()),
        }
        let task = arguments.task;
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
                Some(Arg::Long("members")) if task == Task::Etcd => {
                    arguments.members = parser.value()?.parse()?;
                }
                Some(Arg::Long("quick")) if task == Task::Bench => arguments.quick = true,
                Some(Arg::Long("help") | Arg::Short('h')) => arguments.task = Task::Help,
                Some(other) => return Err(other.unexpected()),
                None => return Ok(arguments),
            }
        }
    }
}

impl Task {
    fn parse(word: &str) -> Result<Self, Error> {
        Ok(match word {
            "help" => Self::Help,
            "etcd" => Self::Etcd,
            "demo" => Self::Demo,
            "test" => Self::Test,
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

cargo xtask etcd [--members N] [--etcd PATH]   runs etcd with the v2 API until Ctrl-C
cargo xtask demo [--etcd PATH]                 shows both clients at work with a real server
cargo xtask test [--etcd PATH] [-- ARGS]       runs all tests (ARGS are for `cargo test`), then
                                               the core's example and the demo
cargo xtask bench [--quick] [--etcd PATH]      measures the clients beside what there is without
                                               them
cargo xtask tidy                               checks the rules that no other tool knows
cargo xtask ci                                 runs everything that has to pass

The server is the one given with --etcd or named by the variable ETCD, else an `etcd` from 2.0
to 3.5 on the PATH, else the package `etcd-server` of Debian or Ubuntu, which is unpacked into
the target directory.
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
        assert!(parse(&["ci", "--etcd", "/bin/etcd"]).is_err());
        assert!(parse(&["etcd", "--members", "many"]).is_err());
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
    fn help_is_what_is_left() {
        assert_eq!(parse(&[]).unwrap().task, Task::Help);
        assert_eq!(parse(&["demo", "--help"]).unwrap().task, Task::Help);
        assert!(parse(&["dance"]).is_err());
    }
}
