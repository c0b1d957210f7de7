//! The connection race: attempts to the addresses of a host overlap, and the first connection wins.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;

use crate::call::Call;

/// The addresses that won the latest races, to be tried first in the next ones.
#[derive(Debug, Default)]
pub(crate) struct Winners(Mutex<HashSet<SocketAddr>>);

impl Winners {
    /// Connects to one of the addresses of a host, within the call's limit for that.
    ///
    /// The next attempt starts when one has failed, or after a pause that leaves time for all of them.
    ///
    /// # Errors
    /// When no address takes the connection, or no time is left.
    pub(crate) fn connect(
        &self,
        mut addresses: Vec<SocketAddr>,
        call: &mut Call,
    ) -> io::Result<TcpStream> {
        if addresses.len() > 1 {
            let winners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            addresses.sort_by_key(|address| !winners.contains(address));
        }
        let (winner, stream) = Race::new(&addresses, call)?.run(call)?;
        if addresses.len() > 1 {
            let mut winners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !winners.contains(&winner) || winner != addresses[0] {
                if winners.len() >= MOST_WINNERS {
                    winners.clear();
                }
                addresses.iter().for_each(|address| {
                    winners.remove(address);
                });
                winners.insert(winner);
            }
        }
        Ok(stream)
    }
}

struct Race<'a> {
    poll: Poll,
    untried: std::slice::Iter<'a, SocketAddr>,
    attempts: Vec<Attempt>,
    /// How long to wait before the next attempt starts.
    pause: Duration,
    /// When the next attempt starts, if the running ones neither fail nor succeed before.
    next: Instant,
    /// Why the latest attempt failed.
    error: io::Error,
}

struct Attempt {
    address: SocketAddr,
    stream: mio::net::TcpStream,
    token: Token,
}

impl<'a> Race<'a> {
    fn new(addresses: &'a [SocketAddr], call: &mut Call) -> io::Result<Self> {
        // With half of the time for the starts, even the last attempt has the other half.
        let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let pause = call.left_to_connect()?.map_or(PAUSE, |left| PAUSE.min(left / 2 / count));
        Ok(Self {
            poll: Poll::new()?,
            untried: addresses.iter(),
            attempts: Vec::new(),
            pause,
            next: Instant::now(),
            error: io::Error::new(ErrorKind::NotFound, "the name has no address"),
        })
    }

    fn run(mut self, call: &mut Call) -> io::Result<(SocketAddr, TcpStream)> {
        let mut events = Events::with_capacity(16);
        loop {
            while self.attempts.is_empty() || Instant::now() >= self.next {
                let Some(address) = self.untried.next() else { break };
                self.start(*address);
            }
            if self.attempts.is_empty() {
                return Err(self.error);
            }
            let left = call.time_to_connect();
            match self.poll.poll(&mut events, self.wait(left)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                if let Some(won) = self.look_at(event.token()) {
                    return Ok(won);
                }
            }
            // What had connected by then has counted.
            if left == Some(Duration::ZERO) {
                return Err(call.time_out());
            }
        }
    }

    /// How long to wait for the running attempts.
    fn wait(&self, left: Option<Duration>) -> Option<Duration> {
        let next = self.next.saturating_duration_since(Instant::now());
        let next = (self.untried.len() > 0).then_some(next);
        left.into_iter().chain(next).min()
    }

    fn start(&mut self, address: SocketAddr) {
        self.next = Instant::now() + self.pause;
        let token = Token(self.untried.len());
        let attempt = mio::net::TcpStream::connect(address).and_then(|mut stream| {
            self.poll.registry().register(&mut stream, token, Interest::WRITABLE)?;
            Ok(Attempt { address, stream, token })
        });
        match attempt {
            Ok(attempt) => self.attempts.push(attempt),
            Err(error) => self.fail(error),
        }
    }

    /// The connection of an attempt, if it is there.
    fn look_at(&mut self, token: Token) -> Option<(SocketAddr, TcpStream)> {
        let index = self.attempts.iter().position(|attempt| attempt.token == token)?;
        match self.attempts[index].progress() {
            Ok(false) => return None,
            Ok(true) => {
                let Attempt { address, mut stream, .. } = self.attempts.swap_remove(index);
                let _ = self.poll.registry().deregister(&mut stream);
                match blocking(stream) {
                    Ok(stream) => return Some((address, stream)),
                    Err(error) => self.fail(error),
                }
            }
            Err(error) => {
                self.attempts.swap_remove(index);
                self.fail(error);
            }
        }
        None
    }

    fn fail(&mut self, error: io::Error) {
        self.error = error;
        self.next = Instant::now();
    }
}

impl Attempt {
    /// Whether it has connected.
    fn progress(&self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A socket whose calls block, if there is a server at its other end.
fn blocking(stream: mio::net::TcpStream) -> io::Result<TcpStream> {
    let stream = TcpStream::from(stream);
    refuse_itself(&stream)?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// Treats a socket that has connected to itself as refused.
///
/// On a port of the ephemeral range on which nothing listens, the system may give the port that a socket
/// connects to as its own. Such a connection echoes the request.
fn refuse_itself(stream: &TcpStream) -> io::Result<()> {
    if stream.local_addr()? != stream.peer_addr()? {
        return Ok(());
    }
    // A reset frees the port at once, for the server that may be about to start.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
    let text = "connection refused: nothing listens on this port, and the system connected the socket \
                to itself";
    Err(io::Error::new(ErrorKind::ConnectionRefused, text))
}

/// How long to wait for an address before the next one is tried, as RFC 8305 has it.
const PAUSE: Duration = Duration::from_millis(250);

/// How many winners to remember.
const MOST_WINNERS: usize = 1024;

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use etcd_v2_proto::{Interrupt, Timing};
    use socket2::{Domain, Socket, Type};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn call(limit: Option<Duration>) -> Call {
        Call::to_send(Timing::new(limit, None), &Interrupt::never(), false, 0)
    }

    /// An address at which connecting takes for ever: its listener accepts nothing, and its queue is full.
    struct Silent {
        address: SocketAddr,
        _listener: Socket,
        _queue: Vec<TcpStream>,
    }

    fn silent() -> Silent {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut queue = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            queue.push(stream);
        }
        Silent { address, _listener: listener, _queue: queue }
    }

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[test]
    fn server_behind_several_silent_addresses_is_reached_within_the_limit() {
        let silent: Vec<Silent> = (0..7).map(|_| silent()).collect();
        let (_listener, good) = listener();
        for (before, limit) in [(1, LONG), (3, LONG), (7, LONG), (7, Duration::from_secs(2))] {
            let mut addresses: Vec<_> =
                silent[..before].iter().map(|silent| silent.address).collect();
            addresses.push(good);
            let began = Instant::now();
            let stream = Winners::default().connect(addresses, &mut call(Some(limit))).unwrap();
            assert_eq!(stream.peer_addr().unwrap(), good);
            assert!(began.elapsed() < limit, "{before} before: {:?}", began.elapsed());
        }
    }

    #[test]
    fn address_that_worked_is_tried_first_the_next_time() {
        let (quiet, (first, one), (second, other)) = (silent(), listener(), listener());
        let winners = Winners::default();
        let connect = |addresses: &[SocketAddr]| {
            let addresses = addresses.to_vec();
            winners.connect(addresses, &mut call(Some(LONG))).unwrap().peer_addr().unwrap()
        };
        assert_eq!(connect(&[quiet.address, one]), one);
        // With a pause of less than this, the silent address would cost as much each time.
        let began = Instant::now();
        for _ in 0..40 {
            assert_eq!(connect(&[quiet.address, one]), one);
        }
        assert!(began.elapsed() < 40 * PAUSE / 2, "{:?}", began.elapsed());
        // It is only first: others take over when it is gone, and are remembered in its place.
        drop(first);
        assert_eq!(connect(&[quiet.address, one, other]), other);
        assert_eq!(connect(&[one, quiet.address, other]), other);
        assert_eq!(winners.0.lock().unwrap().len(), 1);
        drop(second);
    }

    #[test]
    fn refused_addresses_cost_no_time_and_the_last_reason_is_told() {
        let (_listener, good) = listener();
        let refused = listener().1;
        for limit in [None, Some(LONG)] {
            let connect = |addresses: &[SocketAddr]| {
                Winners::default().connect(addresses.to_vec(), &mut call(limit))
            };
            let mut addresses = vec![refused; 100];
            addresses.push(good);
            let began = Instant::now();
            assert_eq!(connect(&addresses).unwrap().peer_addr().unwrap(), good);
            assert!(began.elapsed() < 100 * PAUSE / 2, "{:?}", began.elapsed());
            let error = connect(&[refused, refused]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            assert_eq!(connect(&[]).unwrap_err().to_string(), "the name has no address");
        }
    }

    #[test]
    fn silent_addresses_end_at_the_limit() {
        let quiet = [silent(), silent()];
        let addresses: Vec<_> = quiet.iter().map(|silent| silent.address).collect();
        for count in [1, 2] {
            let limit = Duration::from_millis(200);
            let mut call = call(Some(limit));
            let began = Instant::now();
            let error =
                Winners::default().connect(addresses[..count].to_vec(), &mut call).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(call.verdict.is_some() && began.elapsed() >= limit);
            assert!(began.elapsed() < LONG);
        }
    }

    #[test]
    fn sockets_block_after_the_race() {
        let (listener, address) = listener();
        let stream = Winners::default().connect(vec![address], &mut call(None)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let began = Instant::now();
        io::Read::read(&mut &stream, &mut [0]).unwrap_err();
        assert!(began.elapsed() >= Duration::from_millis(15), "{:?}", began.elapsed());
        drop(listener);
    }
}
