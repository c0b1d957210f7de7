//! The goal table.

use crate::{
    cases::Case,
    contestant::Contestant,
    goal::{Figures, Verdict},
};

/// One run of one case.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) case: &'static Case,
    pub(crate) contestant: Contestant,
    pub(crate) run: u32,
    /// The version of the servers.
    pub(crate) server: String,
    pub(crate) figures: Figures,
    pub(crate) notes: Vec<String>,
}

/// The table in Markdown, and how many of its goals were missed, where times may be so many times as long.
pub(crate) fn render(records: &[Record], slack: f64) -> (String, usize) {
    let mut text = String::from(HEAD);
    let mut missed = 0;
    let mut cases: Vec<&Case> = Vec::new();
    for record in records {
        if cases.iter().all(|case| case.name != record.case.name) {
            cases.push(record.case);
        }
    }
    for case in cases {
        for goal in case.goals.iter().map(|goal| goal.with_slack(slack)) {
            let mut verdicts = Vec::new();
            let mut cells = Vec::new();
            for contestant in Contestant::ALL {
                let own = |record: &&Record| {
                    record.case.name == case.name && record.contestant == contestant
                };
                let runs: Vec<_> =
                    records.iter().filter(own).map(|record| &record.figures).collect();
                if contestant.is_ours() {
                    verdicts.push(goal.judge(&runs));
                }
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
                "| {} {} | {}{unit} | {} | {} | {verdict} |\n",
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

const HEAD: &str = "\
| case | measure | ceiling | async | blocking | Go | Go, tuned | verdict |
|---|---|---|---|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;
    use crate::{goal::Goal, subject::Colour};

    static CASE: Case = Case {
        name: "G0",
        title: "test",
        runs: 2,
        links: false,
        with_go: true,
        goals: &[
            Goal::at_most("gap", 150.0, "ms"),
            Goal::none("errors"),
            Goal::noted("stall", "ms"),
        ],
        run: |_| bail!("not to be run"),
    };

    const ASYNC: Contestant = Contestant::Ours(Colour::Async);
    const BLOCKING: Contestant = Contestant::Ours(Colour::Blocking);

    fn record(contestant: Contestant, gap: f64, errors: f64) -> Record {
        let figures = Figures::from([("gap", gap), ("errors", errors)]);
        let (server, notes) = (String::new(), Vec::new());
        Record { case: &CASE, contestant, run: 1, server, figures, notes }
    }

    #[test]
    fn a_row_a_goal_and_a_column_a_contestant() {
        let records = [
            record(ASYNC, 12.25, 0.0),
            record(ASYNC, 151.0, 0.0),
            record(BLOCKING, 3.0, 0.0),
            record(Contestant::GoTuned, 1004.0, 2.0),
        ];
        let (text, missed) = render(&records, 1.0);
        assert_eq!(missed, 1);
        assert_eq!(
            text.strip_prefix(HEAD).unwrap(),
            "| G0 test | gap, ms | ≤ 150 ms | 151 (median 81.6) | 3 | – | 1004 | **missed** |\n\
             | G0 test | errors | 0 | 0 | 0 | – | 2 | met |\n\
             | G0 test | stall, ms | – | – | – | – | – |  |\n"
        );
    }

    #[test]
    fn either_colour_can_miss() {
        assert_eq!(render(&[record(BLOCKING, 1.0, 1.0)], 1.0).1, 1);
        assert_eq!(render(&[record(ASYNC, 1.0, 0.0)], 1.0).1, 0);
    }

    #[test]
    fn nobody_else_can() {
        assert_eq!(
            render(&[record(ASYNC, 1.0, 0.0), record(Contestant::Go, 999.0, 9.0)], 1.0).1,
            0
        );
    }
}
