//! The rule for examples in text: one that watches handles gaps. People copy these loops, and a loop that only prints
//! errors waits forever for a change that it missed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The examples in the texts of the workspace that watch and do not handle gaps.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut breaches = Vec::new();
    for path in texts(root)? {
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        let lines = without_gap(&text).into_iter();
        breaches
            .extend(lines.map(|line| format!("{name}:{line}: a watch without an arm for gaps")));
    }
    Ok(breaches)
}

/// The Markdown files at the top level and two levels below it: those of the workspace, of its crates, and the guide.
fn texts(root: &Path) -> Result<Vec<PathBuf>> {
    let mut texts = Vec::new();
    let mut folders = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
            if path.is_dir() && depth < 2 && !super::is_foreign(&path) {
                folders.push((path, depth + 1));
            } else if path.extension().is_some_and(|extension| extension == "md") {
                texts.push(path);
            }
        }
    }
    texts.sort();
    Ok(texts)
}

/// The lines where such examples begin.
fn without_gap(text: &str) -> Vec<usize> {
    let (mut begins, mut example, mut found) = (None, String::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        match begins {
            None if line.starts_with("```rust") || line.starts_with("```no_run") => {
                begins = Some(number);
                example.clear();
            }
            Some(begin) if line.starts_with("```") => {
                if example.contains(".watch(") && !example.contains(".gap()") {
                    found.push(begin);
                }
                begins = None;
            }
            Some(_) => example += line,
            None => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_that_watches_handles_gaps() {
        for (text, expected) in [
            ("```rust,no_run\nfor it in keys.watch(\"/a\") {}\n```\n", vec![1]),
            ("```rust\nkeys.watch(\"/a\");\nerror.gap();\n```\n", vec![]),
            ("```rust\nkeys.get(\"/a\");\n```\n", vec![]),
            ("a\n```no_run\nkeys.watch(\"/a\");\n```\n```rust\nerror.gap();\n```\n", vec![2]),
            ("`keys.watch(key)` in a sentence\n", vec![]),
            ("```text\nkeys.watch(key)\n```\n", vec![]),
        ] {
            assert_eq!(without_gap(text), expected, "{text}");
        }
    }
}
