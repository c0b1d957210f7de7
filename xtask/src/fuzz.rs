//! `cargo xtask fuzz`: the fuzz targets of the core, one after the other.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::cargo::{Step, require_nightly};

/// Runs a target, or each of them, for so many seconds; stops at the first one that finds something.
pub(crate) fn run(target: Option<&str>, seconds: u32) -> Result<()> {
    let folder = xtask::root().join("etcd-v2-proto/fuzz");
    let targets = chosen(targets(&folder)?, target)?;
    require_nightly("fuzz", "cargo install cargo-fuzz --locked")?;
    for target in &targets {
        // What is found to be of interest is kept there, and is the beginning of the next run.
        let corpus = folder.join("corpus").join(target);
        fs::create_dir_all(&corpus)
            .with_context(|| format!("cannot create {}", corpus.display()))?;
        Step::nightly("fuzz run --fuzz-dir etcd-v2-proto/fuzz --target-dir")
            .arg(xtask::target().join("fuzz"))
            .arg(target)
            .arg(corpus)
            .arg(folder.join("seeds").join(target))
            .arg("--")
            .arg(format!("-max_total_time={seconds}"))
            .arg(LONGEST_INPUT)
            .arg(LONGEST_CASE)
            .run()?;
    }
    println!("\n{} targets have found nothing in {seconds} s each", targets.len());
    Ok(())
}

/// In bytes. What the core has limits for is larger, and tested otherwise.
const LONGEST_INPUT: &str = "-max_len=4096";

/// In seconds, with all the checks of a sanitizer and on a busy machine.
const LONGEST_CASE: &str = "-timeout=30";

fn targets(folder: &Path) -> Result<BTreeSet<String>> {
    let folder = folder.join("fuzz_targets");
    let cannot = || format!("cannot read {}", folder.display());
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(&folder).with_context(cannot)? {
        let path: PathBuf = entry.with_context(cannot)?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    Ok(names)
}

/// The one that was asked for, or all.
fn chosen(all: BTreeSet<String>, target: Option<&str>) -> Result<BTreeSet<String>> {
    let Some(target) = target else { return Ok(all) };
    let names: Vec<&str> = all.iter().map(String::as_str).collect();
    ensure!(
        all.contains(target),
        "there is no target {target:?}, but there are {}",
        names.join(", ")
    );
    Ok(BTreeSet::from([target.to_owned()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_one_that_is_there_and_without_one_all_are_meant() {
        let all = targets(&xtask::root().join("etcd-v2-proto/fuzz")).unwrap();
        assert!(all.contains("events") && all.contains("watch"), "{all:?}");
        assert_eq!(chosen(all.clone(), None).unwrap(), all);
        assert_eq!(chosen(all.clone(), Some("watch")).unwrap().len(), 1);
        let error = chosen(all, Some("everything")).unwrap_err().to_string();
        assert!(error.contains("\"everything\"") && error.contains("keys_answer, "), "{error}");
    }
}
