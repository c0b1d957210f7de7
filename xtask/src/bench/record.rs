//! The counts on record, and the comparison with them.

use std::{fmt::Write, fs, path::Path};

use anyhow::{Context, Result, bail};

use super::{
    counts::{Count, Counts, What, floor},
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

/// Fails, with a table, if any count is above what is on record: allocations and system calls by one,
/// instructions by more than three in a hundred, or five for a listing, as a multiple of their floor's.
pub(crate) fn compare(counts: &Counts) -> Result<()> {
    let path = path();
    let recorded = fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))
        .and_then(|text| parse(&text))?;
    let comparison = Comparison::of(&recorded.counts, counts);
    println!("\n{}", comparison.table);
    if comparison.worse > 0 {
        bail!(
            "{} of {} counts are above those on record, which were taken with {}; this is {}. If it \
             has to be, `cargo xtask bench --instructions --record` puts these on record",
            comparison.worse,
            recorded.counts.0.len(),
            recorded.rustc,
            machine::rustc()?
        );
    }
    Ok(())
}

struct Recorded {
    rustc: String,
    counts: Counts,
}

struct Comparison {
    table: String,
    worse: usize,
}

impl Comparison {
    fn of(recorded: &Counts, counts: &Counts) -> Self {
        let mut table = format!("{:55}{:>12}{:>12}\n", "", "on record", "now");
        let mut worse = 0;
        for count in &recorded.0 {
            let Count { workload, contestant, what, number } = count;
            let (now, verdict) = match counts.get(workload, contestant, *what) {
                None => ("-".to_owned(), "not counted".to_owned()),
                Some(now) => {
                    let (verdict, is_worse) = judge(count, recorded, now, counts);
                    worse += usize::from(is_worse);
                    (format!("{now:.1}"), verdict)
                }
            };
            let what = what.name();
            let line = format!(
                "{workload:12} {contestant:12} {what:28} {number:12.1}{now:>12}   {verdict}"
            );
            _ = writeln!(table, "{}", line.trim_end());
        }
        Self { table, worse }
    }
}

/// What is to say about a count, and whether it is worse than the one on record.
fn judge(count: &Count, recorded: &Counts, now: f64, counts: &Counts) -> (String, bool) {
    let Count { workload, contestant, what, number } = count;
    if *what != What::Instructions {
        // What happens now and then, such as a timer, is no whole one.
        let more = now.round() - number.round();
        return (verdict(more, 0.5).to_owned(), more > 0.5);
    }
    let Some(floor) = floor(workload, contestant) else { return (String::new(), false) };
    let ratio = |number: f64, counts: &Counts| {
        counts.get(workload, floor, What::Instructions).map(|floor| number / floor)
    };
    let (Some(then), Some(now)) = (ratio(*number, recorded), ratio(now, counts)) else {
        return (format!("{floor} was not counted"), false);
    };
    let change = now / then - 1.0;
    let tolerance = tolerance(workload);
    let verdict = verdict(change, tolerance);
    (format!("{now:.3} of {floor}, {:+.1} % {verdict}", change * 100.0), change > tolerance)
}

fn verdict(change: f64, tolerance: f64) -> &'static str {
    if change > tolerance {
        "too many"
    } else if change < -tolerance {
        "better: put it on record"
    } else {
        ""
    }
}

fn parse(text: &str) -> Result<Recorded> {
    let rustc = text.lines().find_map(|line| line.strip_prefix(TAKEN_WITH)).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let counts = lines.map(|line| count(line).with_context(|| format!("no count: {line:?}")));
    Ok(Recorded { rustc: rustc.to_owned(), counts: Counts(counts.collect::<Result<_>>()?) })
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

/// How many more instructions are tolerated: from one run to the next, a listing that comes over a connection
/// takes up to 2.5 % more or less.
fn tolerance(workload: &str) -> f64 {
    if workload.starts_with("list-") { 0.05 } else { 0.03 }
}

const HEADING: &str = "\
# What one request takes. `cargo xtask bench --instructions` compares with this, and writes it anew
# with --record. Of instructions, what compares is the ratio to those of the floor.
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
        assert_eq!((recorded.rustc.as_str(), recorded.counts), ("rustc 1.95.0", counts));
        assert!(parse("get async kilometres 3").is_err());
    }

    #[test]
    fn allocations_and_system_calls_have_no_tolerance() {
        let recorded = counts([1000.0, 20.0, 3.0]);
        let worse = |numbers| Comparison::of(&recorded, &counts(numbers)).worse;
        assert_eq!(worse([1000.0, 20.4, 2.6]), 0, "a timer now and then");
        assert_eq!(worse([1000.0, 21.0, 3.0]), 1);
        assert_eq!(worse([1000.0, 22.0, 4.0]), 2);
        assert_eq!(worse([500.0, 10.0, 2.0]), 0);
    }

    #[test]
    fn instructions_are_held_against_their_floor() {
        let with_floor = |ours, floor| {
            let mut counts = counts([ours, 20.0, 3.0]);
            let floor = Count {
                contestant: "hyper-floor".to_owned(),
                number: floor,
                ..counts.0[0].clone()
            };
            counts.0.push(floor);
            counts
        };
        let recorded = with_floor(1000.0, 900.0);
        let worse = |ours, floor| Comparison::of(&recorded, &with_floor(ours, floor)).worse;
        assert_eq!(worse(1029.0, 900.0), 0);
        assert_eq!(worse(1031.0, 900.0), 1);
        assert_eq!(worse(2000.0, 1800.0), 0, "of another compiler");
        assert_eq!(worse(1000.0, 800.0), 1, "what has become cheaper is the floor alone");
    }

    #[test]
    fn what_was_not_counted_is_no_failure() {
        let comparison = Comparison::of(&counts([1.0, 1.0, 1.0]), &Counts::default());
        assert_eq!(comparison.worse, 0);
        assert_eq!(comparison.table.matches("not counted").count(), 3);
        let comparison = Comparison::of(&counts([1.0, 1.0, 1.0]), &counts([9.0, 1.0, 1.0]));
        assert_eq!(comparison.worse, 0);
        assert!(comparison.table.contains("hyper-floor was not counted"), "{}", comparison.table);
    }
}
