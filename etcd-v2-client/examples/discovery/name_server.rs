//! A name server on a loopback port that says what it is told to, for the tour and for the tests.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hickory_server::Server;
use hickory_server::net::NetError;
use hickory_server::net::runtime::Time;
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::op::{Header, HeaderCounts, Metadata, ResponseCode};
use hickory_server::proto::rr::rdata::{CNAME, NS, SRV};
use hickory_server::proto::rr::{Name, RData, Record};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net;
use tokio::runtime::{Builder, Runtime};

/// What the server says to a question.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Records: priority, weight, port, target.
    Srv(Vec<(u16, u16, u16, String)>),
    /// This name stands for another one, and what that one has is in the same answer if the server is
    /// to look it up, too.
    Alias { to: &'static str, follow: bool },
    /// No records, with this code.
    Code(ResponseCode),
    /// Not the records, but another server that may have them.
    Referral,
    /// Nothing at all.
    Silence,
}

/// Runs until it is dropped.
#[derive(Debug)]
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    zone: Zone,
    runtime: Option<Runtime>,
}

/// Shared with the server's tasks.
#[derive(Clone, Debug)]
struct Zone {
    names: Arc<Mutex<Names>>,
}

#[derive(Debug)]
struct Names {
    replies: BTreeMap<String, Reply>,
    /// The questions so far, and whether they came by TCP.
    asked: Vec<(String, bool)>,
}

impl NameServer {
    /// Answers by UDP and TCP. Names that are not in the list do not exist.
    pub(crate) fn start<N: Into<String>>(
        replies: impl IntoIterator<Item = (N, Reply)>,
    ) -> io::Result<Self> {
        let replies = replies.into_iter().map(|(name, reply)| (name.into(), reply)).collect();
        let zone = Zone { names: Arc::new(Mutex::new(Names { replies, asked: Vec::new() })) };
        let (tcp, udp) = sockets()?;
        let address = tcp.local_addr()?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.spawn(serve(zone.clone(), tcp, udp));
        Ok(Self { address, zone, runtime: Some(runtime) })
    }

    /// Says something else from now on.
    pub(crate) fn set(&self, name: &str, reply: Reply) {
        self.zone.names().replies.insert(name.to_owned(), reply);
    }

    /// Who was asked for so far, and whether it was by TCP, in alphabetical order and each once.
    pub(crate) fn asked(&self) -> Vec<(String, bool)> {
        let mut asked = self.zone.names().asked.clone();
        asked.sort();
        asked.dedup();
        asked
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        // In whatever context it is dropped, nobody waits.
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// Two sockets with the same number, which is free.
fn sockets() -> io::Result<(TcpListener, UdpSocket)> {
    let mut attempts = 0;
    let (tcp, udp) = loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        attempts += 1;
        match UdpSocket::bind(tcp.local_addr()?) {
            Ok(udp) => break (tcp, udp),
            Err(error) if attempts == ATTEMPTS => return Err(error),
            // The number is free for TCP only.
            Err(_) => {}
        }
    };
    tcp.set_nonblocking(true)?;
    udp.set_nonblocking(true)?;
    Ok((tcp, udp))
}

async fn serve(zone: Zone, tcp: TcpListener, udp: UdpSocket) -> Result<(), NetError> {
    let mut server = Server::new(zone);
    server.register_socket(net::UdpSocket::from_std(udp)?);
    server.register_listener(net::TcpListener::from_std(tcp)?, Duration::from_secs(5), 64);
    server.block_until_done().await
}

#[async_trait]
impl RequestHandler for Zone {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut handle: R,
    ) -> ResponseInfo {
        let mut metadata = Metadata::response_from_request(&request.metadata);
        let nothing = Header { metadata, counts: HeaderCounts::default() };
        let Ok(asked) = request.request_info() else { return nothing.into() };
        let name = Name::from(asked.query.name());
        let by_tcp = asked.protocol == Protocol::Tcp;
        let mut answers = Vec::new();
        let mut authorities = Vec::new();
        let mut owner = name.clone();
        let mut reply = self.reply(&text(&name), by_tcp);
        while let Reply::Alias { to, follow } = reply {
            let Ok(to) = Name::from_ascii(format!("{to}.")) else { return nothing.into() };
            answers.push(record(&owner, RData::CNAME(CNAME(to.clone()))));
            owner = to;
            reply = if follow { self.reply(&text(&owner), by_tcp) } else { Reply::Srv(Vec::new()) };
        }
        match reply {
            Reply::Srv(records) => {
                for (priority, weight, port, target) in records {
                    let Ok(target) = Name::from_ascii(target) else { return nothing.into() };
                    let srv = SRV::new(priority, weight, port, target);
                    answers.push(record(&owner, RData::SRV(srv)));
                }
            }
            Reply::Code(code) => metadata.response_code = code,
            Reply::Referral => authorities.push(record(&name, RData::NS(NS(name.clone())))),
            Reply::Alias { .. } | Reply::Silence => return nothing.into(),
        }
        let builder = MessageResponseBuilder::from_message_request(request);
        let response = builder.build(metadata, &answers, &authorities, [], []);
        handle.send_response(response).await.unwrap_or_else(|_| nothing.into())
    }
}

impl Zone {
    fn reply(&self, name: &str, by_tcp: bool) -> Reply {
        let mut names = self.names();
        names.asked.push((name.to_owned(), by_tcp));
        names.replies.get(name).cloned().unwrap_or(Reply::Code(ResponseCode::NXDomain))
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn record(owner: &Name, data: RData) -> Record {
    Record::from_rdata(owner.clone(), TTL, data)
}

/// Without the dot at the end.
fn text(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_lowercase()
}

/// An hour, in seconds.
const TTL: u32 = 3600;
const ATTEMPTS: usize = 20;
