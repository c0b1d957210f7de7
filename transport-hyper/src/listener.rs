//! Who polled a connection last, and is woken when there is more to do.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// The waker that hyper gets for all who poll a connection.
///
/// It is not that of the one who polls: to hand a request over, or to take a piece of a body, would wake, for nothing,
/// the very task that does so.
#[derive(Default)]
pub(crate) struct Listener(Mutex<State>);

#[derive(Default)]
struct State {
    waker: Option<Waker>,
    attention: Attention,
}

/// What becomes of a call for the listener.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Attention {
    /// Nothing: it has left, or will poll again by itself.
    #[default]
    Nowhere,
    /// It is remembered.
    Elsewhere { called: bool },
    /// It is heard.
    Here,
}

impl Listener {
    /// This one polls.
    pub(crate) fn listen(&self, waker: &Waker) {
        let mut state = self.lock();
        match &mut state.waker {
            Some(listener) => listener.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        state.attention = Attention::Here;
    }

    /// It does something for which it need not be called.
    pub(crate) fn turn_away(&self) {
        self.lock().attention = Attention::Elsewhere { called: false };
    }

    /// Nothing has come of that, so a call meanwhile was about something else.
    pub(crate) fn turn_back(&self) {
        let mut state = self.lock();
        let was = std::mem::replace(&mut state.attention, Attention::Here);
        let called = was == Attention::Elsewhere { called: true };
        wake(state, called);
    }

    /// It does not want to be called any more.
    pub(crate) fn leave(&self) {
        let mut state = self.lock();
        state.attention = Attention::Nowhere;
        let waker = state.waker.take();
        // Wakers are others' code, so as little as possible of that is run under the lock.
        drop(state);
        drop(waker);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Listener {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.lock();
        if let Attention::Elsewhere { called } = &mut state.attention {
            *called = true;
        }
        let is_here = state.attention == Attention::Here;
        wake(state, is_here);
    }
}

fn wake(mut state: MutexGuard<'_, State>, really: bool) {
    let waker = if really { state.waker.take() } else { None };
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Context;

    use bytes::Bytes;
    use etcd_v2_proto::AsyncBody;
    use http::uri::{Authority, Scheme};
    use http::{Request, Version};
    use hyper::client::conn::http1::handshake;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::runtime::Handle;

    use super::*;
    use crate::body::Body;
    use crate::connection::{Connection, Origin};
    use crate::outgoing::{self, Outgoing};
    use crate::pool::{Limits, Pool};
    use crate::socket::Socket;

    /// How often a task was woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Woken {
        fn times(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    async fn connect() -> (DuplexStream, Box<Connection>) {
        let (server, stream) = duplex(1024);
        let stream = Socket::new(TokioIo::new(stream));
        let socket = stream.inner().state();
        let (sender, speaker) = handshake(stream).await.unwrap();
        let origin =
            Origin { scheme: Scheme::HTTP, authority: Authority::from_static("etcd.test") };
        let speaker = Box::pin(speaker);
        let mut connection = Connection::new(origin, Handle::current(), socket, sender, speaker);
        connection.max_head = 1024;
        (server, connection)
    }

    fn request() -> Request<Outgoing> {
        let request = Request::get("http://etcd.test/").body(Bytes::new()).unwrap();
        outgoing::split(request, None).unwrap().1
    }

    #[tokio::test]
    async fn only_an_answer_wakes_who_waits_for_it() {
        let (mut server, mut connection) = connect().await;
        let woken = Arc::<Woken>::default();
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        for number in 0..3 {
            {
                let mut sent = pin!(connection.send(request()));
                let mut answer = pin!(connection.answer(sent.as_mut()));
                assert!(answer.as_mut().poll(&mut context).is_pending());
                assert_eq!(woken.times(), number, "handing it over wakes nobody");
                assert!(server.read(&mut [0; 1024]).await.unwrap() > 0);
                server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
                assert_eq!(woken.times(), number + 1);
                assert!(answer.as_mut().poll(&mut context).is_ready());
            }
            assert!(connection.is_ready());
            connection.rest();
        }
        drop(server);
        assert_eq!(woken.times(), 3, "who has left is not woken either");
        assert!(!connection.is_still_ready());
    }

    #[tokio::test]
    async fn only_a_piece_wakes_who_waits_for_it() {
        let (mut server, mut connection) = connect().await;
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let response = {
            let mut sent = pin!(connection.send(request()));
            let mut answer = pin!(connection.answer(sent.as_mut()));
            assert!(answer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            server.write_all(head).await.unwrap();
            answer.await.ok().unwrap()
        };
        let limits = Limits { max_idle: 1, max_idle_per_origin: 1, idle_timeout: None };
        let pool = Arc::new(Pool::new(limits));
        let mut body = Body::new(response.into_body(), connection, &pool, Version::HTTP_11, None);
        let woken = Arc::<Woken>::default();
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        for number in 0..3 {
            assert!(body.poll_chunk(&mut context, None).is_pending());
            assert_eq!(woken.times(), number, "taking one wakes nobody");
            server.write_all(b"2\r\nhi\r\n").await.unwrap();
            assert_eq!(woken.times(), number + 1);
            assert!(body.poll_chunk(&mut context, None).is_ready());
        }
        assert!(body.poll_chunk(&mut context, None).is_pending());
        server.write_all(b"0\r\n\r\n").await.unwrap();
        assert!(body.poll_chunk(&mut context, None).is_ready());
        assert_eq!(woken.times(), 4);
        assert!(format!("{pool:?}").contains("idle: 1"));
    }
}
