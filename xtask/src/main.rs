//! The development commands of this workspace: `cargo xtask --help`.

mod arguments;
mod bench;
mod cargo;
mod ci;
mod demo;
mod etcd;
mod interrupt;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, anyhow};

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
    let Arguments { task, etcd, members, quick, rest } =
        Arguments::parse(lexopt::Parser::from_env())
            .map_err(|error| anyhow!("{error}; see `cargo xtask --help`"))?;
    interrupt::watch()?;
    match task {
        Task::Help => {
            print!("{}", arguments::HELP);
            Ok(())
        }
        Task::Etcd => etcd::run(&xtask::obtain(etcd.as_deref())?, members),
        Task::Demo => demo::run(&xtask::obtain(etcd.as_deref())?),
        Task::Test => test::run(&xtask::obtain(etcd.as_deref())?, &rest),
        Task::Bench => bench::run(&xtask::obtain(etcd.as_deref())?, quick),
        Task::Tidy => tidy::run(),
        Task::Ci => ci::run(),
    }
}
