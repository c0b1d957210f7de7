//! apt with everything it writes in a directory of its own: no privileges, and nothing installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// apt-get and apt-cache with lists, caches and state in one directory.
#[derive(Debug)]
pub(super) struct Apt {
    folder: PathBuf,
    settings: PathBuf,
}

impl Apt {
    /// With the sources, keys and proxies of this machine.
    pub(super) fn of_this_machine(folder: PathBuf) -> Result<Self> {
        Self::new(folder, "")
    }

    /// With no sources at all.
    #[cfg(test)]
    pub(super) fn without_sources(folder: PathBuf) -> Result<Self> {
        Self::new(folder, ONE_SOURCE)
    }

    /// With one release of Debian, at this mirror, for its only source, and these keys for the only
    /// ones that count. What is not signed by them is refused, whatever the machine's settings say.
    pub(super) fn of_debian(
        folder: PathBuf,
        mirror: &str,
        suite: &str,
        keys: &Path,
    ) -> Result<Self> {
        let apt = Self::new(folder, ONE_SOURCE)?;
        let prepare = || {
            fs::create_dir(apt.folder.join("keys"))?;
            fs::copy(keys, apt.folder.join("keys/debian.gpg"))?;
            let source = format!("Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\n");
            fs::write(apt.folder.join("debian.sources"), source)
        };
        prepare().with_context(|| format!("cannot write into {}", apt.folder.display()))?;
        Ok(apt)
    }

    fn new(folder: PathBuf, more: &str) -> Result<Self> {
        let settings = folder.join("apt.conf");
        let prepare = || {
            fs::create_dir_all(folder.join("lists/partial"))?;
            fs::create_dir_all(folder.join("archives/partial"))?;
            // As if nothing were installed.
            fs::write(folder.join("status"), "")?;
            let text = [SETTINGS, more].concat();
            fs::write(&settings, text.replace("FOLDER", &folder.display().to_string()))
        };
        prepare().with_context(|| format!("cannot write into {}", folder.display()))?;
        Ok(Self { folder, settings })
    }

    /// Fetches the lists of what there is.
    pub(super) fn update(&self) -> Result<()> {
        self.get(&["update"]).map(drop)
    }

    /// The version of a package that would be downloaded.
    pub(super) fn version(&self, package: &str) -> Result<String> {
        let shown = self.run("apt-cache", &["show", "--no-all-versions", package])?;
        let version = shown.lines().find_map(|line| line.strip_prefix("Version: "));
        Ok(version.with_context(|| format!("apt knows no version of {package}"))?.to_owned())
    }

    /// Downloads packages and unpacks them into one directory.
    pub(super) fn unpack(&self, packages: &[&str]) -> Result<PathBuf> {
        let unpacked = self.folder.join("unpacked").join(packages.concat());
        fs::create_dir_all(&unpacked)
            .with_context(|| format!("cannot write into {}", self.folder.display()))?;
        self.get(&[&["download"], packages].concat())?;
        for package in packages {
            let file = self.downloaded(package)?;
            run(Command::new("dpkg-deb").arg("-x").arg(&file).arg(&unpacked))?;
        }
        Ok(unpacked)
    }

    /// The mirrors of Debian that the sources name.
    pub(super) fn mirrors(&self) -> Vec<String> {
        let which = ["Created-By: Packages", "Origin: Debian", "Label: Debian"];
        let listed = self.get(&[&["indextargets", "--format", "$(REPO_URI)"], &which[..]].concat());
        let mut mirrors: Vec<_> = listed.unwrap_or_default().lines().map(str::to_owned).collect();
        mirrors.dedup();
        mirrors
    }

    fn downloaded(&self, package: &str) -> Result<PathBuf> {
        let is_it = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with(".deb") && name.split('_').next() == Some(package)
        };
        fs::read_dir(&self.folder)
            .with_context(|| format!("cannot read {}", self.folder.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(is_it)
            .with_context(|| format!("apt-get left no package {package}"))
    }

    fn get(&self, arguments: &[&str]) -> Result<String> {
        self.run("apt-get", arguments)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(program);
        command.arg("--quiet").arg("--config-file").arg(&self.settings).args(arguments);
        run(command.current_dir(&self.folder))
    }
}

/// What the command prints, if it succeeds.
fn run(command: &mut Command) -> Result<String> {
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
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Cleared are hooks, which would touch the system's own directories, and lists nobody needs here.
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

/// What the machine says about its own releases does not count for another one, and neither does
/// leave to do without signatures.
const ONE_SOURCE: &str = r#"Dir::Etc::sourcelist "FOLDER/debian.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "FOLDER/keys/";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Default-Release "";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_signed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let dist = folder.path().join("dists/trixie");
        fs::create_dir_all(&dist).unwrap();
        fs::write(dist.join("Release"), "Origin: Debian\nCodename: trixie\nSuite: stable\n")
            .unwrap();
        let keys = folder.path().join("keys.gpg");
        fs::write(&keys, "").unwrap();

        let mirror = format!("file:{}/", folder.path().display());
        let apt = Apt::of_debian(folder.path().join("apt"), &mirror, "trixie", &keys).unwrap();
        let error = format!("{:#}", apt.update().unwrap_err());
        let refused = error.contains("E: The repository") && error.contains("is not signed");
        assert!(refused || error.contains("cannot run apt-get"), "{error}");
    }

    #[test]
    fn everything_is_kept_in_one_directory() {
        let folder = tempfile::tempdir().unwrap();
        let apt = Apt::of_this_machine(folder.path().join("a b")).unwrap();
        let settings = fs::read_to_string(&apt.settings).unwrap();
        for line in settings.lines().filter(|line| line.starts_with("Dir::")) {
            let path = line.split('"').nth(1).unwrap();
            assert!(Path::new(path).starts_with(&apt.folder), "{line}");
        }
    }
}
