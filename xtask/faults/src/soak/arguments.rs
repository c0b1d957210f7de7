//! What a soak was asked for on the command line.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use lexopt::{Arg, Error, Parser, ValueExt};

use super::form::Form;

/// A whole command line.
#[derive(Debug, PartialEq)]
pub(super) struct Arguments {
    pub(super) form: Form,
    pub(super) seed: u64,
    pub(super) etcd: Option<PathBuf>,
}

impl Arguments {
    /// None if only help was asked for.
    pub(super) fn parse(words: impl Iterator<Item = OsString>) -> Result<Option<Self>, Error> {
        let mut parser = Parser::from_args(words);
        let mut arguments = Self { form: Form::Long(DEFAULT), seed: 1, etcd: None };
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("seed") => arguments.seed = parser.value()?.parse()?,
                Arg::Long("etcd") => arguments.etcd = Some(parser.value()?.into()),
                Arg::Long("changes") => {
                    arguments.form = Form::Short(parser.value()?.parse()?);
                }
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                Arg::Value(minutes) => {
                    let minutes: f64 = minutes.parse()?;
                    let time = Duration::try_from_secs_f64(minutes * 60.0);
                    let time = time.map_err(|error| format!("{minutes} minutes: {error}"))?;
                    arguments.form = Form::Long(time);
                }
                other => return Err(other.unexpected()),
            }
        }
        Ok(Some(arguments))
    }
}

const DEFAULT: Duration = Duration::from_secs(600);

pub(super) const HELP: &str = "\
Lets watches and mirrors of both clients live beside faults of a real cluster, and looks whether they
lose anything, tell anything twice, or grow.

cargo xtask soak [MINUTES | --changes N] [--seed N] [--etcd PATH]

It takes 10 minutes unless told otherwise. With --changes it ends after so many changes instead, which many
writers make as fast as they can while members are killed, hang and are restarted in turn. Which fault
is when, and for how long, follows from the seed and the number of the round, and is printed.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Option<Arguments>, Error> {
        Arguments::parse(words.iter().map(OsString::from))
    }

    #[test]
    fn minutes_may_be_broken_and_left_out() {
        let arguments = parse(&["0.5", "--seed", "7"]).unwrap().unwrap();
        let half = Duration::from_secs(30);
        assert_eq!(arguments, Arguments { form: Form::Long(half), seed: 7, etcd: None });
        assert_eq!(parse(&[]).unwrap().unwrap().form, Form::Long(DEFAULT));
        assert_eq!(parse(&["--help"]).unwrap(), None);
    }

    #[test]
    fn changes_may_count_instead_of_minutes() {
        let form = parse(&["--changes", "5000"]).unwrap().unwrap().form;
        assert!(!form.is_over(Duration::from_secs(900), 4999) && form.is_over(DEFAULT, 5000));
        assert!(Form::Long(DEFAULT).is_over(DEFAULT, 0));
    }

    #[test]
    fn what_makes_no_sense_is_an_error_that_names_it() {
        for words in [
            ["-3", "3"],
            ["many", "3"],
            ["--seed", "x"],
            ["--dance", "1"],
            ["1e99", "1"],
            ["--changes", "-1"],
        ] {
            assert!(parse(&words).is_err(), "{words:?}");
        }
    }
}
