//! Callers of our client and of the plain one.

use anyhow::{Context, Result};
use etcd_v2_client::keys::Set;

use crate::{
    arena::Arena,
    contestant::{Ask, Client, Failed, What},
    plain::Plain,
    subject::Subject,
};

/// What a caller does again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    LocalRead,
    QuorumRead,
    /// A set on the condition of the index of the write before.
    Swap,
    Set,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::LocalRead, Self::QuorumRead, Self::Swap, Self::Set];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::LocalRead => "local read",
            Self::QuorumRead => "quorum read",
            Self::Swap => "swap",
            Self::Set => "set",
        }
    }
}

/// Makes one call after the other with our client, with a key of its own.
#[derive(Debug)]
pub(super) struct Caller {
    kind: Kind,
    client: Client,
    key: String,
    index: u64,
    number: u64,
}

impl Caller {
    pub(super) fn new(arena: &Arena, kind: Kind, subject: &Subject, base: &str) -> Result<Self> {
        let (key, index) = prepare(arena, kind, base)?;
        Ok(Self { kind, client: Client::Ours(subject.clone()), key, index, number: 0 })
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn call(&mut self) -> Result<(), Failed> {
        self.number += 1;
        let value = format!("v{}", self.number);
        let what = match self.kind {
            Kind::LocalRead => What::LocalGet,
            Kind::QuorumRead => What::Get,
            Kind::Swap => What::Swap(self.index),
            Kind::Set => What::Set,
        };
        let ask = |what| self.client.ask(&Ask { what, key: &self.key, value: &value });
        let result = ask(what);
        let now = if self.kind == Kind::Swap && result.is_err() {
            // No other caller writes this key.
            ask(What::Get).ok()
        } else {
            result.as_ref().ok().cloned()
        };
        self.index = now.and_then(|now| now.index).unwrap_or(self.index);
        result.map(|_| ())
    }
}

/// The same with the plain client.
#[derive(Debug)]
pub(super) struct PlainCaller {
    kind: Kind,
    plain: Plain,
    key: String,
    index: u64,
    number: u64,
}

impl PlainCaller {
    pub(super) fn new(arena: &Arena, kind: Kind, url: &str, base: &str) -> Result<Self> {
        let (key, index) = prepare(arena, kind, base)?;
        Ok(Self { kind, plain: Plain::connect(url)?, key, index, number: 0 })
    }

    pub(super) fn call(&mut self) -> Result<()> {
        self.number += 1;
        let value = format!("v{}", self.number);
        match self.kind {
            Kind::LocalRead => self.plain.get(&self.key, "").map(|_| ()),
            Kind::QuorumRead => self.plain.get(&self.key, "?quorum=true").map(|_| ()),
            Kind::Swap => {
                let guard = format!("?prevIndex={}", self.index);
                self.index = self.plain.set(&self.key, &guard, &value)?;
                Ok(())
            }
            Kind::Set => self.plain.set(&self.key, "", &value).map(|_| ()),
        }
    }
}

/// The key of a caller, and the index at which it was created.
fn prepare(arena: &Arena, kind: Kind, base: &str) -> Result<(String, u64)> {
    let key = format!("{base}/{}", kind.name().replace(' ', "-"));
    let written = arena.observer().send(Set::new(&key, "v0"))?;
    Ok((key, written.index().context("a write without an index")?))
}
