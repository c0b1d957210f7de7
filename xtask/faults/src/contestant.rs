//! Who is measured: both of our clients, and Go's for comparison.

mod call;
mod go;

use anyhow::{Result, bail};
use etcd_v2_client::Policy;

use self::go::Process;
pub(crate) use self::{
    call::{Ask, Failed, Got, Refusal, What},
    go::build,
};
use crate::{
    attempts::Attempts,
    subject::{Colour, Subject},
};

/// A client as its user sets it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contestant {
    Ours(Colour),
    /// As it comes.
    Go,
    /// With a limit for heads, which is how it gets away from a member that hangs.
    GoTuned,
}

impl Contestant {
    pub(crate) const ALL: [Self; 4] =
        [Self::Ours(Colour::Async), Self::Ours(Colour::Blocking), Self::Go, Self::GoTuned];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours(colour) => colour.name(),
            Self::Go => "go",
            Self::GoTuned => "go-tuned",
        }
    }

    pub(crate) const fn is_ours(self) -> bool {
        matches!(self, Self::Ours(_))
    }

    /// A client that asks these endpoints, the first one first.
    pub(crate) fn client(self, urls: &[String]) -> Result<Client> {
        Ok(match self {
            Self::Ours(colour) => Client::Ours(colour.subject(urls)?),
            Self::Go | Self::GoTuned => Client::Go(Process::start(self.name(), urls)?),
        })
    }

    /// One of ours with the default policy, of which more can be asked.
    pub(crate) fn subject(self, urls: &[String]) -> Result<Subject> {
        self.colour()?.subject(urls)
    }

    /// The same, whose attempts are recorded.
    pub(crate) fn recorded(self, urls: &[String], attempts: &Attempts) -> Result<Subject> {
        self.colour()?.recorded(urls, attempts)
    }

    fn colour(self) -> Result<Colour> {
        match self {
            Self::Ours(colour) => Ok(colour),
            Self::Go | Self::GoTuned => bail!("Go's client takes no part in this"),
        }
    }
}

/// A client of any contestant, for callers that do one thing after the other.
#[derive(Debug)]
pub(crate) enum Client {
    Ours(Subject),
    Go(Process),
}

impl Client {
    /// The same with another policy; Go's has none.
    pub(crate) fn with(self, change: impl FnOnce(&mut Policy)) -> Self {
        match self {
            Self::Ours(subject) => Self::Ours(subject.with(change)),
            Self::Go(process) => Self::Go(process),
        }
    }

    /// Asks for something and waits for its end.
    pub(crate) fn ask(&self, ask: &Ask<'_>) -> Result<Got, Failed> {
        match self {
            Self::Ours(subject) => ask.of(subject),
            Self::Go(process) => process.ask(ask),
        }
    }
}
