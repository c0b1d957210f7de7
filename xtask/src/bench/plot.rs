//! The ratios as bars, in an SVG that can stand in a page: nothing in it has names or blank lines.

use std::fmt::Write;

use super::{
    samples::{Report, Samples},
    workloads::{WORKLOADS, Workload},
};

/// One group of bars a workload: processor time, as a multiple of the group's first.
pub(crate) fn of(samples: &Samples) -> String {
    let mut bars = String::new();
    let mut y = TOP;
    for workload in WORKLOADS.iter().filter(|workload| workload.name != "idle") {
        let ratios = ratios(samples, workload);
        if ratios.len() > 1 {
            group(&mut bars, &mut y, workload.title, &ratios);
        }
    }
    let (height, one, grid) = (y + 4.0, LEFT + SCALE, y - LINE / 2.0);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" width="720" height="{height}" font-family="sans-serif" font-size="12" fill="#222222">
<rect width="720" height="{height}" fill="#ffffff"/>
<text x="12" y="22" font-size="15" font-weight="bold">Processor time of a request, as a multiple of the first of each group</text>
<text x="12" y="40" fill="#666666">Shorter is better. Blue is this library. Longer than {MOST} is cut off.</text>
<line x1="{one}" y1="{TOP}" x2="{one}" y2="{grid}" stroke="#bbbbbb" stroke-dasharray="3 3"/>
{bars}</svg>
"##
    )
}

fn ratios(samples: &Samples, workload: &Workload) -> Vec<(&'static str, f64)> {
    let Some(reference) = workload.contestants.first() else { return Vec::new() };
    let ratio = |contestant: &&'static str| {
        let place = ("stub", workload.name);
        Some((*contestant, samples.ratio(place, contestant, reference, Report::cpu)?))
    };
    workload.contestants.iter().filter_map(ratio).collect()
}

fn group(bars: &mut String, y: &mut f64, title: &str, ratios: &[(&str, f64)]) {
    _ = writeln!(bars, r#"<text x="12" y="{}" font-weight="bold">{title}</text>"#, *y + 12.0);
    *y += LINE;
    for (contestant, ratio) in ratios {
        let (text, width) = (*y + 12.0, ratio.min(MOST) * SCALE);
        let fill = if OURS.contains(contestant) { "#2a78b8" } else { "#b4b4b4" };
        let _ = write!(
            bars,
            r#"<text x="{}" y="{text}" text-anchor="end">{contestant}</text>
<rect x="{LEFT}" y="{}" width="{width:.1}" height="{}" fill="{fill}"/>
<text x="{:.1}" y="{text}">{ratio:.2}</text>
"#,
            LEFT - 8.0,
            *y + 2.0,
            LINE - 5.0,
            LEFT + width + 6.0,
        );
        *y += LINE;
    }
    *y += LINE / 2.0;
}

const TOP: f64 = 56.0;
const LINE: f64 = 17.0;
const LEFT: f64 = 110.0;
/// How long a bar of one is.
const SCALE: f64 = 125.0;
/// Longer bars are cut.
const MOST: f64 = 4.4;
const OURS: [&str; 5] = ["async", "async-mt", "async-root", "blocking", "core"];

#[cfg(test)]
mod tests {
    use super::{
        super::samples::{Kind, Sample},
        *,
    };

    #[test]
    fn a_plot_can_stand_in_a_page() {
        let mut samples = Samples::default();
        for (contestant, cpu_s) in [("hyper-floor", 2.0), ("async", 3.0), ("go", 40.0)] {
            let report = Report { requests: 1.0, cpu_s, ..Report::NOTHING };
            let (server, workload, kind) = ("stub", "get", Kind::Timed);
            samples.add(Sample { server, workload, contestant, round: 0, kind, report });
        }
        let plot = of(&samples);
        assert!(plot.starts_with("<svg ") && plot.ends_with("</svg>\n"));
        assert!(plot.lines().all(|line| !line.trim().is_empty()));
        // What is cut off still says how long it would be.
        assert!(plot.contains(">1.50</text>") && plot.contains(">20.00</text>"));
        assert_eq!(plot.matches("#2a78b8").count(), 1);
    }
}
