//! Servers that never stop sending: the task yields, and what goes on without an end is an error.

use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use etcd_v2_proto::{AsyncTransport, Cause, Interrupt, Stage, Timing};
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use tower_service::Service;
use transport_hyper::HyperTransport;

use crate::{get_at, put_at};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const URL: &str = "http://etcd.test/";
/// The most that one poll may read.
const AT_ONCE: usize = 256 << 10;
/// A server that is read from for so long is never left.
const ENDLESS: usize = 8 << 20;

/// A server that is always ready to be read from: a head, and a pattern without an end.
#[derive(Clone)]
struct Flood {
    head: &'static str,
    pattern: &'static str,
    served: Arc<AtomicUsize>,
    /// Who waits for the request to be written, until it is.
    waits: Arc<Mutex<Option<Waker>>>,
    is_asked: Arc<AtomicBool>,
}

impl Flood {
    fn new(head: &'static str, pattern: &'static str) -> Self {
        Self {
            head,
            pattern,
            served: Arc::default(),
            waits: Arc::default(),
            is_asked: Arc::default(),
        }
    }

    fn transport(&self) -> HyperTransport {
        HyperTransport::builder().connector(self.clone()).build()
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

impl Service<Uri> for Flood {
    type Response = Self;
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        ready(Ok(self.clone()))
    }
}

impl Read for Flood {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let served = self.served();
        if served >= ENDLESS || !self.is_asked.load(Ordering::SeqCst) {
            *self.waits.lock().unwrap() = Some(context.waker().clone());
            return Poll::Pending;
        }
        let length = cursor.remaining().min(8 << 10);
        let (head, pattern) = (self.head.bytes(), self.pattern.bytes().cycle());
        let bytes: Vec<u8> = head.chain(pattern).skip(served).take(length).collect();
        cursor.put_slice(&bytes);
        self.served.fetch_add(bytes.len(), Ordering::SeqCst);
        Poll::Ready(Ok(()))
    }
}

impl Write for Flood {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.is_asked.store(true, Ordering::SeqCst);
        if let Some(waker) = self.waits.lock().unwrap().take() {
            waker.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Polls until it is ready, and fails if one poll reads more than it may.
async fn step_by_step<F: Future>(flood: &Flood, future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        let before = flood.served();
        let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let read = flood.served() - before;
        assert!(read <= AT_ONCE, "{read} bytes in one poll: {}{}", flood.head, flood.pattern);
        assert!(flood.served() < ENDLESS, "endless: {}{}", flood.head, flood.pattern);
        match polled {
            Poll::Ready(output) => return output,
            Poll::Pending => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
async fn informational_responses_without_an_end_are_an_error() {
    for pattern in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
    ] {
        let flood = Flood::new("", pattern);
        let transport = flood.transport();
        let never = Interrupt::never();
        let sending = transport.send(put_at(URL), Timing::default(), &never);
        let failure = step_by_step(&flood, sending).await.map(|(head, _)| head).unwrap_err();
        assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
        let text = "connection broke: the server sent more than 65536 bytes of informational responses \
                    (1xx) and no response";
        assert_eq!(failure.to_string(), text);
    }
}

#[tokio::test]
async fn a_few_informational_responses_are_skipped() {
    let head = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n\
                HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let transport = Flood::new(head, "").transport();
    assert_eq!(crate::ask(&transport, get_at(URL)).await.unwrap().1, "ok");
}

#[tokio::test]
async fn framing_without_an_end_is_an_error() {
    for (pattern, text) in [
        ("0", "more than 65536 bytes of chunk sizes, extensions or trailers without data"),
        ("000000000000000a\n", "invalid"),
        ("5 ", "Invalid chunk size"),
        (" ", "missing size digit"),
        ("5;x", "chunk extensions over limit"),
        ("0\r\nA: b\r\n", "trailers"),
        ("+55\r\n", "missing size digit"),
        ("-5\r\n", "missing size digit"),
        ("0x5\r\n", "Invalid Size"),
        ("fffffffffffffffff\r\n", "overflow"),
    ] {
        framing_fails(Flood::new(CHUNKED, pattern), text).await;
    }
    let spaces = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5";
    let text = "more than 65536 bytes of chunk sizes, extensions or trailers without data";
    for pattern in [" ", "\t"] {
        framing_fails(Flood::new(spaces, pattern), text).await;
    }
}

async fn framing_fails(flood: Flood, text: &str) {
    let transport = flood.transport();
    let never = Interrupt::never();
    let sending = transport.send(get_at(URL), Timing::default(), &never);
    let (_, mut body) = step_by_step(&flood, sending).await.unwrap();
    let failure = loop {
        let piece = poll_fn(|context| body.poll_chunk(context, None));
        match step_by_step(&flood, piece).await {
            Ok(piece) => assert!(piece.is_some(), "{}", flood.pattern),
            Err(failure) => break failure,
        }
    };
    assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
    let told = failure.to_string().to_lowercase();
    assert!(told.contains(&text.to_lowercase()), "{}: {told}", flood.pattern);
}

#[tokio::test]
async fn a_task_that_reads_tiny_pieces_yields() {
    for pattern in ["1\r\nx\r\n", "2\r\nxy\r\n", "1;x\r\nx\r\n", "00000001\r\nx\r\n"] {
        let flood = Flood::new(CHUNKED, pattern);
        let transport = flood.transport();
        let never = Interrupt::never();
        let (_, mut body) = transport.send(get_at(URL), Timing::default(), &never).await.unwrap();
        let mut pieces = 0;
        while pieces < 1000 {
            let mut at_once = 0;
            poll_fn(|context| {
                // As the loop of a client does.
                while let Poll::Ready(piece) = body.poll_chunk(context, None) {
                    assert!(piece.unwrap().is_some());
                    at_once += 1;
                    assert!(at_once <= 64, "{pattern}");
                }
                Poll::Ready(())
            })
            .await;
            pieces += at_once;
            tokio::task::yield_now().await;
        }
    }
}
