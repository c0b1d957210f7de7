//! A TCP socket whose blocking calls obey the limits and the interrupt of a [`Call`].

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process;
use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::Hook;

use crate::call::Call;
use crate::user_timeout::UserTimeout;

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Socket {
    /// Shared with a breaker while a call blocks, and with nobody else: dropping it closes it.
    stream: Arc<TcpStream>,
    /// The time limits that the operating system was told last.
    read_limit: Option<Duration>,
    write_limit: Option<Duration>,
    user_timeout: UserTimeout,
    /// The process that has connected it.
    process: u32,
}

impl Socket {
    /// A socket whose user timeout is this one.
    pub(crate) fn new(stream: TcpStream, user_timeout: Option<Duration>) -> Self {
        Self {
            stream: Arc::new(stream),
            read_limit: None,
            write_limit: None,
            user_timeout: UserTimeout::new(user_timeout),
            process: process::id(),
        }
    }

    /// Whether this process has connected it.
    ///
    /// After a fork, parent and child have the same connection. If both used it, each would read what was
    /// meant for the other.
    pub(crate) fn is_ours(&self) -> bool {
        self.process == process::id()
    }

    /// Writes all the bytes, and takes note when the first one leaves.
    ///
    /// # Errors
    /// When the connection breaks, or the call has to be given up.
    pub(crate) fn write(&mut self, mut bytes: &[u8], call: &mut Call) -> io::Result<()> {
        self.user_timeout.adjust(&self.stream, call)?;
        let mut patience = Patience::Rough;
        while !bytes.is_empty() {
            call.heed_time()?;
            patience.limit(call.left(), &mut self.write_limit, |limit| {
                self.stream.set_write_timeout(limit)
            })?;
            let hook = self.guard(call)?;
            let result = (&*self.stream).write(bytes);
            drop(hook);
            if let Ok(written @ 1..) = result {
                call.note_sent();
                bytes = &bytes[written..];
            }
            call.heed_interrupt()?;
            match result {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) if !is_pause(&error) => return Err(error),
                _ => patience = Patience::Exact,
            }
        }
        Ok(())
    }

    /// Waits for bytes from the server; 0 means that it closed its side.
    ///
    /// Bytes that are there count, even if no time is left.
    ///
    /// # Errors
    /// When the connection breaks, or the call has to be given up.
    pub(crate) fn read(&mut self, buffer: &mut [u8], call: &mut Call) -> io::Result<usize> {
        let mut patience = Patience::Rough;
        loop {
            let left = call.left();
            if left == Some(Duration::ZERO) {
                if self.is_quiet() {
                    return Err(call.time_out());
                }
                call.note_late_read()?;
            }
            patience
                .limit(left, &mut self.read_limit, |limit| self.stream.set_read_timeout(limit))?;
            let hook = self.guard(call)?;
            let result = (&*self.stream).read(buffer);
            drop(hook);
            call.heed_interrupt()?;
            match result {
                Err(error) if is_pause(&error) => patience = Patience::Exact,
                done => return done,
            }
        }
    }

    /// Whether the connection is open and the server has said nothing unasked.
    pub(crate) fn is_quiet(&self) -> bool {
        is_silence(self.peek())
    }

    #[cfg(unix)]
    fn peek(&self) -> io::Result<usize> {
        let socket = socket2::SockRef::from(&*self.stream);
        let mut byte = [std::mem::MaybeUninit::uninit()];
        socket.recv_with_flags(&mut byte, libc::MSG_PEEK | libc::MSG_DONTWAIT)
    }

    #[cfg(not(unix))]
    fn peek(&self) -> io::Result<usize> {
        self.without_waiting(|stream| stream.peek(&mut [0]))
    }

    /// Does what can be done with the connection at once.
    ///
    /// # Errors
    /// Those of `work`, and when the connection is of no use any more.
    #[cfg(any(feature = "tls", not(unix)))]
    pub(crate) fn without_waiting<T>(
        &self,
        work: impl FnOnce(&mut &TcpStream) -> io::Result<T>,
    ) -> io::Result<T> {
        self.stream.set_nonblocking(true)?;
        let result = work(&mut &*self.stream);
        self.stream.set_nonblocking(false)?;
        result
    }

    /// Lets the interrupt of the call shut this socket until the hook is dropped.
    fn guard(&self, call: &mut Call) -> io::Result<Option<Hook>> {
        if call.interrupt().is_never() {
            return Ok(None);
        }
        let (stream, process) = (Arc::clone(&self.stream), self.process);
        let hook = call.interrupt().on_interrupt(move || {
            // A process forked meanwhile has a copy of the hook, and must not shut the shared connection.
            if process == process::id() {
                // It fails if the connection is broken already, which is as good.
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
        // Asked once more with the breaker in place, so that nothing falls between the two.
        call.heed_interrupt()?;
        Ok(Some(hook))
    }
}

/// How exactly the operating system has to be told what is left of the time.
///
/// Telling it is a system call. A limit that is too short only wakes the thread early, so the first
/// wait makes do with what the socket was told for another request, unless that is far too short.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Rough,
    Exact,
}

impl Patience {
    fn limit(
        self,
        left: Option<Duration>,
        known: &mut Option<Duration>,
        tell: impl FnOnce(Option<Duration>) -> io::Result<()>,
    ) -> io::Result<()> {
        let left = left.map(|left| left.max(SHORTEST));
        if self == Self::Rough && is_roughly(*known, left) || *known == left {
            return Ok(());
        }
        // A little less than is left, so that the next request finds it good enough.
        let limit = left.map(|left| if self == Self::Rough { left - left / 16 } else { left });
        match tell(limit) {
            // What macOS says once the other side has closed; the wait ends at once anyway.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
            Err(error) => return Err(error),
            Ok(()) => *known = limit,
        }
        Ok(())
    }
}

fn is_roughly(known: Option<Duration>, left: Option<Duration>) -> bool {
    match (known, left) {
        (None, left) => left.is_none(),
        (Some(known), None) => known >= LONG,
        (Some(known), Some(left)) => known <= left && (known >= LONG || known >= left / 2),
    }
}

/// Whether there is nothing to read yet, which is what an idle connection ought to say.
pub(crate) fn is_silence<T>(result: io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// Whether nothing happened yet: the limit of the socket has passed, or a signal came.
fn is_pause(error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => true,
        // Elsewhere it is the operating system's word for a dead connection.
        io::ErrorKind::TimedOut => cfg!(windows),
        _ => false,
    }
}

/// The shortest limit to give to a socket, where zero would mean none.
const SHORTEST: Duration = Duration::from_millis(1);

/// An answer that takes longer is not delayed by a thread that wakes once for nothing.
const LONG: Duration = Duration::from_millis(50);
