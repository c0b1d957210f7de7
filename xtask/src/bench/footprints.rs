//! What a program weighs that makes one request: its size, its dependencies, the time to build it.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use rustix::param::clock_ticks_per_second;

use super::contestants::{self, Contestants};
use crate::cargo::Step;

/// What one program weighs.
#[derive(Debug)]
pub(crate) struct Footprint {
    pub(crate) program: &'static str,
    /// Without what is only for debuggers, in bytes.
    pub(crate) stripped: f64,
    /// The crates of others that it is built from; none known of a program that is not in Rust.
    pub(crate) dependencies: Option<BTreeSet<String>>,
    /// The processor time of building it from nothing, in release mode and in seconds. How long that
    /// takes depends on what else the machine has to do.
    pub(crate) build: Option<f64>,
}

/// Weighs the programs; only the whole bench builds them from nothing.
pub(crate) fn measure(contestants: &Contestants, quick: bool) -> Result<Vec<Footprint>> {
    println!("\n=== sizes and dependencies");
    let mut all = Vec::new();
    for program in PROGRAMS {
        let path = contestants.program(program);
        if !path.is_file() {
            continue;
        }
        let in_rust = program.starts_with("first-");
        let dependencies = in_rust.then(|| dependencies(program)).transpose()?;
        let build = (in_rust && !quick).then(|| build(program)).transpose()?;
        all.push(Footprint { program, stripped: stripped(&path)?, dependencies, build });
    }
    Ok(all)
}

/// How many crates one of ours has beyond those of another program and of serde and url, which every
/// client of a JSON API needs.
pub(crate) fn beyond(ours: &Footprint, other: &Footprint) -> Option<usize> {
    let (ours, other) = (ours.dependencies.as_ref()?, other.dependencies.as_ref()?);
    let (serde, url) = (dependencies("serde@1").ok()?, dependencies("url@2").ok()?);
    Some(
        ours.iter().filter(|it| ![other, &serde, &url].iter().any(|set| set.contains(*it))).count(),
    )
}

/// The crates of others in a tree, without their versions.
fn dependencies(of: &str) -> Result<BTreeSet<String>> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["tree", "--edges", "normal", "--prefix", "none", "--package", of]);
    command.arg("--manifest-path").arg(contestants::folder().join("Cargo.toml"));
    let output = command.output().context("cannot run cargo")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`cargo tree` failed: {}", complaint.trim());
    Ok(names(&String::from_utf8_lossy(&output.stdout)))
}

/// What is in a directory is this workspace's own.
fn names(tree: &str) -> BTreeSet<String> {
    let others = tree.lines().filter(|line| !line.contains(" (/"));
    others.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn stripped(program: &Path) -> Result<f64> {
    let folder = tempfile::tempdir().context("cannot make a directory")?;
    let copy = folder.path().join("stripped");
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&copy).arg(program);
    ensure!(strip.status().context("cannot run strip")?.success(), "strip has failed");
    #[expect(clippy::cast_precision_loss, reason = "programs are not that large")]
    Ok(copy.metadata().context("there is no stripped program")?.len() as f64)
}

fn build(program: &str) -> Result<f64> {
    let folder = tempfile::tempdir_in(xtask::target()).context("cannot make a directory")?;
    let step = Step::new(&format!("build --release --quiet --package {program}"))
        .arg("--manifest-path")
        .arg(contestants::folder().join("Cargo.toml"))
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        .env("CARGO_TARGET_DIR", folder.path());
    let begin = time_of_children()?;
    step.run()?;
    Ok(time_of_children()? - begin)
}

/// The processor time in seconds of all processes that were waited for, and of theirs.
fn time_of_children() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat").context("cannot read /proc/self/stat")?;
    #[expect(clippy::cast_precision_loss, reason = "it is a hundred or so")]
    let ticks = clock_ticks_per_second() as f64;
    Ok(ticks_of_children(&stat).context("there is no time in /proc/self/stat")? / ticks)
}

/// User and system time; what comes before may have anything in it, up to the last parenthesis.
fn ticks_of_children(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(13);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some(next()? + next()?)
}

const PROGRAMS: [&str; 5] =
    ["first-hyper", "first-ours-hyper", "first-ureq", "first-ours-ureq", "go"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_children_counts() {
        let stat = "7 (a) b) R 1 2 3 4 5 6 7 8 9 10 11 12 140 15 20 0";
        assert_eq!(ticks_of_children(stat), Some(155.0));
        assert_eq!(ticks_of_children("7 (cargo) R 1 2"), None);
        assert!(time_of_children().unwrap() >= 0.0);
    }

    #[test]
    fn each_crate_of_others_counts_once() {
        let tree = "first v0.0.0 (/a/first)\nserde v1.0.229\nserde_core v1.0.229\nours v0.1.0 (/a)\n\
                    serde v1.0.229 (*)\nserde_derive v1.0.229 (proc-macro)\n";
        let expected = ["serde", "serde_core", "serde_derive"].map(str::to_owned);
        assert_eq!(names(tree), BTreeSet::from(expected));
    }
}
