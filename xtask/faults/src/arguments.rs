//! What was asked for on the command line.

use std::path::PathBuf;

use lexopt::{Arg, Error, Parser, ValueExt};

use crate::{
    cases::{ALL, Case, SHORT},
    contestant::Contestant,
};

/// A whole command line.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) etcd: Option<PathBuf>,
    /// Cases with their numbers of runs.
    pub(crate) cases: Vec<(&'static Case, u32)>,
    pub(crate) contestants: Vec<Contestant>,
    /// Whether Go's client may be missing.
    pub(crate) without_go: bool,
    pub(crate) seed: u64,
    /// How many times as long times may be.
    pub(crate) slack: f64,
    pub(crate) lines: Option<PathBuf>,
}

impl Arguments {
    /// None if only help was asked for.
    pub(crate) fn parse(mut parser: Parser) -> Result<Option<Self>, Error> {
        let mut arguments = Self {
            etcd: None,
            cases: Vec::new(),
            contestants: Vec::new(),
            without_go: false,
            seed: 1,
            slack: 1.0,
            lines: None,
        };
        let (mut names, mut runs, mut short) = (Vec::<String>::new(), None, false);
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("etcd") => arguments.etcd = Some(parser.value()?.into()),
                Arg::Long("lines") => arguments.lines = Some(parser.value()?.into()),
                Arg::Long("case") => names.push(parser.value()?.string()?),
                Arg::Long("runs") => runs = Some(parser.value()?.parse::<u32>()?.max(1)),
                Arg::Long("seed") => arguments.seed = parser.value()?.parse()?,
                Arg::Long("slack") => arguments.slack = parser.value()?.parse()?,
                Arg::Long("client") => {
                    let name = parser.value()?.string()?;
                    let found = Contestant::ALL.into_iter().find(|it| it.name() == name);
                    arguments.contestants.push(found.ok_or_else(|| format!("no client {name:?}"))?);
                }
                Arg::Long("short") => short = true,
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        if arguments.contestants.is_empty() {
            arguments.without_go = true;
            let all = Contestant::ALL.into_iter();
            arguments.contestants = all.filter(|it| it.is_ours() || !short).collect();
        }
        for case in &ALL {
            let named = names.iter().any(|name| name.eq_ignore_ascii_case(case.name));
            let in_short = SHORT.iter().find(|(name, _)| *name == case.name);
            let wanted = match in_short.filter(|_| short) {
                Some((_, few)) => Some(*few),
                None => (named || (names.is_empty() && !short)).then_some(case.runs),
            };
            arguments.cases.extend(wanted.map(|wanted| (case, runs.unwrap_or(wanted))));
        }
        let known = |name: &&String| ALL.iter().any(|case| name.eq_ignore_ascii_case(case.name));
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            let all: Vec<_> = ALL.iter().map(|case| case.name).collect();
            return Err(format!("there is no case {unknown:?}, but {}", all.join(", ")).into());
        }
        Ok(Some(arguments))
    }
}

pub(crate) const HELP: &str = "\
Measures both clients beside faults of real clusters, and holds them against the goals.

cargo xtask faults [--case NAME]... [--runs N] [--seed N] [--client NAME]... [--short]
                   [--slack FACTOR] [--lines FILE] [--etcd PATH]

Without --case it runs all of them, which takes hours; --runs overrides how many times each is run, --short
runs a few of them a few times. With --slack, times may be so many times as long, as on a machine that has
other things to do. Clients are `async` and `blocking`, and for comparison in some of the cases, for
fewer runs and without a verdict, Go's: `go` as it comes and `go-tuned` with a limit of a second for heads.
Without --client all of them take part, Go's where Go can be had and not in the short form. What a run does
follows from the seed, the case and the number of the run. --lines appends one line of JSON a run to a file.

Cases whose names begin with D are about members that are far away. Clients, or the members themselves, use relays
that delay each direction by half of the round trip. D1 compares both clients with a plain one on the same relays,
and D5 is the short form of D1, D2 and D3. The relays cannot delay connecting.

Cases whose names begin with C are controls: they do what is known to be wrong, and fail if that is not found. G15
abandons a refresh by the index at a member without a leader, refreshes at the others, and fails if the first one sets
the expiry back later; C5 does the same by the value and has to see that happen.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Vec<(&'static str, u32)> {
        let arguments = Arguments::parse(Parser::from_args(words)).unwrap().unwrap();
        arguments.cases.iter().map(|(case, runs)| (case.name, *runs)).collect()
    }

    #[test]
    fn cases_are_all_or_named_or_the_short_form() {
        assert_eq!(names(&[]).len(), ALL.len());
        assert_eq!(names(&["--case", "g3", "--runs", "2", "--case", "G1"]), [("G1", 2), ("G3", 2)]);
        assert_eq!(names(&["--short"]), SHORT);
        assert_eq!(names(&["--short", "--case", "C1"]).len(), SHORT.len() + 1);
    }

    #[test]
    fn clients_are_all_or_ours_or_named() {
        let parse = |words: &[&str]| Arguments::parse(Parser::from_args(words)).unwrap().unwrap();
        assert_eq!(parse(&[]).contestants, Contestant::ALL);
        assert!(parse(&[]).without_go);
        assert!(parse(&["--short"]).contestants.iter().all(|it| it.is_ours()));
        let named = parse(&["--client", "go", "--client", "async", "--short"]);
        assert_eq!(named.contestants, [Contestant::Go, Contestant::ALL[0]]);
        assert!(!named.without_go);
    }

    #[test]
    fn what_does_not_exist_is_an_error_that_names_it() {
        for words in [["--case", "G99"], ["--client", "red"], ["--runs", "many"], ["--dance", "1"]]
        {
            let error = Arguments::parse(Parser::from_args(words)).unwrap_err().to_string();
            assert!(words.iter().any(|word| error.contains(word)), "{error}");
        }
        assert!(Arguments::parse(Parser::from_args(["--help"])).unwrap().is_none());
    }
}
