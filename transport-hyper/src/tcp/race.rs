//! Connecting to whichever of several addresses answers first.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Sleep;

/// Tries the addresses in their order, a later one beside the earlier ones if those take long.
///
/// # Errors
/// The last failure, if no address can be reached.
pub(crate) async fn race(addresses: impl Iterator<Item = SocketAddr>) -> io::Result<TcpStream> {
    let mut race = Race { addresses, running: Vec::new(), head_start: None, failure: None };
    poll_fn(|context| race.poll(context)).await
}

struct Race<A> {
    addresses: A,
    running: Vec<Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>>,
    /// How long the latest one runs before the next one starts.
    head_start: Option<Pin<Box<Sleep>>>,
    failure: Option<io::Error>,
}

impl<A: Iterator<Item = SocketAddr>> Race<A> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        loop {
            let mut at = 0;
            while let Some(attempt) = self.running.get_mut(at) {
                match attempt.as_mut().poll(context) {
                    Poll::Ready(Ok(stream)) => return Poll::Ready(Ok(stream)),
                    Poll::Ready(Err(failure)) => {
                        self.failure = Some(failure);
                        self.head_start = None;
                        drop(self.running.remove(at));
                    }
                    Poll::Pending => at += 1,
                }
            }
            let waits = self.head_start.as_mut();
            if waits.is_some_and(|timer| timer.as_mut().poll(context).is_pending()) {
                return Poll::Pending;
            }
            match self.addresses.next() {
                Some(address) => {
                    self.running.push(Box::pin(TcpStream::connect(address)));
                    self.head_start = Some(Box::pin(tokio::time::sleep(HEAD_START)));
                }
                None if self.running.is_empty() => return Poll::Ready(Err(self.lost())),
                None => return Poll::Pending,
            }
        }
    }

    fn lost(&mut self) -> io::Error {
        let nobody = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        self.failure.take().unwrap_or_else(nobody)
    }
}

/// As RFC 8305 recommends.
const HEAD_START: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use tokio::time::Instant;

    use super::*;

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_refusal_the_next_address_is_tried_at_once() {
        let (_, closed) = listener();
        let (_open, open) = listener();
        let started = Instant::now();
        let stream = race([closed, open, closed].into_iter()).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        assert!(started.elapsed() < HEAD_START);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(start_paused = true)]
    async fn a_silent_address_does_not_hold_up_the_next_one() {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let silent = socket.local_addr().unwrap().as_socket().unwrap();
        // When the queue is full, nobody else is answered.
        let brief = Duration::from_millis(50);
        let _queue: Vec<_> =
            (0..3).map(|_| std::net::TcpStream::connect_timeout(&silent, brief)).collect();

        let (_open, open) = listener();
        let started = Instant::now();
        let stream = race([silent, open].into_iter()).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        assert!(started.elapsed() < 2 * HEAD_START);
    }

    #[tokio::test]
    async fn the_last_failure_is_told() {
        let (_, closed) = listener();
        let failure = race([closed, closed].into_iter()).await.unwrap_err();
        assert_eq!(failure.kind(), io::ErrorKind::ConnectionRefused);
        let failure = race([].into_iter()).await.unwrap_err();
        assert_eq!(failure.to_string(), "the name has no address");
    }
}
