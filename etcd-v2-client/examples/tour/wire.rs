//! What both tours tell their story with: a transport that shows what another one carries, and
//! numbered steps with the time that each took.

use std::error::Error;
use std::fmt;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use etcd_v2_client::proto::Timing;
use etcd_v2_client::proto::bytes::Bytes;
use etcd_v2_client::proto::http::Request;
use etcd_v2_client::proto::http::response::Parts;
use etcd_v2_client::{
    AsyncBody, AsyncTransport, BlockingBody, BlockingTransport, Failure, Interrupt,
};

/// The widest line.
const WIDTH: usize = 100;

/// A transport that lets another one do the work and shows what goes over the wire.
///
/// `who` is written in front of each line, since a watch and a writer talk at the same time.
#[derive(Debug)]
pub(crate) struct Wire<T> {
    carrier: T,
    who: &'static str,
}

impl<T> Wire<T> {
    pub(crate) const fn new(carrier: T, who: &'static str) -> Self {
        Self { carrier, who }
    }
}

#[async_trait]
impl<T: AsyncTransport> AsyncTransport for Wire<T> {
    fn now(&self) -> Duration {
        self.carrier.now()
    }

    async fn send(
        &self,
        request: Request<Bytes>,
        timing: Timing,
        interrupt: &Interrupt,
    ) -> Result<(Parts, Box<dyn AsyncBody>), Failure> {
        let call = Call::begin(self.who, &request);
        match self.carrier.send(request, timing, interrupt).await {
            Ok((head, body)) => {
                Ok((head.clone(), Box::new(Answer { call, head, body, heard: Vec::new() })))
            }
            Err(failure) => Err(call.lost(failure)),
        }
    }

    async fn sleep(&self, pause: Duration, interrupt: &Interrupt) -> Result<(), Failure> {
        self.carrier.sleep(pause, interrupt).await
    }
}

impl<T: BlockingTransport> BlockingTransport for Wire<T> {
    fn now(&self) -> Duration {
        self.carrier.now()
    }

    fn send(
        &self,
        request: Request<Bytes>,
        timing: Timing,
        interrupt: &Interrupt,
    ) -> Result<(Parts, Box<dyn BlockingBody>), Failure> {
        let call = Call::begin(self.who, &request);
        match self.carrier.send(request, timing, interrupt) {
            Ok((head, body)) => {
                Ok((head.clone(), Box::new(Answer { call, head, body, heard: Vec::new() })))
            }
            Err(failure) => Err(call.lost(failure)),
        }
    }

    fn sleep(&self, pause: Duration, interrupt: &Interrupt) -> Result<(), Failure> {
        self.carrier.sleep(pause, interrupt)
    }
}

/// An answer that is shown once it has been read to its end.
struct Answer<B: ?Sized> {
    call: Call,
    head: Parts,
    heard: Vec<u8>,
    body: Box<B>,
}

impl AsyncBody for Answer<dyn AsyncBody> {
    fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
        timeout: Option<Duration>,
    ) -> Poll<Result<Option<Bytes>, Failure>> {
        let piece = ready!(self.body.poll_chunk(context, timeout));
        self.listen(&piece);
        Poll::Ready(piece)
    }
}

impl BlockingBody for Answer<dyn BlockingBody> {
    fn read(
        &mut self,
        timeout: Option<Duration>,
        interrupt: &Interrupt,
    ) -> Result<Option<Bytes>, Failure> {
        let piece = self.body.read(timeout, interrupt);
        self.listen(&piece);
        piece
    }
}

impl<B: ?Sized> Answer<B> {
    fn listen(&mut self, piece: &Result<Option<Bytes>, Failure>) {
        match piece {
            Ok(Some(piece)) => self.heard.extend_from_slice(piece),
            Ok(None) => self.call.answered(&self.head, &self.heard),
            Err(_) => {}
        }
    }
}

/// A request that is under way.
struct Call {
    who: &'static str,
    began: Instant,
}

impl Call {
    fn begin(who: &'static str, request: &Request<Bytes>) -> Self {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let mut lines = line(who, ">", &format!("{} {target}", request.method()));
        if !request.body().is_empty() {
            lines += &line(who, ">", &String::from_utf8_lossy(request.body()));
        }
        print!("{lines}");
        Self { who, began: Instant::now() }
    }

    fn answered(&self, head: &Parts, body: &[u8]) {
        let index = head.headers.get("x-etcd-index").and_then(|index| index.to_str().ok());
        let index = index.map_or_else(String::new, |index| format!(", index {index}"));
        let first = format!("{}{index}, {}", head.status, millis(self.began.elapsed()));
        let body = String::from_utf8_lossy(body);
        print!("{}{}", line(self.who, "<", &first), line(self.who, "<", body.trim_end()));
    }

    fn lost(&self, failure: Failure) -> Failure {
        print!("{}", line(self.who, "<", &format!("no answer: {failure}")));
        failure
    }
}

/// One line of what went over the wire, cut where the page ends.
fn line(who: &str, direction: &str, text: &str) -> String {
    let line = format!("{who:>7} {direction} {text}");
    if line.chars().count() <= WIDTH {
        return line + "\n";
    }
    line.chars().take(WIDTH - 3).collect::<String>() + "...\n"
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// The steps of a tour.
pub(crate) struct Story {
    began: Instant,
    steps: u32,
    step_began: Instant,
}

impl Story {
    pub(crate) fn begin(title: &str) -> Self {
        println!("{title}");
        println!("Lines with > were sent, lines with < came back.");
        let now = Instant::now();
        Self { began: now, steps: 0, step_began: now }
    }

    /// Begins a step.
    pub(crate) fn step(&mut self, title: &str) {
        self.steps += 1;
        self.step_began = Instant::now();
        println!("\n{:2}. {title}", self.steps);
    }

    /// Ends a step, with what came of it.
    pub(crate) fn result(&self, text: impl fmt::Display) {
        let text = format!("  = {text}");
        let time = millis(self.step_began.elapsed());
        let width = WIDTH.saturating_sub(time.len() + 1);
        println!("{text:width$} {time}");
    }

    pub(crate) fn end(&self) {
        let (steps, time) = (self.steps, millis(self.began.elapsed()));
        println!("\n{steps} steps in {time}. Everything was as it should be.");
    }
}

/// Where the servers are: `ETCD_V2_ENDPOINTS`, several with commas between them, or the usual place.
pub(crate) fn endpoints() -> String {
    std::env::var("ETCD_V2_ENDPOINTS").unwrap_or_else(|_| "http://127.0.0.1:2379".to_owned())
}

/// A directory that no other tour uses at the same time.
pub(crate) fn directory() -> String {
    format!("/tour-{}", std::process::id())
}

/// Ends the tour unless something is so.
pub(crate) fn expect(is_so: bool, what: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    if is_so { Ok(()) } else { Err(format!("this was expected and is not so: {what}").into()) }
}

/// The error of a call that is expected to fail.
pub(crate) fn expect_error<T>(
    result: Result<T, etcd_v2_client::Error>,
    what: &str,
) -> Result<etcd_v2_client::Error, Box<dyn Error + Send + Sync>> {
    result.err().ok_or_else(|| format!("this was expected to fail: {what}").into())
}

/// Says why a tour came to its end too early.
pub(crate) fn explain(error: &(dyn Error + Send + Sync + 'static)) {
    match error.downcast_ref::<etcd_v2_client::Error>() {
        Some(error) => eprintln!("\nthe tour has failed: {}", error.detail()),
        None => eprintln!("\nthe tour has failed: {error}"),
    }
}
