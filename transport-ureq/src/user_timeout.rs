//! How long the system waits for acknowledgements before it gives up a connection.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use crate::call::Call;

/// The user timeout of a socket, `TCP_USER_TIMEOUT`.
///
/// Linux applies it also to a server that acknowledges every probe but has no room for more bytes. So
/// while a large request is sent, the limit of the call takes its place if that is longer.
#[derive(Debug)]
pub(crate) struct UserTimeout {
    /// The setting; `None` leaves it to the system.
    usual: Option<Duration>,
    /// What the socket was told last.
    told: Option<Duration>,
}

impl UserTimeout {
    /// That of a socket which was told so when it connected.
    pub(crate) const fn new(usual: Option<Duration>) -> Self {
        Self { usual, told: usual }
    }

    /// Tells the socket what holds for the request of this call.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn adjust(&mut self, stream: &TcpStream, call: &Call) -> io::Result<()> {
        let Some(usual) = self.usual else { return Ok(()) };
        let wanted = if call.room > ALWAYS_FITS { longer(usual, call.left()) } else { Some(usual) };
        if wanted != self.told {
            tell(stream, wanted)?;
            self.told = wanted;
        }
        Ok(())
    }
}

/// The longer of the usual timeout and what is left of the time, in whole seconds above, so that it is
/// always the call that ends first.
fn longer(usual: Duration, left: Option<Duration>) -> Option<Duration> {
    left.map(|left| usual.max(Duration::from_secs(left.as_secs().saturating_add(1))))
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn tell(stream: &TcpStream, timeout: Option<Duration>) -> io::Result<()> {
    socket2::SockRef::from(stream).set_tcp_user_timeout(timeout)
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
const fn tell(_: &TcpStream, _: Option<Duration>) -> io::Result<()> {
    Ok(())
}

/// How large a request may be that every server has room for, even if it reads nothing.
const ALWAYS_FITS: usize = 16 << 10;
