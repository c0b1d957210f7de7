//! The rules for Rust files.

/// A Rust file.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the root of the workspace.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Whether it is a module that exists only in unit tests.
    pub(crate) is_test: bool,
}

impl Source {
    /// What is wrong with the file: its path, the line where there is one, and the rule.
    pub(crate) fn check(&self) -> Vec<String> {
        RULES
            .iter()
            .flat_map(|rule| rule(self))
            .map(|breach| format!("{}{breach}", self.path))
            .collect()
    }

    /// The paths of the files that this one includes only in unit tests.
    pub(crate) fn test_modules(&self) -> impl Iterator<Item = String> {
        let folder = self.path.trim_end_matches(".rs");
        let folder = folder.strip_suffix("/lib").unwrap_or(folder);
        let lines = self.text.lines().zip(self.text.lines().skip(1));
        let names = lines.filter(|(line, _)| *line == TEST_ONLY).filter_map(|(_, next)| {
            next.strip_prefix("mod ").and_then(|next| next.strip_suffix(';'))
        });
        names.map(move |name| format!("{folder}/{name}.rs"))
    }

    /// Lines with their numbers, without those that are only comment.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().zip(1..).map(|(line, number)| (number, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The same up to the unit tests at the end.
    fn code_without_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut lines = self.text.lines().zip(self.text.lines().skip(1));
        let begin = lines.position(|(line, next)| {
            line == TEST_ONLY && next.starts_with("mod ") && next.ends_with('{')
        });
        let end = begin.unwrap_or(usize::MAX);
        self.code().take_while(move |(number, _)| *number <= end)
    }

    fn is_library(&self) -> bool {
        // What is below a module of tests belongs to it.
        let below_tests = self.path.contains("/src/") && self.path.contains("/tests/");
        !self.is_test
            && !below_tests
            && LIBRARIES.iter().any(|folder| self.path.starts_with(folder))
    }
}

const RULES: [fn(&Source) -> Vec<String>; 5] =
    [short_enough, well_named, nothing_left_over, quiet_library, short_loops];

fn short_enough(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let breach = (lines > LONGEST_FILE)
        .then(|| format!(": {lines} lines, at most {LONGEST_FILE} are allowed"));
    Vec::from_iter(breach)
}

fn well_named(source: &Source) -> Vec<String> {
    let name = source.path.rsplit('/').next().unwrap_or_default();
    let breach =
        VAGUE.contains(&name).then(|| ": a name that says nothing about the contents".to_owned());
    Vec::from_iter(breach)
}

fn nothing_left_over(source: &Source) -> Vec<String> {
    let found = |(number, line): (usize, &str)| {
        let ignored = line.trim_start().starts_with("#[ignore").then_some("#[ignore]".to_owned());
        let what = ignored.or_else(|| first_macro(line, &UNFINISHED))?;
        Some(format!(":{number}: {what} has no place in finished code"))
    };
    source.code().filter_map(found).collect()
}

fn quiet_library(source: &Source) -> Vec<String> {
    if !source.is_library() {
        return Vec::new();
    }
    let found = |(number, line): (usize, &str)| {
        let unwrap = line.contains(".unwrap()").then_some(".unwrap()".to_owned());
        let what = unwrap.or_else(|| first_macro(line, &LOUD))?;
        Some(format!(":{number}: {what} in a library, which neither prints nor panics"))
    };
    source.code_without_tests().filter_map(found).collect()
}

/// The loops of the core are what every driver of somebody's own is measured by.
fn short_loops(source: &Source) -> Vec<String> {
    if !source.path.starts_with(LOOPS) {
        return Vec::new();
    }
    let mut breaches = Vec::new();
    let mut begin = None;
    for (number, line) in source.code_without_tests() {
        if line.starts_with(|first: char| first.is_ascii_lowercase()) && is_block(line) {
            begin = Some(number);
        } else if line == "}"
            && let Some(begin) = begin.take()
            && number + 1 - begin >= LONGEST_LOOP
        {
            let lines = number + 1 - begin;
            breaches.push(format!(
                ":{begin}: a block of {lines} lines, a loop has under {LONGEST_LOOP}"
            ));
        }
    }
    breaches
}

fn is_block(line: &str) -> bool {
    line.split([' ', '<', '(']).any(|word| word == "impl" || word == "fn")
}

/// The first of the macros called in a line, with its exclamation mark.
fn first_macro(line: &str, names: &[&str]) -> Option<String> {
    let called = |name: &&&str| {
        line.split_once(&format!("{name}!")).is_some_and(|(before, _)| {
            !before.ends_with(|last: char| last.is_alphanumeric() || last == '_')
        })
    };
    names.iter().find(called).map(|name| format!("{name}!"))
}

const TEST_ONLY: &str = "#[cfg(test)]";
const LONGEST_FILE: usize = 600;
const LONGEST_LOOP: usize = 60;
const LOOPS: &str = "etcd-v2-proto/src/run";
const LIBRARIES: [&str; 4] =
    ["etcd-v2-proto/src/", "etcd-v2-client/src/", "transport-hyper/src/", "transport-ureq/src/"];
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];
const LOUD: [&str; 5] = ["println", "eprintln", "print", "eprint", "panic"];
const VAGUE: [&str; 9] = [
    "mod.rs",
    "util.rs",
    "utils.rs",
    "common.rs",
    "helper.rs",
    "helpers.rs",
    "types.rs",
    "prelude.rs",
    "misc.rs",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned(), is_test: false }
    }

    fn check(path: &str, text: &str) -> Vec<String> {
        source(path, text).check()
    }

    const LIBRARY: &str = "transport-ureq/src/lib.rs";

    #[test]
    fn files_have_at_most_600_lines() {
        assert!(check("a.rs", &"\n".repeat(600)).is_empty());
        assert_eq!(check("a.rs", &"\n".repeat(601)), ["a.rs: 601 lines, at most 600 are allowed"]);
    }

    #[test]
    fn vague_names_are_refused() {
        for name in VAGUE {
            assert_eq!(check(&format!("x/src/{name}"), "").len(), 1, "{name}");
        }
        assert!(check("x/src/model.rs", "").is_empty());
    }

    #[test]
    fn leftovers_are_found_in_every_file() {
        for name in UNFINISHED {
            assert_eq!(
                check("xtask/src/a.rs", &format!("fn f() {{\n    {name}!()\n}}")).len(),
                1,
                "{name}"
            );
        }
        assert_eq!(check("x/tests/a.rs", "    #[ignore = \"slow\"]\nfn f() {}").len(), 1);
        assert!(check("a.rs", &format!("// {}! some day", UNFINISHED[0])).is_empty());
    }

    #[test]
    fn libraries_neither_print_nor_panic() {
        for name in LOUD {
            let text = format!("fn f() {{ {name}!(\"x\") }}");
            let breaches = check(LIBRARY, &text);
            assert_eq!(breaches.len(), 1, "{name}");
            assert!(breaches[0].starts_with(&format!("{LIBRARY}:1: {name}! ")), "{breaches:?}");
            assert!(check("transport-ureq/tests/it/a.rs", &text).is_empty());
        }
        assert_eq!(check(LIBRARY, "let a = b.unwrap();").len(), 1);
        assert!(check(LIBRARY, "let a = b.unwrap_or(c); // fine").is_empty());
        assert!(check(LIBRARY, "/// let a = b.unwrap();").is_empty());
    }

    #[test]
    fn unit_tests_at_the_end_may_do_both() {
        let tests = "#[cfg(test)]\nmod tests {\n    fn f() { b.unwrap() }\n}\n";
        assert!(check(LIBRARY, tests).is_empty());
        assert_eq!(check(LIBRARY, &format!("fn g() {{ b.unwrap() }}\n{tests}")).len(), 1);
        assert_eq!(check(LIBRARY, "#[cfg(test)]\nuse b;\nfn g() { b.unwrap() }").len(), 1);
        assert_eq!(check(LIBRARY, "#[cfg(test)]\nmod a;\nfn g() { b.unwrap() }").len(), 1);
    }

    #[test]
    fn modules_of_unit_tests_may_do_both() {
        let text = "mod a;\n#[cfg(test)]\nmod deep;\n#[cfg(test)]\nmod tests {\n}\n";
        for (path, expected) in [
            ("etcd-v2-proto/src/lib.rs", "etcd-v2-proto/src/deep.rs"),
            ("etcd-v2-proto/src/tree.rs", "etcd-v2-proto/src/tree/deep.rs"),
        ] {
            assert_eq!(Vec::from_iter(source(path, text).test_modules()), [expected]);
            let mut deep = source(expected, "fn f() { b.unwrap() }");
            assert_eq!(deep.check().len(), 1);
            deep.is_test = true;
            assert!(deep.check().is_empty());
        }
    }

    #[test]
    fn loops_have_under_60_lines() {
        let block =
            |head: &str, lines| format!("use a;\n\n{head} {{\n{}}}\n", "    b();\n".repeat(lines));
        for head in
            ["impl<T> Run<T>", "pub async fn run()", "pub(crate) fn run<T>(it: T)", "fn run()"]
        {
            for path in ["etcd-v2-proto/src/run.rs", "etcd-v2-proto/src/run/blocking.rs"] {
                assert!(check(path, &block(head, 57)).is_empty(), "{head}");
                assert_eq!(check(path, &block(head, 58)).len(), 1, "{head}");
            }
            assert!(check("etcd-v2-proto/src/watch.rs", &block(head, 58)).is_empty());
        }
    }
}
