//! Tests that cannot run with the server there is: they are named and counted, so that nobody takes them for
//! passed.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// Says that a test is skipped and why: on the error output, which test harnesses do not capture here, and in the
/// list of the [`Skipped`] tests if a command collects them.
pub fn skip(test: &str, reason: &str) {
    let line = format!("skipped: {test}: {reason}\n");
    // Not by a macro of the standard library: harnesses hide what those print if the test passes.
    _ = io::stderr().write_all(line.as_bytes());
    if let Some(list) = env::var_os(VARIABLE) {
        append(Path::new(&list), &line);
    }
}

/// Collects the tests that child processes [`skip`].
#[derive(Debug)]
pub struct Skipped {
    list: NamedTempFile,
}

impl Skipped {
    /// The variable that tells child processes where the list is.
    pub const VARIABLE: &str = VARIABLE;

    /// An empty list.
    ///
    /// # Errors
    ///
    /// Fails if there is no place for a temporary file.
    pub fn new() -> Result<Self> {
        Ok(Self { list: NamedTempFile::new().context("cannot create a temporary file")? })
    }

    /// The file with the list.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.list.path()
    }

    /// All lines, sorted: `skipped: test: reason`.
    ///
    /// # Errors
    ///
    /// Fails if the list cannot be read.
    pub fn lines(&self) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(self.path()).context("cannot read the skipped tests")?;
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines.dedup();
        Ok(lines)
    }
}

/// One write, so that the lines of several processes do not mix.
fn append(list: &Path, line: &str) {
    let file = OpenOptions::new().append(true).open(list);
    _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
}

const VARIABLE: &str = "ETCD_V2_TEST_SKIPPED";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_tests_are_listed_once_each_and_in_order() {
        let skipped = Skipped::new().unwrap();
        assert_eq!(skipped.lines().unwrap(), [""; 0]);
        for line in ["skipped: b: why\n", "skipped: a: why\n", "skipped: b: why\n"] {
            append(skipped.path(), line);
        }
        assert_eq!(skipped.lines().unwrap(), ["skipped: a: why", "skipped: b: why"]);
    }

    #[test]
    fn a_list_that_is_gone_does_not_fail_the_test() {
        append(Path::new("/nowhere/list"), "skipped: a: why\n");
    }
}
