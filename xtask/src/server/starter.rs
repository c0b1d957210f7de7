//! Starting processes that die with this one.

use std::{
    ffi::OsStr,
    io,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::{
        LazyLock,
        mpsc::{self, Sender},
    },
    thread,
};

/// A command for `program` that the kernel kills when we die, where the system has `setpriv` to
/// arrange that.
pub(super) fn dying_with_us(program: impl AsRef<OsStr>) -> Command {
    static SETPRIV: LazyLock<bool> = LazyLock::new(|| {
        let mut trial = Command::new("setpriv");
        trial.args(ARRANGE).arg("true").stdout(Stdio::null()).stderr(Stdio::null());
        trial.status().is_ok_and(|status| status.success())
    });
    if *SETPRIV {
        let mut command = Command::new("setpriv");
        command.args(ARRANGE).arg(program);
        command
    } else {
        Command::new(program)
    }
}

/// Starts `command` in a process group of its own, so that a Ctrl-C meant for us does not reach it.
///
/// The kernel regards a child as orphaned when the *thread* that started it ends. A test's thread
/// ends with the test, but its server may be shared with other tests, so one thread that never ends
/// starts them all.
pub(super) fn spawn(mut command: Command) -> io::Result<Child> {
    static STARTER: LazyLock<Sender<Order>> = LazyLock::new(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in orders {
                // Whoever gave the order waits for the answer.
                _ = answer.send(command.spawn());
            }
        });
        sender
    });
    command.process_group(0);
    let (sender, answer) = mpsc::channel();
    STARTER.send((command, sender)).map_err(io::Error::other)?;
    answer.recv().map_err(io::Error::other)?
}

type Order = (Command, Sender<io::Result<Child>>);

const ARRANGE: [&str; 2] = ["--pdeathsig", "KILL"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_outlive_the_thread_that_asked_for_them() {
        let mut sleeper = dying_with_us("sleep");
        sleeper.arg("30");
        let mut child = thread::spawn(|| spawn(sleeper)).join().unwrap().unwrap();
        thread::sleep(std::time::Duration::from_millis(100));
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_missing_program_is_an_error() {
        assert!(spawn(Command::new("/nowhere/etcd")).is_err());
    }
}
