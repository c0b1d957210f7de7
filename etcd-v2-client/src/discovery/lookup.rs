//! Asking name servers.
//!
//! The resolver runs on tokio, and neither client may depend on who called it from where. So each
//! discovery has a thread with a small runtime of its own, for as long as it takes.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsHandle, FirstAnswer, RetryDnsHandle};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{DnsRequestOptions, DnsResponse, Query, ResponseCode};
use hickory_resolver::proto::rr::{DNSClass, Name, RData, RecordType};
use hickory_resolver::{NameServerPool, PoolContext, TlsConfig};
use tokio::runtime;
use tokio::sync::oneshot;

use super::error::SrvError;
use super::records::{Answer, Question, Record};

/// What a lookup needs to know.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) questions: Vec<Question>,
    /// None for those of the system.
    pub(super) name_servers: Option<Vec<SocketAddr>>,
    pub(super) limit: Duration,
}

/// The questions with their answers, in the same order.
pub(super) type Answers = Result<Vec<(Question, Answer)>, SrvError>;

/// What will be there when the thread has ended; dropping it ends the lookup.
pub(super) type Pending = oneshot::Receiver<Answers>;

impl Lookup {
    /// Begins in a thread of its own.
    pub(super) fn start(self) -> Result<(JoinHandle<()>, Pending), SrvError> {
        let (sender, receiver) = oneshot::channel();
        let thread = thread::Builder::new().name("etcd-discovery".to_owned());
        let thread = thread.spawn(move || self.run(sender)).map_err(no_resolver)?;
        Ok((thread, receiver))
    }

    fn run(self, mut answers: oneshot::Sender<Answers>) {
        let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                _ = answers.send(Err(no_resolver(error)));
                return;
            }
        };
        let outcome = runtime.block_on(async {
            let mut lookup = pin!(self.answers());
            poll_fn(|context| match answers.poll_closed(context) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => lookup.as_mut().poll(context).map(Some),
            })
            .await
        });
        if let Some(outcome) = outcome {
            // Nobody is left to hear it if this fails.
            _ = answers.send(outcome);
        }
    }

    async fn answers(self) -> Answers {
        let resolver = resolver(self.name_servers.as_deref(), self.limit).map_err(no_resolver)?;
        let limit = self.limit;
        // All at once, as each may take until the limit.
        let asked = self.questions.into_iter().map(|question| {
            let (resolver, name) = (resolver.clone(), question.name.clone());
            (question, tokio::spawn(async move { resolver.answer(name, limit).await }))
        });
        let asked: Vec<_> = asked.collect();
        let mut answers = Vec::with_capacity(asked.len());
        for (question, answer) in asked {
            answers.push((question, answer.await.map_err(no_resolver)?));
        }
        Ok(answers)
    }
}

/// The lookup has ended without a word.
pub(super) fn lost() -> SrvError {
    no_resolver("the thread that looked them up has ended before its time")
}

/// What asks the name servers. It is below the resolver proper, which takes the target of a record for
/// another alias to follow, and so does not find records that are behind an alias.
#[derive(Clone)]
struct Resolver {
    servers: RetryDnsHandle<NameServerPool<TokioRuntimeProvider>>,
    options: DnsRequestOptions,
}

fn resolver(servers: Option<&[SocketAddr]>, limit: Duration) -> Result<Resolver, NetError> {
    let (config, mut options) = match servers {
        None => system_configuration()?,
        Some(servers) => {
            let servers = servers.iter().copied().map(name_server).collect();
            (ResolverConfig::from_name_servers(servers), ResolverOpts::default())
        }
    };
    // So that after a server that is silent there is time for another one.
    options.timeout = options.timeout.min(limit / 2);
    let mut request = DnsRequestOptions::default();
    request.recursion_desired = true;
    request.use_edns = options.edns0;
    request.edns_payload_len = options.edns_payload_len;
    let attempts = options.attempts;
    let context = PoolContext::new(options, TlsConfig::new()?);
    let (_, _, servers) = config.into_parts();
    let pool = NameServerPool::from_config(servers, context.into(), TokioRuntimeProvider::new());
    Ok(Resolver { servers: RetryDnsHandle::new(pool, attempts), options: request })
}

/// As the resolver of the C library reads it.
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
fn system_configuration() -> Result<(ResolverConfig, ResolverOpts), NetError> {
    match std::fs::read("/etc/resolv.conf") {
        Ok(text) => configuration(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => configuration(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(all(unix, not(any(target_os = "android", target_vendor = "apple")))))]
fn system_configuration() -> Result<(ResolverConfig, ResolverOpts), NetError> {
    hickory_resolver::system_conf::read_system_conf()
}

/// What a text of `/etc/resolv.conf` means: without name servers it is the one on this machine, and each one gets a
/// second and a try at the least.
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
fn configuration(mut text: Vec<u8>) -> Result<(ResolverConfig, ResolverOpts), NetError> {
    let names_a_server = |line: &[u8]| {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let address = words.next().filter(|word| *word == b"nameserver").and_then(|_| words.next());
        address.is_some_and(is_address)
    };
    if !text.split(|byte| *byte == b'\n').any(names_a_server) {
        text.extend_from_slice(b"\nnameserver 127.0.0.1\n");
    }
    let (config, mut options) = hickory_resolver::system_conf::parse_resolv_conf(text)?;
    options.timeout = options.timeout.max(Duration::from_secs(1));
    options.attempts = options.attempts.max(1);
    Ok((config, options))
}

/// Whether it is an IP address, perhaps with the zone of a link.
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
fn is_address(word: &[u8]) -> bool {
    let text = std::str::from_utf8(word).unwrap_or_default();
    text.split('%').next().is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok())
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

impl Resolver {
    async fn answer(&self, name: String, limit: Duration) -> Answer {
        match tokio::time::timeout(limit, self.follow(&name)).await {
            Ok(Ok(Some(records))) => Answer::Records(records),
            Ok(Ok(None)) => Answer::Absent,
            Ok(Err(reason)) => Answer::Failed(reason.of(name, limit)),
            Err(_) => Answer::Failed(SrvError::TimedOut { name, limit }),
        }
    }

    /// The records at a name, or where it is an alias of.
    async fn follow(&self, name: &str) -> Result<Option<Vec<Record>>, Reason> {
        let mut name = Name::from_ascii(format!("{name}."))
            .map_err(|error| Reason::Net(NetError::from(error)))?;
        for _ in 0..MOST_ALIASES {
            let query = Query::query(name.clone(), RecordType::SRV);
            let answer = self.servers.lookup(query, self.options).first_answer().await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                    return match none.response_code {
                        ResponseCode::NXDomain => Ok(None),
                        // A server that knows only who might know has not said that there is nothing.
                        ResponseCode::NoError if none.ns.is_some() && none.soa.is_none() => {
                            Err(Reason::Refused("a referral to other servers".to_owned()))
                        }
                        ResponseCode::NoError => Ok(None),
                        code => Err(Reason::Refused(code.to_string())),
                    };
                }
                Err(NetError::Dns(DnsError::ResponseCode(code))) => {
                    return Err(Reason::Refused(code.to_string()));
                }
                Err(error) => return Err(Reason::Net(error)),
            };
            let end = end_of_aliases(&name, &answer);
            let records = records(&end, &answer);
            match answer.response_code {
                ResponseCode::NoError if !records.is_empty() => return Ok(Some(records)),
                ResponseCode::NXDomain => return Ok(None),
                ResponseCode::NoError if end == name => return Ok(None),
                // The server did not follow the alias by itself.
                ResponseCode::NoError => name = end,
                code => return Err(Reason::Refused(code.to_string())),
            }
        }
        Err(Reason::Refused(format!("more than {MOST_ALIASES} aliases, one after the other")))
    }
}

/// Why there is no answer.
enum Reason {
    Refused(String),
    Net(NetError),
}

impl Reason {
    fn of(self, name: String, limit: Duration) -> SrvError {
        match self {
            Self::Refused(answer) => SrvError::Refused { name, answer },
            Self::Net(NetError::Timeout) => SrvError::TimedOut { name, limit },
            Self::Net(error) => SrvError::Unreachable { name, source: error.into() },
        }
    }
}

/// The name that `name` stands for in the end, as far as the answer tells.
fn end_of_aliases(name: &Name, answer: &DnsResponse) -> Name {
    let mut name = name.clone();
    for _ in 0..answer.answers.len() {
        let alias = answer.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(alias) if record.name == name => Some(&alias.0),
            _ => None,
        });
        match alias {
            Some(alias) => name.clone_from(alias),
            None => break,
        }
    }
    name
}

fn records(name: &Name, answer: &DnsResponse) -> Vec<Record> {
    let records = answer.answers.iter().filter(|record| record.dns_class == DNSClass::IN);
    let records = records.filter_map(|record| match &record.data {
        RData::SRV(srv) if record.name == *name => Some(Record {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: srv.target.to_ascii(),
        }),
        _ => None,
    });
    records.collect()
}

fn no_resolver(source: impl Into<Box<dyn StdError + Send + Sync>>) -> SrvError {
    SrvError::NoResolver { source: source.into() }
}

/// As many as the resolvers of the C libraries follow.
const MOST_ALIASES: usize = 8;

#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolv_conf_means_what_it_means_to_the_c_library() {
        let here = &["127.0.0.1"][..];
        for (text, servers, seconds, attempts) in [
            ("", here, 5, 2),
            ("# nameserver 10.0.0.1\n", here, 5, 2),
            ("search example.com\noptions ndots:2", here, 5, 2),
            ("nameserver\n", here, 5, 2),
            ("nameserver not-an-address\n", here, 5, 2),
            ("options timeout:0\n", here, 1, 2),
            ("nameserver 10.0.0.1\noptions timeout:0 attempts:0", &["10.0.0.1"], 1, 1),
            ("nameserver 10.0.0.1\noptions timeout:1", &["10.0.0.1"], 1, 2),
            ("nameserver 10.0.0.1\noptions timeout:7 attempts:3", &["10.0.0.1"], 7, 3),
            ("nameserver 10.0.0.1\n nameserver\t::1 \n", &["10.0.0.1", "::1"], 5, 2),
        ] {
            let (config, options) = configuration(text.into()).unwrap();
            let found: Vec<_> = config.name_servers().iter().map(|it| it.ip.to_string()).collect();
            assert_eq!(found, servers, "{text:?}");
            assert_eq!(options.timeout, Duration::from_secs(seconds), "{text:?}");
            assert_eq!(options.attempts, attempts, "{text:?}");
        }
    }
}
