//! `cargo xtask demo`: the examples at work against real servers.

mod stage;

use std::{path::Path, time::Instant};

use anyhow::Result;

use self::stage::{Servers, Stage};
use crate::cargo::{Step, seconds};

/// Starts servers, lets both tours talk to them, or all examples, and stops the servers.
pub(crate) fn run(etcd: &Path, all: bool) -> Result<()> {
    let begin = Instant::now();
    let rows = if all { [TOURS, OTHERS].concat() } else { TOURS.to_vec() };
    let stage = Stage::start(etcd, rows.iter().map(|row| row.servers))?;
    for row in &rows {
        row.run(&stage)?;
    }
    drop(stage);
    println!("\nthe demo took {} and has left nothing behind", seconds(begin.elapsed()));
    Ok(())
}

/// What both colours have.
const TOURS: &[Row] = &[
    Row { example: "tour", servers: Servers::One, features: DEFAULT, arguments: "" },
    Row { example: "tour_blocking", servers: Servers::One, features: UREQ, arguments: "" },
];

/// One line for each other example. Those of the cluster come last: it changes its members only when
/// they have been well for some seconds.
const OTHERS: &[Row] = &[
    Row { example: "watch", servers: Servers::One, features: DEFAULT, arguments: "" },
    Row { example: "mirror", servers: Servers::One, features: DEFAULT, arguments: "" },
    Row { example: "auth", servers: Servers::One, features: DEFAULT, arguments: "" },
    Row { example: "tls", servers: Servers::Secured, features: DEFAULT, arguments: "" },
    Row { example: "discovery", servers: Servers::Three, features: DNS, arguments: "" },
    Row { example: "members", servers: Servers::Three, features: DEFAULT, arguments: "change" },
];

const DEFAULT: &str = "";
const DNS: &str = "--features dns,ureq";
const UREQ: &str = "--no-default-features --features ureq";

/// An example and what it needs.
#[derive(Clone, Copy, Debug)]
struct Row {
    example: &'static str,
    servers: Servers,
    /// As cargo takes them.
    features: &'static str,
    /// Words with spaces between them.
    arguments: &'static str,
}

impl Row {
    fn run(&self, stage: &Stage) -> Result<()> {
        let Self { example, features, arguments, .. } = self;
        let words = ["run --quiet -p etcd-v2-client", features, "--example", example];
        let separator = if arguments.is_empty() { "" } else { "--" };
        let words = words.iter().chain([&separator, arguments]).filter(|word| !word.is_empty());
        let step = Step::new(&words.copied().collect::<Vec<_>>().join(" "));
        stage.variables(self.servers).fold(step, |step, (name, value)| step.env(name, value)).run()
    }
}
