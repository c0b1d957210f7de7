//! The ratios as bars, in an SVG.

use std::fmt::Write;

use super::{
    samples::{Report, Samples},
    workloads::WORKLOADS,
};

/// One group of bars a workload: processor time, as a multiple of the group's first.
pub(crate) fn of(samples: &Samples) -> String {
    let mut bars = String::new();
    let mut y = 40;
    for workload in &WORKLOADS {
        let Some(reference) = workload.contestants.first() else { continue };
        let place = ("stub", workload.name);
        let ratio = |contestant| samples.ratio(place, contestant, reference, Report::cpu);
        let present = workload.contestants.iter().filter_map(|it| Some((*it, ratio(it)?)));
        _ = writeln!(bars, r#"<text x="10" y="{y}" class="title">{}</text>"#, workload.title);
        for (contestant, ratio) in present {
            y += LINE;
            let shown = ratio.min(MOST);
            let width = shown / MOST * WIDTH;
            let class = if OURS.contains(&contestant) { "ours" } else { "others" };
            _ = write!(
                bars,
                r#"<text x="120" y="{y}" text-anchor="end">{contestant}</text>
<rect x="130" y="{}" width="{width:.1}" height="{}" class="{class}"/>
<text x="{:.1}" y="{y}">{ratio:.2}</text>
"#,
                y - 12,
                LINE - 4,
                136.0 + width,
            );
        }
        y += 2 * LINE;
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{y}" font-family="sans-serif" font-size="13">
<style>.title {{ font-weight: bold }} .ours {{ fill: #2a7ab9 }} .others {{ fill: #b8b8b8 }}</style>
<rect width="720" height="{y}" fill="white"/>
<text x="10" y="18">processor time of a request, as a multiple of the first of each group; shorter is better</text>
{bars}</svg>
"#
    )
}

const LINE: i32 = 18;
const WIDTH: f64 = 500.0;
/// Longer bars are cut.
const MOST: f64 = 6.0;
const OURS: [&str; 4] = ["async", "async-mt", "async-root", "blocking"];
