//! A subscriber that keeps everything it is told.

use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

pub(super) type Fields = HashMap<&'static str, String>;

/// Keeps what this client tells; of others only the spans that a test itself makes.
#[derive(Clone, Debug, Default)]
pub(super) struct Collector {
    told: Arc<Mutex<Told>>,
}

#[derive(Debug, Default)]
struct Told {
    /// Numbered from 1.
    spans: Vec<Spanned>,
    events: Vec<Happened>,
    /// In which spans each thread is, the innermost last.
    entered: HashMap<ThreadId, Vec<u64>>,
    /// All texts at all.
    text: String,
}

/// A span, as far as it is known.
#[derive(Clone, Debug)]
pub(super) struct Spanned {
    pub(super) name: &'static str,
    pub(super) level: Level,
    pub(super) fields: Fields,
    pub(super) parent: Option<u64>,
}

/// An event.
#[derive(Clone, Debug)]
pub(super) struct Happened {
    pub(super) target: &'static str,
    pub(super) level: Level,
    pub(super) fields: Fields,
    /// The innermost span around it.
    pub(super) span: Option<u64>,
}

impl Happened {
    pub(super) fn message(&self) -> &str {
        self.fields.get("message").map_or("", String::as_str)
    }

    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

impl Collector {
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All spans, in order of their numbers; no thread may be in one any more.
    pub(super) fn spans(&self) -> Vec<Spanned> {
        assert!(self.is_left(), "still entered: {self:?}");
        self.lock().spans.clone()
    }

    /// Whether no thread is in a span.
    pub(super) fn is_left(&self) -> bool {
        self.lock().entered.values().all(Vec::is_empty)
    }

    pub(super) fn events(&self) -> Vec<Happened> {
        self.lock().events.clone()
    }

    /// Everything that was told, whatever for.
    pub(super) fn text(&self) -> String {
        self.lock().text.clone()
    }
}

impl Told {
    fn read(&mut self, record: impl FnOnce(&mut dyn Visit)) -> Fields {
        let mut texts = Texts(Fields::new());
        record(&mut texts);
        for (name, text) in &texts.0 {
            writeln!(self.text, "{name}={text}").unwrap();
        }
        texts.0
    }

    fn innermost(&self) -> Option<u64> {
        self.entered.get(&thread::current().id())?.last().copied()
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("etcd_v2_client") || metadata.target() == "test"
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut told = self.lock();
        let fields = told.read(|visit| span.record(visit));
        let parent =
            if span.is_contextual() { told.innermost() } else { span.parent().map(Id::into_u64) };
        let metadata = span.metadata();
        let (name, level) = (metadata.name(), *metadata.level());
        told.spans.push(Spanned { name, level, fields, parent });
        Id::from_u64(told.spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut told = self.lock();
        let fields = told.read(|visit| values.record(visit));
        let own = &mut told.spans[span.into_u64() as usize - 1].fields;
        for (name, text) in fields {
            assert_eq!(own.insert(name, text), None, "{name} twice");
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut told = self.lock();
        let fields = told.read(|visit| event.record(visit));
        let span =
            if event.is_contextual() { told.innermost() } else { event.parent().map(Id::into_u64) };
        let (target, level) = (event.metadata().target(), *event.metadata().level());
        told.events.push(Happened { target, level, fields, span });
    }

    fn enter(&self, span: &Id) {
        self.lock().entered.entry(thread::current().id()).or_default().push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        let mut told = self.lock();
        let left = told.entered.get_mut(&thread::current().id()).and_then(Vec::pop);
        assert_eq!(left, Some(span.into_u64()), "left out of turn, or on another thread");
    }
}

struct Texts(Fields);

impl Visit for Texts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
