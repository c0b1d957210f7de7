//! One connection of a client.

use std::{
    io::{self, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustix::net::sockopt::set_socket_linger;

use super::{Effect, Shared, http::Head, sink::Sink};

/// Serves a client until either side has had enough.
pub(super) fn serve(shared: &Shared, client: TcpStream) {
    let client = shared.adopt(client);
    let end = Connection { shared, client: &client, server: None }.run();
    if matches!(end, Ok(End::Reset)) {
        // A connection that is closed like this sends no farewell.
        _ = set_socket_linger(&*client, Some(Duration::ZERO));
    } else {
        // Anything unread would turn the farewell into a reset.
        _ = client.shutdown(Shutdown::Write);
    }
}

struct Connection<'a> {
    shared: &'a Shared,
    client: &'a TcpStream,
    server: Option<BufReader<Server>>,
}

/// Reads what is behind the `Arc`.
struct Server(Arc<TcpStream>);

impl io::Read for Server {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

/// How a connection ends.
enum End {
    Close,
    Reset,
}

/// What follows an exchange.
enum Next {
    Request,
    End(End),
}

impl Connection<'_> {
    fn run(mut self) -> io::Result<End> {
        let mut from = BufReader::new(self.client);
        while let Some(head) = Head::read(&mut from)? {
            let mut body = Vec::new();
            head.copy_request_body(&mut from, &mut body)?;
            self.shared.wait_for_way();
            let (method, target) = (head.word(0), head.word(1));
            let (effect, id, round) = self.shared.decide(&method, &target);
            let request = Request { bytes: [&*head.bytes, &*body].concat(), method, id };
            if let Next::End(end) = self.exchange(&request, effect, round)? {
                return Ok(end);
            }
            if head.is_last() {
                break;
            }
        }
        Ok(End::Close)
    }

    fn exchange(&mut self, request: &Request, effect: Effect, round: u64) -> io::Result<Next> {
        let sink = Sink::new(self.shared, self.client);
        let mut after = Next::Request;
        match effect {
            Effect::Pass => return self.forward(request, sink),
            Effect::Delay(delay) => return self.forward(request, sink.delayed(delay)),
            Effect::Drip(pause) => return self.forward(request, sink.byte_by_byte(pause)),
            Effect::Split => return self.forward(request, sink.byte_by_byte(Duration::ZERO)),
            Effect::Extra(bytes) => {
                after = self.forward(request, sink)?;
                (&mut &*self.client).write_all(&bytes)?;
            }
            Effect::CloseBefore => after = Next::End(End::Close),
            Effect::Refuse => {
                self.shared.refuse(self.own_address()?);
                after = Next::End(End::Reset);
            }
            Effect::BlackHole => {
                self.shared.wait_for_rules(round);
                after = Next::End(End::Close);
            }
            Effect::Close | Effect::Reset => {
                self.forward(request, sink.at_most(0))?;
                let close = effect == Effect::Close;
                after = Next::End(if close { End::Close } else { End::Reset });
            }
            Effect::Truncate(bytes) => {
                self.forward(request, sink.at_most(bytes))?;
                after = Next::End(End::Close);
            }
            Effect::CutBody(bytes) => {
                self.forward(request, sink.at_most_of_the_body(bytes))?;
                after = Next::End(End::Close);
            }
            Effect::Answer { bytes, forward } => {
                if forward {
                    self.forward(request, Sink::new(self.shared, self.client).at_most(0))?;
                }
                Sink::new(self.shared, self.client).write_all(&bytes)?;
            }
        }
        Ok(after)
    }

    /// Hands a request to the server and its answer to the client.
    fn forward(&mut self, request: &Request, mut to: Sink<'_>) -> io::Result<Next> {
        let server = match &mut self.server {
            Some(server) => server,
            none => none.insert(connect(self.shared)?),
        };
        (&*server.get_ref().0).write_all(&request.bytes)?;
        self.shared.note(request.id, |entry| entry.forwarded = true);
        let answer = Head::read(server)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.shared.note(request.id, |entry| entry.status = answer.status());
        to.write_all(&answer.bytes)?;
        to.begin_body();
        let ended = answer.copy_answer_body(&request.method, server, &mut to)?;
        Ok(if ended || answer.is_last() { Next::End(End::Close) } else { Next::Request })
    }

    fn own_address(&self) -> io::Result<SocketAddr> {
        self.client.local_addr()
    }
}

struct Request {
    bytes: Vec<u8>,
    method: String,
    id: u64,
}

fn connect(shared: &Shared) -> io::Result<BufReader<Server>> {
    let server = TcpStream::connect_timeout(&shared.upstream, Duration::from_secs(1))?;
    Ok(BufReader::new(Server(shared.adopt(server))))
}
