//! A driver of your own: the core over `std::net::TcpStream`, with nothing else.
//!
//! All that is etcd's happens in the core; what is left is HTTP/1.1 by hand and a loop of twelve
//! lines. To stay a page, it opens a connection for each request and has no TLS.
//!
//! ```sh
//! ETCD_V2_ENDPOINTS=http://10.0.0.1:2379,http://10.0.0.2:2379 cargo run --example own_driver
//! ```

use std::fmt::Display;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, process, thread};

use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::http::response::Parts;
use etcd_v2_proto::http::{self, Response};
use etcd_v2_proto::keys::{Delete, Get, Set, Wait};
use etcd_v2_proto::{
    Action, Cluster, Conversation, Error, Event, Exchange, Failure, Policy, Request, Stage, Timing,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let endpoints = env::var("ETCD_V2_ENDPOINTS");
    let endpoints = endpoints.as_deref().unwrap_or("http://127.0.0.1:2379");
    let mut cluster = Cluster::parse([endpoints])?;
    let key = format!("/own-driver-{}", process::id());

    let set = call(&mut cluster, Set::new(&key, "one"))?;
    check("set", set.to_json(), set.value() == Some("one"))?;
    let got = call(&mut cluster, Get::new(&key).quorum())?;
    check("get", got.to_json(), got.value() == Some("one"))?;

    let swap = Set::new(&key, "two").if_index(set.index().ok_or("the change has no index")?);
    let swapped = call(&mut cluster, &swap)?;
    check("compare and swap", swapped.to_json(), swapped.value() == Some("two"))?;
    let error = call(&mut cluster, &swap).err().ok_or("the second swap succeeded")?;
    check("the same again", &error, error.is_compare_failed())?;
    let missing = Get::new(format!("{key}-missing"));
    let error = call(&mut cluster, missing).err().ok_or("a missing key was found")?;
    check("get a missing key", &error, error.is_key_not_found())?;

    let wait = Wait::new(&key).after(swapped.index().ok_or("the swap has no index")?);
    let (set, mut own) = (Set::new(&key, "three"), cluster.clone());
    let writer = thread::spawn(move || call(&mut own, set));
    let change = call(&mut cluster, wait)?;
    check("wait", change.to_json(), change.value() == Some("three"))?;
    writer.join().map_err(|_| "the other thread panicked")??;

    let deleted = call(&mut cluster, Delete::new(&key))?;
    let previous = deleted.previous().and_then(|node| node.value());
    check("delete", deleted.to_json(), previous == Some("three"))?;
    Ok(())
}

fn check(what: &str, told: impl Display, holds: bool) -> Result<(), String> {
    println!("{what}: {told}");
    if holds { Ok(()) } else { Err(format!("{what}: that is not as expected")) }
}

/// Sends a request and waits for its answer. The next call begins where this one succeeded.
fn call<R: Request>(cluster: &mut Cluster, request: R) -> Result<R::Output, Error> {
    let mut driver = Driver { began: Instant::now(), answer: None };
    let (policy, seed) = (Arc::new(Policy::default()), process::id().into());
    let mut exchange = Exchange::new(request, cluster.route(), policy, seed, Duration::ZERO);
    let answer = driver.next(&mut exchange);
    if let Some(detour) = exchange.detour(driver.began.elapsed()) {
        cluster.follow(&detour);
    }
    answer.unwrap_or_else(|| unreachable!("an exchange yields or fails"))
}

type Message = http::Request<Bytes>;

/// Carries out one conversation.
struct Driver {
    began: Instant,
    answer: Option<Answer>,
}

impl Driver {
    /// The loop: carries on until there is something to tell.
    fn next<C: Conversation>(&mut self, talk: &mut C) -> Option<Result<C::Item, Error>> {
        loop {
            let event = match talk.poll(self.began.elapsed()) {
                Action::Send { request, timing } => self.send(&request, timing),
                Action::Read { timeout } => self.read(timeout),
                Action::Wait(pause) => self.rest(pause),
                Action::Yield(item) => return Some(Ok(item)),
                Action::Finish(end) => return end.err().map(Err),
            };
            talk.handle(self.began.elapsed(), event);
        }
    }

    fn send(&mut self, request: &Message, timing: Timing) -> Event {
        self.answer = None;
        let until = after(timing.head);
        // Only without a connection is it certain that nothing of the request has left.
        let stream = match connect(request, after(timing.connect).min(until)) {
            Ok(stream) => stream,
            Err(error) => return failed(Stage::BeforeSend, error),
        };
        match Answer::to(request, stream, until) {
            Ok((head, answer)) => {
                self.answer = Some(answer);
                Event::Head(head)
            }
            Err(error) => failed(Stage::AfterSend, error),
        }
    }

    fn read(&mut self, timeout: Option<Duration>) -> Event {
        let piece = self.answer.as_mut().map(|answer| answer.piece(after(timeout)));
        match piece.unwrap_or_else(|| Err(io::Error::other("there is no answer"))) {
            Ok(Some(piece)) => Event::Chunk(piece),
            Ok(None) => Event::End,
            Err(error) => failed(Stage::AfterSend, error),
        }
    }

    fn rest(&mut self, pause: Duration) -> Event {
        self.answer = None;
        thread::sleep(pause);
        Event::Elapsed
    }
}

fn failed(stage: Stage, error: io::Error) -> Event {
    Event::Failed(match (error.kind(), stage) {
        (ErrorKind::TimedOut | ErrorKind::WouldBlock, _) => Failure::timed_out(stage),
        (_, Stage::BeforeSend) => Failure::before_send(error),
        (_, Stage::AfterSend) => Failure::after_send(error),
    })
}

/// When the limit is reached; without one, in a year.
fn after(limit: Option<Duration>) -> Instant {
    Instant::now() + limit.unwrap_or(Duration::from_secs(365 * 24 * 60 * 60))
}

/// What is left until then; if that is nothing, the time is over.
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
    left.ok_or_else(|| ErrorKind::TimedOut.into())
}

/// Opens a connection. (The standard library looks up names without a limit.)
fn connect(request: &Message, until: Instant) -> io::Result<TcpStream> {
    let uri = request.uri();
    if uri.scheme_str() != Some("http") {
        return Err(io::Error::other("this driver has no TLS"));
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let mut result = Err(ErrorKind::NotFound.into());
    for address in (host, uri.port_u16().unwrap_or(80)).to_socket_addrs()? {
        result = result.or_else(|_| TcpStream::connect_timeout(&address, left(until)?));
    }
    result
}

/// A connection, and until when to wait for what it brings.
struct Wire(TcpStream, Instant);

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.set_read_timeout(Some(left(self.1)?))?;
        self.0.read(buffer)
    }
}

/// An answer whose head has been read, and how much of its body has not.
struct Answer(BufReader<Wire>, Body);

enum Body {
    Length(u64),
    /// Of the present chunk; others follow.
    Chunked(u64),
    UntilClosed,
}

impl Answer {
    /// Writes a request, in one piece, and reads the head of its answer.
    fn to(request: &Message, mut stream: TcpStream, until: Instant) -> io::Result<(Parts, Self)> {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let mut text = format!("{} {target} HTTP/1.1\r\n", request.method()).into_bytes();
        for (name, value) in request.headers() {
            text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        let length = request.body().len();
        write!(text, "Content-Length: {length}\r\nConnection: close\r\n\r\n")?;
        text.extend(request.body());
        stream.set_write_timeout(Some(left(until)?))?;
        stream.write_all(&text)?;

        let mut answer = Self(BufReader::new(Wire(stream, until)), Body::UntilClosed);
        let status_line = answer.line()?;
        let mut response = Response::builder().status(status_line.split(' ').nth(1).unwrap_or(""));
        while let Some((name, value)) = answer.line()?.split_once(':') {
            response = response.header(name, value.trim());
        }
        let (head, ()) = response.body(()).map_err(io::Error::other)?.into_parts();
        let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        answer.1 = match (text("transfer-encoding"), text("content-length")) {
            (Some(_), _) => Body::Chunked(0),
            (None, Some(length)) => Body::Length(length.parse().map_err(io::Error::other)?),
            (None, None) => Body::UntilClosed,
        };
        Ok((head, answer))
    }

    /// The next piece of the body, or none after the last one.
    fn piece(&mut self, until: Instant) -> io::Result<Option<Bytes>> {
        self.0.get_mut().1 = until;
        if let Body::Chunked(0) = self.1 {
            let size = u64::from_str_radix(&self.line()?, 16).map_err(io::Error::other)?;
            self.1 = if size == 0 { Body::Length(0) } else { Body::Chunked(size) };
        }
        let Self(wire, body) = self;
        let most = match *body {
            Body::Length(0) => return Ok(None),
            Body::Length(left) | Body::Chunked(left) => left.try_into().unwrap_or(usize::MAX),
            Body::UntilClosed => usize::MAX,
        };
        let buffered = wire.fill_buf()?;
        let piece = Bytes::copy_from_slice(&buffered[..buffered.len().min(most)]);
        wire.consume(piece.len());
        match body {
            Body::UntilClosed if piece.is_empty() => return Ok(None),
            _ if piece.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
            Body::Length(left) | Body::Chunked(left) => *left -= piece.len() as u64,
            Body::UntilClosed => {}
        }
        if let Body::Chunked(0) = body {
            self.line()?;
        }
        Ok(Some(piece))
    }

    /// The next line, without its end.
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.by_ref().take(64 << 10).read_line(&mut line)?;
        let line = line.strip_suffix("\r\n").map(str::to_owned);
        line.ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }
}
