//! The step in flight of an asynchronous conversation that lasts.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use etcd_v2_proto::{AsyncRun, AsyncTransport, Error, Interrupt};

use crate::shared::{Lasting, Learning};

/// Carries a conversation on, one item at a time.
///
/// The step in flight belongs to it and not to whoever asked for it, so that dropping the question loses
/// neither the connection nor the timer.
pub(crate) enum Flight<C: Lasting> {
    Idle(Run<C>),
    Asked(Step<C>),
    Over,
}

type Run<C> = Box<AsyncRun<Learning<C>>>;
type Step<C> = Pin<
    Box<dyn Future<Output = (Run<C>, Option<<C as etcd_v2_proto::Conversation>::Item>)> + Send>,
>;

impl<T, C> Flight<C>
where
    C: Lasting<Item = Result<T, Error>> + Send + 'static,
    T: Send + 'static,
{
    pub(crate) fn new(
        talk: Learning<C>,
        transport: &Arc<dyn AsyncTransport>,
        interrupt: &Interrupt,
    ) -> Self {
        Self::Idle(Box::new(AsyncRun::new(talk, Arc::clone(transport), interrupt.clone())))
    }

    /// The next item; none after the end.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, Error>>> {
        loop {
            match self {
                Self::Idle(_) => {
                    let Self::Idle(mut run) = std::mem::replace(self, Self::Over) else { continue };
                    run.conversation().reroute();
                    let span = run.conversation().span();
                    *self = Self::Asked(Box::pin(span.around(async move {
                        let item = run.next().await.map(|item| item?);
                        (run, item)
                    })));
                }
                Self::Asked(step) => {
                    let (run, item) = ready!(step.as_mut().poll(context));
                    *self = if item.is_none() { Self::Over } else { Self::Idle(run) };
                    return Poll::Ready(item);
                }
                Self::Over => return Poll::Ready(None),
            }
        }
    }
}

impl<C: Lasting> Flight<C> {
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    /// Where it is, for people.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Idle(_) => "idle",
            Self::Asked(_) => "in flight",
            Self::Over => "over",
        }
    }
}
