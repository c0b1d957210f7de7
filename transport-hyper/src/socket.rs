//! The socket of a connection: hyper reads and writes it, and the transport can look at it meanwhile.

use std::any::Any;
use std::io::{self, IoSlice, Read as _};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, Socket as RawSocket};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::yield_now;

use crate::user_timeout::{UserTimeout, explained};

/// The stream of a connector, with a limit on how much is read at a time.
///
/// A TCP stream of tokio is written without `SIGPIPE`, which would end a process that has its default. It can
/// also be looked at. Any other stream is used as it is.
pub(crate) struct Socket<S> {
    stream: Stream<S>,
    state: Arc<SocketState>,
}

enum Stream<S> {
    /// This half does for writing, too: that does not change the stream.
    Tcp(OwnedReadHalf, UserTimeout),
    /// Never `None`: only a TCP stream is taken.
    Other(Option<TokioIo<S>>),
}

/// What a connection shares with the socket that hyper owns.
pub(crate) struct SocketState {
    /// The other half, only to look at.
    tcp: Option<OwnedWriteHalf>,
    /// How many bytes may still be read before the task has to yield.
    allowance: AtomicUsize,
    /// How many bytes were read in all; it may wrap around.
    received: AtomicUsize,
    /// Whether to read what is there, even if the runtime has not heard of it.
    is_direct: AtomicBool,
    /// Whether nothing of the present request was written yet.
    is_new_request: AtomicBool,
}

impl<S: Read + Write + Unpin + 'static> Socket<S> {
    pub(crate) fn new(stream: S) -> TokioIo<Self> {
        let mut stream = Some(stream);
        let tcp = (&mut stream as &mut dyn Any).downcast_mut::<Option<TokioIo<TcpStream>>>();
        let (stream, tcp) = match tcp.and_then(Option::take) {
            Some(tcp) => {
                let tcp = tcp.into_inner();
                let user_timeout = UserTimeout::of(&tcp);
                let (read, write) = tcp.into_split();
                (Stream::Tcp(read, user_timeout), Some(write))
            }
            None => (Stream::Other(stream.map(TokioIo::new)), None),
        };
        let state = SocketState {
            tcp,
            // A handshake ends by itself.
            allowance: AtomicUsize::new(usize::MAX),
            received: AtomicUsize::new(0),
            is_direct: AtomicBool::new(false),
            is_new_request: AtomicBool::new(false),
        };
        TokioIo::new(Self { stream, state: Arc::new(state) })
    }
}

impl<S> Socket<S> {
    pub(crate) fn state(&self) -> Arc<SocketState> {
        Arc::clone(&self.state)
    }
}

impl SocketState {
    /// Whether there is nothing to read, not even an end. `None` if only reading can tell.
    pub(crate) fn is_quiet(&self) -> Option<bool> {
        let peeked = SockRef::from(self.tcp()?).peek(&mut [MaybeUninit::uninit()]);
        Some(peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock))
    }

    /// The socket, if it is a TCP stream of tokio.
    pub(crate) fn tcp(&self) -> Option<&TcpStream> {
        self.tcp.as_ref().map(AsRef::as_ref)
    }

    /// Begins the next turn of reading and writing.
    pub(crate) fn begin_turn(&self) {
        self.allowance.store(TURN, Ordering::Relaxed);
    }

    /// The next bytes that are written are the first ones of a request.
    pub(crate) fn begin_request(&self) {
        self.is_new_request.store(true, Ordering::Relaxed);
    }

    // There is one writer, so nothing is lost between loading and storing.
    fn take_new_request(&self) -> bool {
        let is_new = self.is_new_request.load(Ordering::Relaxed);
        if is_new {
            self.is_new_request.store(false, Ordering::Relaxed);
        }
        is_new
    }

    /// Does something for which all counts that the socket holds by now.
    pub(crate) fn read_directly<T>(&self, act: impl FnOnce() -> T) -> T {
        self.is_direct.store(true, Ordering::Relaxed);
        let done = act();
        self.is_direct.store(false, Ordering::Relaxed);
        done
    }

    /// How many bytes were read in all; it may wrap around.
    pub(crate) fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }

    // There is one reader, so nothing is lost between loading and storing.
    fn count(&self, bytes: usize) {
        let left = self.allowance.load(Ordering::Relaxed).saturating_sub(bytes.max(LEAST_COST));
        self.allowance.store(left, Ordering::Relaxed);
        self.received.store(self.received().wrapping_add(bytes), Ordering::Relaxed);
    }
}

impl<S: Read + Unpin> AsyncRead for Socket<S> {
    // Mostly it has nothing to do, several times for each request.
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, state } = &mut *self;
        if state.allowance.load(Ordering::Relaxed) == 0 {
            // The runtime serves its timers and the other tasks before it wakes this one.
            return pin!(yield_now()).poll(context).map(Ok);
        }
        let before = buffer.filled().len();
        match stream {
            Stream::Tcp(tcp, _) => {
                let is_direct = state.is_direct.load(Ordering::Relaxed);
                if !is_direct || !read_now(tcp.as_ref(), buffer).map_err(explained)? {
                    ready!(Pin::new(&mut *tcp).poll_read(context, buffer)).map_err(explained)?;
                }
            }
            Stream::Other(other) => ready!(pinned(other)?.poll_read(context, buffer))?,
        }
        state.count(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: Write + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, state } = &mut *self;
        match stream {
            Stream::Tcp(tcp, user_timeout) => {
                let tcp = tcp.as_ref();
                if state.take_new_request() {
                    user_timeout.begin_request(tcp);
                }
                let sent = send(tcp, context, |socket| socket.send_with_flags(bytes, FLAGS));
                user_timeout.note_written(tcp, sent)
            }
            Stream::Other(other) => pinned(other)?.poll_write(context, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Tcp(..) => true,
            Stream::Other(other) => other.as_ref().is_some_and(AsyncWrite::is_write_vectored),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, state } = &mut *self;
        match stream {
            Stream::Tcp(tcp, user_timeout) => {
                let tcp = tcp.as_ref();
                if state.take_new_request() {
                    user_timeout.begin_request(tcp);
                }
                let sent =
                    send(tcp, context, |socket| socket.send_vectored_with_flags(slices, FLAGS));
                user_timeout.note_written(tcp, sent)
            }
            Stream::Other(other) => pinned(other)?.poll_write_vectored(context, slices),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            // TCP has nothing to flush.
            Stream::Tcp(..) => Poll::Ready(Ok(())),
            Stream::Other(other) => pinned(other)?.poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            // One that has ended need not be ended.
            Stream::Tcp(tcp, _) => {
                Poll::Ready(match SockRef::from(tcp.as_ref()).shutdown(Shutdown::Write) {
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                    ended => ended,
                })
            }
            Stream::Other(other) => pinned(other)?.poll_shutdown(context),
        }
    }
}

/// The stream, pinned.
fn pinned<S: Unpin>(stream: &mut Option<S>) -> io::Result<Pin<&mut S>> {
    stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
}

/// Reads without asking the runtime whether there is something, and says whether there was.
fn read_now(tcp: &TcpStream, buffer: &mut ReadBuf<'_>) -> io::Result<bool> {
    let mut bytes = [0; DIRECT];
    let room = buffer.remaining().min(DIRECT);
    let socket = SockRef::from(tcp);
    match (&mut &*socket).read(&mut bytes[..room]) {
        Ok(amount) => {
            buffer.put_slice(&bytes[..amount]);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes when the socket takes something.
fn send(
    tcp: &TcpStream,
    context: &mut Context<'_>,
    write: impl Fn(&RawSocket) -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(tcp.poll_write_ready(context))?;
        match tcp.try_io(Interest::WRITABLE, || write(&SockRef::from(tcp))) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            written => return Poll::Ready(written),
        }
    }
}

/// Where there is no such flag, the standard library and tokio set an option of the socket instead.
#[cfg(any(
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "illumos",
    target_os = "linux",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "solaris",
))]
const FLAGS: libc::c_int = libc::MSG_NOSIGNAL;
#[cfg(not(any(
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "illumos",
    target_os = "linux",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "solaris",
)))]
const FLAGS: std::ffi::c_int = 0;

/// How many bytes are read before the task yields. A healthy response stays below: hyper reads no further than to
/// the next piece.
const TURN: usize = 16 << 10;
/// What a read costs of that at least.
const LEAST_COST: usize = 512;
/// How many bytes are read directly at a time.
const DIRECT: usize = 4096;
