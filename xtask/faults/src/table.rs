//! The goal table.

use crate::{
    cases::Case,
    goal::{Figures, Verdict},
    subject::Colour,
};

/// One run of one case.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) case: &'static Case,
    pub(crate) colour: Colour,
    pub(crate) run: u32,
    /// The version of the servers.
    pub(crate) server: String,
    pub(crate) figures: Figures,
    pub(crate) notes: Vec<String>,
}

/// The table in Markdown, and how many of its goals were missed.
pub(crate) fn render(records: &[Record]) -> (String, usize) {
    let mut text = String::from(HEAD);
    let mut missed = 0;
    let mut cases: Vec<&Case> = Vec::new();
    for record in records {
        if cases.iter().all(|case| case.name != record.case.name) {
            cases.push(record.case);
        }
    }
    for case in cases {
        for goal in case.goals {
            let mut verdicts = Vec::new();
            let mut cells = Vec::new();
            for colour in Colour::BOTH {
                let of_colour =
                    |record: &&Record| record.case.name == case.name && record.colour == colour;
                let runs: Vec<_> =
                    records.iter().filter(of_colour).map(|record| &record.figures).collect();
                verdicts.push(goal.judge(&runs));
                cells.push(goal.sum_up(&runs).map_or_else(
                    || "–".to_owned(),
                    |(counts, median)| {
                        if runs.len() > 1 && counts != median {
                            format!("{} (median {})", number(counts), number(median))
                        } else {
                            number(counts)
                        }
                    },
                ));
            }
            let verdict = overall(&verdicts);
            missed += usize::from(verdict == "**missed**");
            let unit =
                if goal.unit.is_empty() { String::new() } else { format!(", {}", goal.unit) };
            text += &format!(
                "| {} {} | {}{unit} | {} | {} | {GO} | {verdict} |\n",
                case.name,
                case.title,
                goal.figure,
                goal.ceiling(),
                cells.join(" | "),
            );
        }
    }
    (text, missed)
}

fn overall(verdicts: &[Verdict]) -> &'static str {
    if verdicts.contains(&Verdict::Missed) {
        "**missed**"
    } else if verdicts.contains(&Verdict::Met) {
        "met"
    } else {
        ""
    }
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 || value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

/// The Go client is measured by a program of its own, which is not there yet.
const GO: &str = "–";

const HEAD: &str = "\
| case | measure | ceiling | async | blocking | Go | verdict |
|---|---|---|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;
    use crate::goal::Goal;

    static CASE: Case = Case {
        name: "G0",
        title: "test",
        runs: 2,
        links: false,
        goals: &[
            Goal::at_most("gap", 150.0, "ms"),
            Goal::none("errors"),
            Goal::noted("stall", "ms"),
        ],
        run: |_| bail!("not to be run"),
    };

    fn record(colour: Colour, gap: f64, errors: f64) -> Record {
        let figures = Figures::from([("gap", gap), ("errors", errors)]);
        Record { case: &CASE, colour, run: 1, server: String::new(), figures, notes: Vec::new() }
    }

    #[test]
    fn a_row_a_goal_and_a_column_a_colour() {
        let records = [
            record(Colour::Async, 12.25, 0.0),
            record(Colour::Async, 151.0, 0.0),
            record(Colour::Blocking, 3.0, 0.0),
        ];
        let (text, missed) = render(&records);
        assert_eq!(missed, 1);
        assert_eq!(
            text.strip_prefix(HEAD).unwrap(),
            "| G0 test | gap, ms | ≤ 150 ms | 151 (median 81.6) | 3 | – | **missed** |\n\
             | G0 test | errors | 0 | 0 | 0 | – | met |\n\
             | G0 test | stall, ms | – | – | – | – |  |\n"
        );
    }

    #[test]
    fn either_colour_can_miss() {
        assert_eq!(render(&[record(Colour::Blocking, 1.0, 1.0)]).1, 1);
        assert_eq!(render(&[record(Colour::Async, 1.0, 0.0)]).1, 0);
    }
}
