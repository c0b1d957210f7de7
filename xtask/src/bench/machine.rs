//! Where and when it was measured: figures mean nothing without.

use std::{fmt, fs, path::Path, process::Command, thread};

use anyhow::{Context, Result};

/// The machine, and what is on it.
#[derive(Debug)]
pub(crate) struct Machine {
    date: String,
    processor: String,
    cores: usize,
    kernel: String,
    load: String,
    rustc: String,
    etcd: String,
}

impl Machine {
    /// Looks at this machine, now.
    pub(crate) fn look(etcd: &Path) -> Result<Self> {
        let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
        let etcd = said(Command::new(etcd).arg("--version"))?;
        Ok(Self {
            date: said(Command::new("date").args(["-u", "+%-d %B %Y"]).env("LC_ALL", "C"))?,
            processor: processor(&file("/proc/cpuinfo")),
            cores: thread::available_parallelism().map_or(1, usize::from),
            kernel: first_line(file("/proc/sys/kernel/osrelease")),
            load: file("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
            rustc: rustc()?,
            etcd: first_line(etcd).replace("etcd Version: ", ""),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { date, processor, cores, kernel, load, rustc, etcd } = self;
        writeln!(
            f,
            "Measured on {date}: {processor}, {cores} cores, Linux {kernel}, load {load} before the \
             bench; {rustc}; etcd {etcd}."
        )
    }
}

/// The compiler, as it names itself.
pub(crate) fn rustc() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = said(Command::new(rustc).arg("--version"))?;
    Ok(version.split(" (").next().unwrap_or_default().to_owned())
}

fn processor(cpuinfo: &str) -> String {
    let line = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    line.map_or("unknown processor", |line| line.trim_start_matches([' ', '\t', ':'])).to_owned()
}

fn said(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_named() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu\n";
        assert_eq!(processor(cpuinfo), "AMD EPYC");
        assert_eq!(processor(""), "unknown processor");
    }
}
