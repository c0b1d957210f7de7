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
    let names = rows.flat_map(|(number, cell)| cell.split(", ").map(move |name| (number, name)));
    names.filter_map(|(number, name)| {
        let own = name.trim_matches('`');
        let is_there = sources.iter().any(|source| is_test(own, &source.text));
        (!is_there).then(|| format!(":{number}: there is no test {name}"))
    })
}

/// Whether a source defines this function, and it is run as a test: it has the attribute, or a macro that
/// makes tests lists it.
fn is_test(name: &str, source: &str) -> bool {
    let (definition, mut attributes, mut is_defined) = (format!("fn {name}("), false, false);
    let (mut is_listed, mut in_list) = (false, false);
    for line in source.lines() {
        let code = line.trim();
        // A list begins where a macro is called at the beginning of a line.
        let called = line.split_once("!(").or_else(|| line.split_once("! {"));
        let entries = match called {
            Some((name, entries)) if is_name(name) => {
                in_list = true;
                entries
            }
            _ => code,
        };
        is_listed |= in_list && entries.split(',').any(|entry| is_entry(entry, name));
        in_list &= !(line.starts_with([')', '}']) || line.ends_with(");"));
        if code.contains(&definition) {
            is_defined = true;
            if attributes {
                return true;
            }
        }
        // Others may stand between it and the function.
        attributes = is_test_attribute(code) || attributes && code.starts_with("#[");
    }
    is_defined && is_listed
}

fn is_test_attribute(code: &str) -> bool {
    ["#[test]", "#[tokio::test]", "#[tokio::test("].iter().any(|start| code.starts_with(start))
}

fn is_entry(entry: &str, name: &str) -> bool {
    entry.trim().trim_end_matches([')', '}', ';']) == name
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

const FOLDER: &str = "etcd-v2-client/guide";

/// What stands above the column with the names of tests, which is the last one.
const HEADING: &str = "test";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_a_table_names_has_to_exist() {
        let text =
            "| a | test |\n|---|---|\n| b | `is_there` |\n| c | `is_there`, `is_not_there` |\n";
        let source = "#[test]\nfn is_there() {}\n#[test]\nfn is_not_there_either() {}\n";
        let sources = [Source { path: "a.rs".to_owned(), text: source.to_owned(), is_test: true }];
        let breaches: Vec<_> = missing(text, &sources).collect();
        assert_eq!(breaches, [":4: there is no test `is_not_there`"]);
    }

    #[test]
    fn a_function_that_is_no_test_proves_nothing() {
        for (source, expected) in [
            ("fn a() {}", false),
            ("#[test]\nfn a() {}", true),
            ("#[test]\n#[cfg(unix)]\nfn a() {}", true),
            ("    #[tokio::test(start_paused = true)]\n    async fn a() {}", true),
            ("#[test]\nfn b() {\n    fn a() {}\n}", false),
            ("both!(\n    b,\n    a,\n);\nfn a() {}", true),
            ("both!(b, a);\nfn a() {}", true),
            ("both! {\n    a,\n}\nfn a() {}", true),
            ("both!(\n    b,\n);\nfn a() {}\nconst LIST: [fn(); 1] = [\n    a,\n];", false),
            ("both!(\n    ab,\n);\nfn a() {}", false),
            ("both!(\n    a,\n);", false),
        ] {
            assert_eq!(is_test("a", source), expected, "{source}");
        }
    }

    #[test]
    fn other_tables_name_what_they_like() {
        let text = "| a | test |\n\n| a | b |\n|---|---|\n| c | `nowhere` |\n";
        assert_eq!(missing(text, &[]).count(), 0);
    }
}
