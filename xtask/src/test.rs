//! `cargo xtask test`: every test and every example, with real servers, and beside their faults.

use std::{
    ffi::OsString,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use xtask::{Release, Skipped, server::Server};

use crate::{
    cargo::{Step, seconds},
    demo, faults,
};

/// Runs all tests, `rest` being further arguments for `cargo test`, then all examples, and then, if nothing
/// particular is wanted, the short forms of the faults and the soak.
pub(crate) fn run(etcd: &Path, rest: &[OsString]) -> Result<()> {
    let begin = Instant::now();
    println!("real servers are {}", etcd.display());
    let skipped = Skipped::new()?;
    rest.iter()
        .fold(Step::new("test --workspace --all-features"), Step::arg)
        .env("ETCD_V2_TEST_SERVER", etcd)
        .env(Skipped::VARIABLE, skipped.path())
        .within(LONGEST)
        .run()?;
    without_features()?;

    let server = Server::start(etcd)?;
    Step::new("run --quiet -p etcd-v2-proto --example own_driver")
        .env("ETCD_V2_ENDPOINTS", server.endpoint())
        .run()?;
    drop(server);

    demo::run(etcd, true)?;
    if rest.is_empty() {
        faults::short(etcd)?;
    }
    println!(
        "\n{}",
        last_line(begin.elapsed(), &skipped.lines()?, "since this server lacks what they need")
    );
    Ok(())
}

/// Runs the tests that need no real server, and names and counts the others, where no server of this release can be
/// had.
pub(crate) fn without_server(release: Release) -> Result<()> {
    let begin = Instant::now();
    println!("no etcd {release} can be had here: the tests with a real server are skipped");
    let mut skipped = Vec::new();
    for (tests, module) in WITH_SERVERS {
        let listed = Step::new(&format!("test {tests} -- --list")).within(LONGEST).output()?;
        let names = listed.lines().filter_map(|line| needs_server(line, module));
        skipped.extend(names.map(|name| format!("skipped: {name}")));
    }
    for step in WITHOUT_SERVERS {
        Step::new(step).within(LONGEST).run()?;
    }
    without_features()?;
    let why = format!("since no etcd {release} can be had here");
    println!("\n{}", last_line(begin.elapsed(), &skipped, &why));
    Ok(())
}

/// A few tests are about what there is without any feature. The filter of the caller is not for them.
fn without_features() -> Result<()> {
    Step::new("test -p etcd-v2-client --no-default-features --test it scenarios")
        .within(LONGEST)
        .run()
}

/// The name of a test in a line of a list, if it is one of this module, or of any if that is empty.
fn needs_server<'a>(line: &'a str, module: &str) -> Option<&'a str> {
    let name = line.strip_suffix(": test")?;
    (module.is_empty() || name.split("::").any(|part| part == module)).then_some(name)
}

/// What is said at the end: the tests that were skipped by their names, and how many in the last line.
fn last_line(time: Duration, skipped: &[String], why: &str) -> String {
    let passed = format!("all that was to run has passed in {}", seconds(time));
    if skipped.is_empty() {
        return passed;
    }
    let count = skipped.len();
    let tests = if count == 1 { "1 test was" } else { &format!("{count} tests were") };
    format!("{}\n\n{passed}; {tests} skipped, {why}", skipped.join("\n"))
}

/// The tests that need a real server: what is to be listed, and the module in it that needs one.
const WITH_SERVERS: [(&str, &str); 4] = [
    ("-p etcd-v2-client --all-features --test it", "live"),
    ("-p etcd-v2-client --all-features --test thousand", ""),
    ("-p faults", "live"),
    ("-p xtask --test it", ""),
];

/// All others.
const WITHOUT_SERVERS: [&str; 2] = [
    "test --workspace --all-features --exclude xtask --exclude faults -- --skip live:: --skip a_thousand_",
    "test -p xtask -p faults --lib --bins -- --skip live::",
];

/// Building included, on the slowest machine that can be borne.
const LONGEST: Duration = Duration::from_secs(40 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_skipped_is_named_and_counted_in_the_last_line() {
        let time = Duration::from_millis(1500);
        assert_eq!(last_line(time, &[], "x"), "all that was to run has passed in 1.5 s");
        let skipped = ["skipped: a".to_owned(), "skipped: b".to_owned()];
        let text = last_line(time, &skipped, "why");
        assert_eq!(text.lines().take(2).collect::<Vec<_>>(), skipped);
        assert!(text.ends_with("in 1.5 s; 2 tests were skipped, why"), "{text}");
        let text = last_line(time, &skipped[1..], "why");
        assert!(text.ends_with("; 1 test was skipped, why"), "{text}");
    }

    #[test]
    fn only_tests_with_a_server_are_skipped() {
        for (line, module, name) in [
            ("live::reads::async_: test", "live", Some("live::reads::async_")),
            ("cases::live::controls: test", "live", Some("cases::live::controls")),
            ("faults::kills: test", "", Some("faults::kills")),
            ("scenarios::alive::async_: test", "live", None),
            ("scenarios::reads::async_: test", "live", None),
            ("2 tests, 0 benchmarks", "", None),
            ("", "", None),
        ] {
            assert_eq!(needs_server(line, module), name, "{line:?}");
        }
    }
}
