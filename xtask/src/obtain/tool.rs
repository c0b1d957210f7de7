//! Tools that count what programs do.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::{
    kept::{kept, target},
    package::Package,
};

/// A tool that runs other programs.
#[derive(Debug)]
pub struct Tool {
    program: PathBuf,
    /// The directory that stands for `/usr`, unless the tool is installed.
    usr: Option<PathBuf>,
}

impl Tool {
    /// The tool, to be given arguments.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(usr) = &self.usr {
            command.env("VALGRIND_LIB", usr.join("libexec/valgrind"));
            let libraries = format!("lib/{}-linux-gnu", std::env::consts::ARCH);
            command.env("LD_LIBRARY_PATH", usr.join(libraries));
        }
        command
    }

    fn find(name: &'static str, with: &[&str], try_out: &[&str]) -> Result<Self> {
        let installed = Self { program: name.into(), usr: None };
        if installed.check(try_out).is_ok() {
            return Ok(installed);
        }
        let unpacked =
            |usr: &Path| Self { program: usr.join("bin").join(name), usr: Some(usr.to_owned()) };
        let package = Package { name, with, program: "usr", fits: &|_| true, suite: "bookworm" };
        let check = |usr: &Path| unpacked(usr).check(try_out);
        let usr = kept(&target().join(name), "usr", check, |copy| package.download(copy))?;
        Ok(unpacked(&usr))
    }

    fn check(&self, try_out: &[&str]) -> Result<()> {
        let mut command = self.command();
        command.args(try_out).stdin(Stdio::null());
        let name = self.program.display();
        let output = command.output().with_context(|| format!("cannot run {name}"))?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        let last = complaint.trim().lines().last().unwrap_or_default();
        ensure!(output.status.success(), "{name} does not work here: {last}");
        Ok(())
    }
}

/// Valgrind, which counts instructions: installed, or out of the distribution's package, which is
/// unpacked into the target directory.
///
/// # Errors
///
/// Fails if there is none and none can be had, or if it does not work here.
pub fn valgrind() -> Result<Tool> {
    Tool::find("valgrind", &[], &["--tool=none", "--quiet", "true"])
}

/// Strace, which counts system calls, from the same places.
///
/// # Errors
///
/// Fails if there is none and none can be had, or if this system does not let it watch others.
pub fn strace() -> Result<Tool> {
    Tool::find("strace", &["libunwind8"], &["-c", "-f", "true"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_tried_out() {
        let tool = Tool { program: "false".into(), usr: None };
        let error = tool.check(&["--version"]).unwrap_err();
        assert!(error.to_string().starts_with("false does not work here"), "{error}");
        let tool = Tool { program: "/nowhere/strace".into(), usr: None };
        assert_eq!(tool.check(&[]).unwrap_err().to_string(), "cannot run /nowhere/strace");
    }
}
