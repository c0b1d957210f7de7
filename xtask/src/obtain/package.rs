//! The server out of the distribution's own package, fetched without root and without installing
//! it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// Downloads the package from wherever this machine gets its packages and puts its `etcd` at
/// `destination`.
pub(super) fn download(destination: &Path) -> Result<()> {
    let home = destination.parent().context("the destination is in no directory")?;
    eprintln!("downloading an etcd server into {} (only this once) ...", home.display());

    run(Command::new("apt-get").arg("--version"))?;
    // Beside the destination, so that the last step is a rename and nobody ever sees half a file.
    let work = tempfile::tempdir_in(home)
        .with_context(|| format!("cannot create a directory in {}", home.display()))?;
    let apt = Apt::new(work.path())?;
    // A source that does not answer is none of our business as long as the package can be had
    // elsewhere.
    let updated = apt.run(&["update"]);
    let downloaded = apt.run(&["download", PACKAGE]);
    if let Err(error) = downloaded {
        return Err(match updated {
            Ok(()) => error,
            Err(update) => error.context(format!("{update:#}")),
        });
    }

    let package = package_in(work.path())?;
    let unpacked = work.path().join("unpacked");
    let mut dpkg = Command::new("dpkg-deb");
    run(dpkg.arg("-x").arg(&package).arg(&unpacked))?;
    fs::rename(unpacked.join("usr/bin/etcd"), destination)
        .with_context(|| format!("the package {PACKAGE} has no usr/bin/etcd"))
}

/// apt-get with everything it writes in one directory.
struct Apt<'a> {
    folder: &'a Path,
    settings: PathBuf,
}

impl<'a> Apt<'a> {
    fn new(folder: &'a Path) -> Result<Self> {
        let settings = folder.join("apt.conf");
        let prepare = || {
            fs::create_dir_all(folder.join("lists/partial"))?;
            fs::create_dir_all(folder.join("archives/partial"))?;
            // As if nothing were installed.
            fs::write(folder.join("status"), "")?;
            fs::write(&settings, settings_for(folder))
        };
        prepare().with_context(|| format!("cannot write into {}", folder.display()))?;
        Ok(Self { folder, settings })
    }

    fn run(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new("apt-get");
        command.arg("--quiet").arg("--config-file").arg(&self.settings).args(arguments);
        run(command.current_dir(self.folder))
    }
}

fn settings_for(folder: &Path) -> String {
    SETTINGS.replace("FOLDER", &folder.display().to_string())
}

fn package_in(folder: &Path) -> Result<PathBuf> {
    fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .with_context(|| format!("apt-get left no package {PACKAGE}"))
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .env("LC_ALL", "C")
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("{program} failed ({}): {}", output.status, complaint.trim());
    }
    Ok(())
}

const PACKAGE: &str = "etcd-server";

/// The sources, keys and proxies stay those of the machine. Cleared are hooks, which would touch
/// the system's own directories, and lists nobody needs here.
const SETTINGS: &str = r#"#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::Contents-deb;
Dir::State "FOLDER/";
Dir::State::Lists "FOLDER/lists/";
Dir::State::status "FOLDER/status";
Dir::Cache "FOLDER/";
Dir::Cache::archives "FOLDER/archives/";
Dir::Log "FOLDER/";
Debug::NoLocking "true";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
APT::Sandbox::User "root";
"#;
