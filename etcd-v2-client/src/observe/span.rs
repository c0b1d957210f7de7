//! The span of a call or a watch: with the feature `tracing` one that subscribers see, else nothing.

use etcd_v2_proto::{Action, bytes::Bytes, http::Request};

/// What all that happens in a call or a watch is told within.
///
/// It is entered for as long as a thread is at it, and never stays entered while a task waits.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
    /// Whether it says what is asked for.
    #[cfg(feature = "tracing")]
    named: bool,
}

impl Span {
    /// Takes note of what the conversation asks for next.
    pub(crate) fn asked<T>(&mut self, action: &Action<T>) {
        match action {
            Action::Send { request, .. } => self.sends(request),
            Action::Finish(Err(error)) => self.failed(error),
            _ => {}
        }
    }
}

#[cfg(feature = "tracing")]
impl Span {
    /// The span of this conversation.
    pub(crate) fn of<C>(_: &C) -> Self {
        use tracing::field::Empty;

        let span = tracing::debug_span!(
            target: super::traced::TARGET,
            "etcd",
            what = name::<C>(),
            method = Empty,
            path = Empty,
            outcome = Empty,
        );
        Self { span, named: false }
    }

    /// Whether anybody sees it.
    pub(crate) fn is_followed(&self) -> bool {
        !self.span.is_disabled()
    }

    fn sends(&mut self, request: &Request<Bytes>) {
        if !self.named && self.is_followed() {
            self.span.record("method", request.method().as_str());
            self.span.record("path", request.uri().path());
            self.named = true;
        }
    }

    fn failed(&self, error: &etcd_v2_proto::Error) {
        self.span.record("outcome", tracing::field::display(error.outcome()));
    }

    /// Does some work within the span.
    pub(crate) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        self.span.in_scope(work)
    }

    /// Does the work of a future within the span, each time it is polled.
    pub(crate) fn around<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        tracing::Instrument::instrument(future, self.span)
    }
}

#[cfg(not(feature = "tracing"))]
impl Span {
    pub(crate) const fn of<C>(_: &C) -> Self {
        Self {}
    }

    pub(crate) const fn is_followed(&self) -> bool {
        false
    }

    const fn sends(&mut self, _: &Request<Bytes>) {}

    const fn failed(&self, _: &etcd_v2_proto::Error) {}

    pub(crate) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        work()
    }

    pub(crate) fn around<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        future
    }
}

/// The last name of a type, or of the request if it is a call or an exchange.
#[cfg(feature = "tracing")]
fn name<C>() -> &'static str {
    let name = std::any::type_name::<C>();
    let inner = |of: &str| name.split_once(of).map(|(_, request)| request);
    let name = inner("::Call<").or_else(|| inner("::Exchange<")).unwrap_or(name);
    let name = name.split(['<', '>']).next().unwrap_or(name);
    name.rsplit(['&', ':', ' ']).next().unwrap_or(name)
}
