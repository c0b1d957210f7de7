//! The rules for the repository as a whole.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

/// What is wrong with the top level and with the dependencies of the core.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut breaches = top_level(&visible(root)?);
    breaches.extend(core_dependencies(&tree_of_the_core(root)?));
    Ok(breaches)
}

fn top_level(names: &BTreeSet<String>) -> Vec<String> {
    let expected = BTreeSet::from(TOP_LEVEL.map(str::to_owned));
    let missing =
        expected.difference(names).map(|name| format!("{name}: missing at the top level"));
    let surplus = names.difference(&expected);
    missing.chain(surplus.map(|name| format!("{name}: does not belong to the top level"))).collect()
}

/// The names at the top level that git knows, or, where there is no git, that are there.
fn visible(root: &Path) -> Result<BTreeSet<String>> {
    let listed = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .current_dir(root)
        .output()
        .ok()
        .filter(|output| output.status.success());
    let names: Vec<_> = if let Some(output) = listed {
        let paths = String::from_utf8_lossy(&output.stdout);
        paths.split('\0').filter_map(|path| path.split('/').next()).map(str::to_owned).collect()
    } else {
        let entries =
            fs::read_dir(root).with_context(|| format!("cannot read {}", root.display()))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| name != "target").collect()
    };
    Ok(names.into_iter().filter(|name| !name.is_empty() && !name.starts_with('.')).collect())
}

fn core_dependencies(tree: &str) -> Vec<String> {
    let names = tree.lines().skip(1).filter_map(|line| line.split(' ').next());
    let strange = names.filter(|name| !name.is_empty() && !CORE_DEPENDENCIES.contains(name));
    strange
        .map(|name| format!("{CORE}/Cargo.toml: {name} is not on the short list of dependencies"))
        .collect()
}

/// One line a package: the core itself, then what it depends on.
fn tree_of_the_core(root: &Path) -> Result<String> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args([
        "tree",
        "--package",
        CORE,
        "--edges",
        "normal",
        "--depth",
        "1",
        "--prefix",
        "none",
    ]);
    command.args(["--all-features", "--target", "all"]).current_dir(root);
    let output = command.output().context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "`cargo tree` failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

const CORE: &str = "etcd-v2-proto";

const CORE_DEPENDENCIES: [&str; 13] = [
    "async-trait",
    "base64",
    "bytes",
    "http",
    "humantime",
    "percent-encoding",
    "serde",
    "serde_json",
    "thiserror",
    "url",
    "zeroize",
    // Only with the feature `tls`.
    "rustls",
    "rustls-native-certs",
];

const TOP_LEVEL: [&str; 11] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "etcd-v2-client",
    "etcd-v2-proto",
    "transport-hyper",
    "transport-ureq",
    "xtask",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_level_is_complete_and_has_nothing_else() {
        let mut names = BTreeSet::from(TOP_LEVEL.map(str::to_owned));
        assert!(top_level(&names).is_empty());
        names.remove("README.md");
        names.insert("notes.txt".to_owned());
        assert_eq!(
            top_level(&names),
            ["README.md: missing at the top level", "notes.txt: does not belong to the top level"]
        );
    }

    #[test]
    fn without_git_the_directory_counts() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["Cargo.toml", ".hidden", "target"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        assert_eq!(visible(folder.path()).unwrap(), BTreeSet::from(["Cargo.toml".to_owned()]));
    }

    #[test]
    fn the_core_has_only_the_dependencies_on_the_list() {
        let tree = "etcd-v2-proto v0.1.0 (/a/etcd-v2-proto)\nbytes v1.12.2\nserde v1.0.229\n";
        assert!(core_dependencies(tree).is_empty());
        let breaches = core_dependencies(&format!("{tree}tokio v1.54.1\n"));
        assert_eq!(
            breaches,
            ["etcd-v2-proto/Cargo.toml: tokio is not on the short list of dependencies"]
        );
    }
}
