//! A proxy in front of a real server that loses the answers to some requests.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::server::{Peer, Seen, Server, response};

/// How an answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// The connection is closed.
    Closed,
    /// The connection is reset.
    Reset,
    /// The connection is closed in the middle of the answer; of its head, if there is no answer.
    Cut,
    /// The answer is replaced by that of a server that gave up.
    GaveUp,
}

pub(super) const LOSSES: [Loss; 4] = [Loss::Closed, Loss::Reset, Loss::Cut, Loss::GaveUp];

/// What happens to the next request that writes, or reads through consensus.
pub(super) struct Plan {
    pub(super) loss: Loss,
    /// Whether the server gets the request at all.
    pub(super) forwarded: bool,
    /// Something that happens before the server gets the request, or would get it.
    pub(super) before: Box<dyn FnOnce() + Send>,
    /// Something that happens after the server has answered.
    pub(super) after: Box<dyn FnOnce() + Send>,
}

impl Plan {
    pub(super) fn new(loss: Loss, forwarded: bool) -> Self {
        Self { loss, forwarded, before: Box::new(|| ()), after: Box::new(|| ()) }
    }
}

/// The proxy. What is not planned to be lost is passed on both ways.
pub(super) struct Lossy {
    server: Server,
    plan: Arc<Mutex<Option<Plan>>>,
}

impl Lossy {
    /// A proxy in front of this endpoint.
    pub(super) fn before(endpoint: &str) -> Self {
        let origin = endpoint.strip_prefix("http://").unwrap().to_owned();
        let plan = Arc::<Mutex<Option<Plan>>>::default();
        let shared = Arc::clone(&plan);
        let server = Server::start(move |peer| {
            let Some(seen) = peer.request() else { return };
            let concerns = seen.method != "GET" || seen.target.contains("quorum=true");
            let plan = concerns.then(|| lock(&shared).take()).flatten();
            match plan {
                Some(plan) => lose(peer, &origin, &seen, plan),
                None => pass_on(peer, &origin, &seen),
            }
        });
        Self { server, plan }
    }

    pub(super) fn url(&self) -> String {
        self.server.url()
    }

    /// Plans to lose the next answer. Says how many requests came before.
    pub(super) fn plan(&self, plan: Plan) -> usize {
        *lock(&self.plan) = Some(plan);
        self.server.count()
    }

    /// Whether the plan was carried out, and all requests since then but reads.
    pub(super) fn writes_since(&self, before: usize) -> usize {
        assert!(lock(&self.plan).is_none(), "nothing was lost");
        self.server.seen().iter().skip(before).filter(|seen| seen.method != "GET").count()
    }
}

fn lock(plan: &Mutex<Option<Plan>>) -> std::sync::MutexGuard<'_, Option<Plan>> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lose(peer: &mut Peer, origin: &str, seen: &Seen, plan: Plan) {
    (plan.before)();
    let mut answer = Vec::new();
    if plan.forwarded {
        ask(origin, seen).read_to_end(&mut answer).unwrap();
    }
    (plan.after)();
    match plan.loss {
        Loss::Closed => peer.close(),
        Loss::Reset => peer.reset(),
        Loss::Cut if plan.forwarded => {
            // The end of the head and a little of the body.
            let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
            peer.write(&answer[..head + 5]);
            peer.close();
        }
        Loss::Cut => {
            peer.write("HTTP/1.1 200 OK\r\nContent-Le");
            peer.close();
        }
        Loss::GaveUp => {
            let body = "{\"errorCode\":300,\"message\":\"Raft Internal Error\",\
                        \"cause\":\"etcdserver: request timed out\",\"index\":0}";
            peer.write(response(
                500,
                &["Content-Type: application/json", "Connection: close"],
                body,
            ));
            peer.close();
        }
    }
}

/// Passes the answer on as it comes; a wait may never have one.
fn pass_on(peer: &mut Peer, origin: &str, seen: &Seen) {
    let mut stream = ask(origin, seen);
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut piece = vec![0; 64 << 10];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return peer.close(),
            Ok(amount) if !peer.write(&piece[..amount]) => return,
            Err(_) if peer.is_over() => return,
            _ => {}
        }
    }
}

fn ask(origin: &str, seen: &Seen) -> TcpStream {
    let mut stream = TcpStream::connect(origin).unwrap();
    let (method, target, body) = (&seen.method, &seen.target, &seen.body);
    let kind = seen
        .header("content-type")
        .map_or_else(String::new, |kind| format!("Content-Type: {kind}\r\n"));
    let length = body.len();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {origin}\r\n{kind}Content-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}
