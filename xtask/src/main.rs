//! The development commands of this workspace: `cargo xtask --help`.

mod arguments;
mod audit;
mod bench;
mod cargo;
mod ci;
mod demo;
mod etcd;
mod faults;
mod fuzz;
mod interrupt;
mod miri;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use xtask::Unavailable;

use crate::arguments::{Arguments, Task};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let Arguments { task, etcd, release, members, all, bench, fuzz, rest } =
        Arguments::parse(lexopt::Parser::from_env())
            .map_err(|error| anyhow!("{error}; see `cargo xtask --help`"))?;
    interrupt::watch()?;
    let server = || match release {
        Some(release) => xtask::obtain_release(release, etcd.as_deref()),
        None => xtask::obtain(etcd.as_deref()),
    };
    match task {
        Task::Help => {
            print!("{}", arguments::HELP);
            Ok(())
        }
        Task::Etcd => etcd::run(&server()?, members),
        Task::Demo => demo::run(&server()?, all),
        Task::Test => match (server(), release) {
            (Ok(etcd), _) => test::run(&etcd, &rest),
            (Err(error), Some(release)) if rest.is_empty() && error.is::<Unavailable>() => {
                println!("{error:#}");
                test::without_server(release)
            }
            (Err(error), _) => Err(error),
        },
        Task::Faults => faults::run(&rest),
        Task::Soak => faults::soak(&rest),
        Task::Fuzz => fuzz::run(fuzz.target.as_deref(), fuzz.seconds),
        Task::Miri => miri::run(),
        Task::Audit => audit::run(),
        Task::Bench if bench.instructions => bench::count(bench.record),
        Task::Bench => bench::run(&server()?, &bench),
        Task::Tidy => tidy::run(),
        Task::Ci => ci::run(),
    }
}
