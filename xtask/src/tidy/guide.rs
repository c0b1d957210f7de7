//! The rules for the guide: a table that claims something names the test that would notice.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::source::Source;

/// The tests that the tables of the guide name but that do not exist.
pub(crate) fn check(root: &Path, sources: &[Source]) -> Result<Vec<String>> {
    let folder = root.join(FOLDER);
    let mut breaches = Vec::new();
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        breaches.extend(missing(&text, sources).map(|breach| format!("{name}{breach}")));
    }
    breaches.sort();
    Ok(breaches)
}

fn missing<'a>(text: &'a str, sources: &'a [Source]) -> impl Iterator<Item = String> + 'a {
    let mut proves = false;
    let rows = text.lines().zip(1..).filter_map(move |(line, number)| {
        let Some(row) = line.strip_prefix('|') else {
            proves = false;
            return None;
        };
        let last = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default().trim();
        let is_header = last == HEADING;
        proves |= is_header;
        (proves && !is_header && !last.starts_with('-')).then_some((number, last))
    });
    rows.filter_map(|(number, cell)| {
        let name = cell.trim_matches('`');
        let definition = format!("fn {name}(");
        let is_there = sources.iter().any(|source| source.text.contains(&definition));
        (!is_there).then(|| format!(":{number}: there is no test {cell}"))
    })
}

const FOLDER: &str = "etcd-v2-client/guide";

/// What stands above the column with the names of tests, which is the last one.
const HEADING: &str = "test";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_a_table_names_has_to_exist() {
        let text = "| a | test |\n|---|---|\n| b | `is_there` |\n| c | `is_not_there` |\n";
        let source = "fn is_there() {}\nfn is_not_there_either() {}\n";
        let sources = [Source { path: "a.rs".to_owned(), text: source.to_owned(), is_test: true }];
        let breaches: Vec<_> = missing(text, &sources).collect();
        assert_eq!(breaches, [":4: there is no test `is_not_there`"]);
    }

    #[test]
    fn other_tables_name_what_they_like() {
        let text = "| a | test |\n\n| a | b |\n|---|---|\n| c | `nowhere` |\n";
        assert_eq!(missing(text, &[]).count(), 0);
    }
}
