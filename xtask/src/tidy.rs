//! `cargo xtask tidy`: the rules of the house that no other tool knows.

mod examples;
mod guide;
mod layout;
mod source;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use self::source::Source;

/// Checks all rules and lists every breach.
pub(crate) fn run() -> Result<()> {
    println!("\n=== tidy");
    let root = xtask::root();
    let mut breaches = layout::check(root)?;
    let mut sources = sources(root)?;
    let tests: BTreeSet<_> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        source.is_test = tests.contains(&source.path);
        breaches.extend(source.check());
    }
    breaches.extend(guide::check(root, &sources)?);
    breaches.extend(examples::check(root)?);
    if breaches.is_empty() {
        println!("=== passed");
        return Ok(());
    }
    for breach in &breaches {
        println!("{breach}");
    }
    bail!("tidy: {} breaches of the rules, listed above", breaches.len())
}

fn sources(root: &Path) -> Result<Vec<Source>> {
    let read = |path: PathBuf| {
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let path = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        Ok(Source { path, text, is_test: false })
    };
    rust_files(root)?.into_iter().map(read).collect()
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if path.is_dir() && !is_foreign(&path) {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a directory is hidden, or cargo's.
fn is_foreign(folder: &Path) -> bool {
    folder.join("CACHEDIR.TAG").exists()
        || folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}
