//! Ctrl-C, and the other ways to ask a program to end.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, Result};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};

/// From now on the first request to end only raises a flag; the second ends the program at once.
pub(crate) fn watch() -> Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&REQUESTED))
            .and_then(|_| flag::register(signal, Arc::clone(&REQUESTED)))
            .context("cannot watch for Ctrl-C")?;
    }
    Ok(())
}

/// Whether somebody wants us to end.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

static REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
