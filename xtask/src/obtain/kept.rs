//! Programs that are downloaded once and kept in the target directory.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};

/// The program that `home` has a good copy of; if it has none, one is downloaded to that place, by
/// only one process at a time.
pub(super) fn kept(
    home: &Path,
    program: &str,
    check: impl Fn(&Path) -> Result<()>,
    download: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let copy = home.join(program);
    fs::create_dir_all(home).with_context(|| format!("cannot create {}", home.display()))?;
    // Whoever comes second waits here and then finds the first one's copy.
    let lock = File::create(home.join("lock"))
        .with_context(|| format!("cannot write into {}", home.display()))?;
    flock(&lock, FlockOperation::LockExclusive)
        .with_context(|| format!("cannot lock {}", home.display()))?;

    if copy.exists() {
        match check(&copy) {
            Ok(()) => return Ok(copy),
            Err(error) => eprintln!("replacing the copy that was kept: {error:#}"),
        }
        if copy.is_dir() {
            fs::remove_dir_all(&copy)
                .with_context(|| format!("cannot remove {}", copy.display()))?;
        }
    }
    download(&copy)?;
    check(&copy)?;
    Ok(copy)
}

/// Cargo's target directory.
#[must_use]
pub fn target() -> PathBuf {
    let folder = env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty());
    super::root().join(folder.unwrap_or_else(|| "target".into()))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use anyhow::ensure;

    use super::*;

    fn is_good(copy: &Path) -> Result<()> {
        ensure!(fs::read_to_string(copy)? == "good", "it is bad");
        Ok(())
    }

    #[test]
    fn what_is_kept_is_downloaded_once_and_again_only_if_it_is_no_good() {
        let folder = tempfile::tempdir().unwrap();
        let downloads = Cell::new(0);
        let get = || {
            kept(&folder.path().join("home"), "program", is_good, |copy| {
                downloads.set(downloads.get() + 1);
                Ok(fs::write(copy, "good")?)
            })
        };
        let copy = get().unwrap();
        assert_eq!((get().unwrap(), downloads.get()), (copy.clone(), 1));
        fs::write(&copy, "half").unwrap();
        assert_eq!((get().unwrap(), downloads.get()), (copy, 2));
    }

    #[test]
    fn what_is_downloaded_must_be_good() {
        let folder = tempfile::tempdir().unwrap();
        let error = kept(folder.path(), "program", is_good, |copy| Ok(fs::write(copy, "bad")?));
        assert_eq!(error.unwrap_err().to_string(), "it is bad");
    }
}
