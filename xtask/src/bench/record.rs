//! The counts on record, and the comparison with them.

use std::{fmt::Write, fs, path::Path};

use anyhow::{Context, Result, bail};

use super::{
    counts::{Count, Counts, What},
    machine,
};

/// Puts these counts on record.
pub(crate) fn write(counts: &Counts) -> Result<()> {
    let path = path();
    fs::write(&path, text(&machine::rustc()?, counts))
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("{} counts are on record in {}", counts.0.len(), path.display());
    Ok(())
}

/// Fails, with a table, if any count is by more than a twentieth above what is on record.
pub(crate) fn compare(counts: &Counts) -> Result<()> {
    let path = path();
    let recorded = fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))
        .and_then(|text| parse(&text))?;
    let comparison = Comparison::of(&recorded, counts);
    println!("\n{}", comparison.table);
    if comparison.worse > 0 {
        bail!(
            "{} of {} counts are by more than {:.0} % above those on record, which were taken with \
             {}; this is {}. If it has to be, `cargo xtask bench --instructions --record` puts these \
             on record",
            comparison.worse,
            recorded.counts.len(),
            TOLERANCE * 100.0,
            recorded.rustc,
            machine::rustc()?
        );
    }
    Ok(())
}

struct Recorded {
    rustc: String,
    counts: Vec<Count>,
}

struct Comparison {
    table: String,
    worse: usize,
}

impl Comparison {
    fn of(recorded: &Recorded, counts: &Counts) -> Self {
        let mut table = format!("{:55}{:>12}{:>12}{:>9}\n", "", "on record", "now", "");
        let mut worse = 0;
        for Count { workload, contestant, what, number } in &recorded.counts {
            let (now, change) = match counts.get(workload, contestant, *what) {
                None => ("-".to_owned(), "not counted".to_owned()),
                Some(now) => {
                    let change = now / number - 1.0;
                    let verdict = if change > TOLERANCE {
                        worse += 1;
                        "  too many"
                    } else if change < -TOLERANCE {
                        "  better: put it on record"
                    } else {
                        ""
                    };
                    (format!("{now:.1}"), format!("{:+.1} %{verdict}", change * 100.0))
                }
            };
            let what = what.name();
            _ = writeln!(
                table,
                "{workload:12} {contestant:12} {what:28} {number:12.1}{now:>12}   {change}"
            );
        }
        Self { table, worse }
    }
}

fn parse(text: &str) -> Result<Recorded> {
    let rustc = text.lines().find_map(|line| line.strip_prefix(TAKEN_WITH)).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let counts = lines.map(|line| count(line).with_context(|| format!("no count: {line:?}")));
    Ok(Recorded { rustc: rustc.to_owned(), counts: counts.collect::<Result<_>>()? })
}

fn count(line: &str) -> Option<Count> {
    let mut words = line.split_whitespace();
    let (workload, contestant) = (words.next()?.to_owned(), words.next()?.to_owned());
    let what = words.next()?;
    let what = What::ALL.into_iter().find(|it| it.name() == what)?;
    Some(Count { workload, contestant, what, number: words.next()?.parse().ok()? })
}

fn text(rustc: &str, counts: &Counts) -> String {
    let mut text = format!("{HEADING}{TAKEN_WITH}{rustc}\n");
    for Count { workload, contestant, what, number } in &counts.0 {
        _ = writeln!(text, "{workload:12} {contestant:12} {:14} {number:12.1}", what.name());
    }
    text
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bench/counts.txt")
}

/// How much more is tolerated.
const TOLERANCE: f64 = 0.05;
const HEADING: &str = "\
# What one request takes. `cargo xtask bench --instructions` compares with this, and writes it anew
# with --record.
";
const TAKEN_WITH: &str = "# Taken with ";

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(numbers: [f64; 3]) -> Counts {
        let names = [("get", "async"), ("set", "async"), ("get", "blocking")];
        let all = names.into_iter().zip(What::ALL).zip(numbers);
        let count = |(((workload, contestant), what), number): ((_, What), f64)| {
            let (workload, contestant): (&str, &str) = (workload, contestant);
            Count { workload: workload.to_owned(), contestant: contestant.to_owned(), what, number }
        };
        Counts(all.map(count).collect())
    }

    #[test]
    fn what_is_written_can_be_read() {
        let counts = counts([34_000.0, 28.0, 3.0]);
        let recorded = parse(&text("rustc 1.95.0", &counts)).unwrap();
        assert_eq!((recorded.rustc.as_str(), recorded.counts), ("rustc 1.95.0", counts.0));
        assert!(parse("get async kilometres 3").is_err());
    }

    #[test]
    fn a_twentieth_is_tolerated() {
        let recorded = Recorded { rustc: String::new(), counts: counts([1000.0, 20.0, 3.0]).0 };
        let worse = |numbers| Comparison::of(&recorded, &counts(numbers)).worse;
        assert_eq!(worse([1049.0, 20.9, 3.0]), 0);
        assert_eq!(worse([1051.0, 20.0, 3.0]), 1);
        assert_eq!(worse([1051.0, 22.0, 4.0]), 3);
        assert_eq!(worse([500.0, 10.0, 2.0]), 0);
    }

    #[test]
    fn what_was_not_counted_is_no_failure() {
        let recorded = Recorded { rustc: String::new(), counts: counts([1.0, 1.0, 1.0]).0 };
        let comparison = Comparison::of(&recorded, &Counts::default());
        assert_eq!(comparison.worse, 0);
        assert_eq!(comparison.table.matches("not counted").count(), 3);
    }
}
