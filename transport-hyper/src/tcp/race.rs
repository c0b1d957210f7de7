//! Connecting to the first of several addresses that accepts.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

/// Tries the addresses in their order: the next one at once after a failure, and beside the earlier ones when these
/// have not answered for a while. That while is so short that the last address has half of `limit` left.
///
/// # Errors
/// The last failure, if no address accepts.
pub(crate) async fn race(
    addresses: Vec<SocketAddr>,
    limit: Option<Duration>,
) -> io::Result<(TcpStream, SocketAddr)> {
    let head_start = head_start(addresses.len(), limit.unwrap_or(USUAL_LIMIT));
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut attempts = Vec::with_capacity(addresses.len());
    for address in addresses {
        attempts.push(Box::pin(connect(address)));
        match tokio::time::timeout(head_start, first(&mut attempts)).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) => failure = error,
            Err(_) => {}
        }
    }
    while !attempts.is_empty() {
        match first(&mut attempts).await {
            Ok(connected) => return Ok(connected),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The first attempt that ends, which is removed.
async fn first<F: Future>(attempts: &mut Vec<Pin<Box<F>>>) -> F::Output {
    poll_fn(|context| {
        let ended = attempts.iter_mut().enumerate().find_map(|(at, attempt)| {
            match attempt.as_mut().poll(context) {
                Poll::Ready(output) => Some((at, output)),
                Poll::Pending => None,
            }
        });
        let Some((at, output)) = ended else { return Poll::Pending };
        drop(attempts.remove(at));
        Poll::Ready(output)
    })
    .await
}

/// # Errors
/// When the address does not accept the connection.
pub(crate) async fn connect(address: SocketAddr) -> io::Result<(TcpStream, SocketAddr)> {
    Ok((refuse_itself(TcpStream::connect(address).await?)?, address))
}

/// For a port without a listener, the system may choose that same port for the socket that connects to it, and connect
/// the socket to itself.
pub(crate) fn refuse_itself(stream: TcpStream) -> io::Result<TcpStream> {
    if stream.local_addr()? == stream.peer_addr()? {
        // A reset frees the port at once, for the server that may be about to start.
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        return Err(io::Error::new(io::ErrorKind::ConnectionRefused, TO_ITSELF));
    }
    Ok(stream)
}

fn head_start(addresses: usize, limit: Duration) -> Duration {
    let others = u32::try_from(addresses.saturating_sub(1)).unwrap_or(u32::MAX).max(1);
    RECOMMENDED.min(limit / 2 / others)
}

/// As RFC 8305 recommends.
const RECOMMENDED: Duration = Duration::from_millis(250);

/// Where the limit for connecting is not known.
const USUAL_LIMIT: Duration = Duration::from_secs(1);

const TO_ITSELF: &str = "connection refused: nothing listens there, so the system connected the \
                         socket to itself";
