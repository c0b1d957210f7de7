//! What is left of a command that is interrupted.

use std::{
    fs,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// Long enough for anything that is going to happen at all, on a busy machine too.
const LONGEST: Duration = Duration::from_secs(30);

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LONGEST;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "this has not happened: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A program in place of cargo that starts others, as `cargo test` does with tests, and tells their
/// numbers when they are there.
fn pretend_cargo(folder: &Path, orders: &str) -> Command {
    let cargo = folder.join("cargo");
    let text = format!("#!/bin/sh\ncd '{}'\n{orders}\n", folder.display());
    // Written by a shell: a file that a process has open for writing cannot be run.
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"printf %s "$2" >"$1"; chmod +x "$1""#, "sh"]).arg(&cargo).arg(text);
    assert!(shell.status().unwrap().success());
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("ci").env("CARGO", cargo);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Starts the command and waits until its cargo has told the numbers of all its processes.
fn start(mut command: Command, folder: &Path) -> (Child, Vec<Pid>) {
    let xtask = command.spawn().unwrap();
    let numbers = until("cargo runs", || fs::read_to_string(folder.join("ready")).ok());
    let pids = numbers.split_whitespace().map(|it| Pid::from_raw(it.parse().unwrap()).unwrap());
    (xtask, pids.collect())
}

fn ended(mut xtask: Child) -> ExitStatus {
    until("the command ends", || xtask.try_wait().unwrap())
}

/// Whoever inherits it may take a while to see its end.
fn is_gone(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_pid()));
    let is_over = stat.is_ok_and(|stat| stat.contains(") Z "));
    is_over || test_kill_process(process).is_err()
}

#[test]
fn a_request_to_end_reaches_all_that_cargo_has_started() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let folder = tempfile::tempdir().unwrap();
        let orders = "sleep 60 & a=$!; sh -c 'sleep 60; :' & b=$!\n\
                      echo $$ $a $b >new; mv new ready; wait";
        let (xtask, processes) = start(pretend_cargo(folder.path(), orders), folder.path());
        assert_eq!(processes.len(), 3);
        kill_process(Pid::from_child(&xtask), signal).unwrap();
        assert!(!ended(xtask).success());
        for process in processes {
            until("it is gone", || is_gone(process).then_some(()));
        }
    }
}

#[test]
fn who_does_not_listen_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let orders = "trap '' TERM; sleep 60 & echo $$ $! >new; mv new ready; wait";
    let (xtask, processes) = start(pretend_cargo(folder.path(), orders), folder.path());
    kill_process(Pid::from_child(&xtask), Signal::TERM).unwrap();
    assert!(!ended(xtask).success());
    for process in processes {
        until("it is gone", || is_gone(process).then_some(()));
    }
}
