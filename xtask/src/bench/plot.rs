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
