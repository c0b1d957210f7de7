//! Each effect as a client sees it, byte by byte.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use xtask::server::address_of;

use super::{Effect, FaultProxy, Rule, http::Head};

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const REQUEST: &str = "PUT /a HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nv=1";

/// A server that gives the same answer to everything and tells what it was asked.
fn server() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = mpsc::channel();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, sender) = (client.unwrap(), sender.clone());
            thread::spawn(move || {
                let mut from = std::io::BufReader::new(&client);
                while let Ok(Some(head)) = Head::read(&mut from) {
                    let mut whole = head.bytes.clone();
                    head.copy_request_body(&mut from, &mut whole).unwrap();
                    _ = sender.send(String::from_utf8(whole).unwrap());
                    if (&client).write_all(ANSWER.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    (url, asked)
}

struct Trial {
    proxy: FaultProxy,
    asked: Receiver<String>,
}

/// How a connection ended.
#[derive(Debug, PartialEq)]
enum End {
    Closed,
    Reset,
    StillOpen,
}

impl Trial {
    fn new(effect: Effect) -> Self {
        let (url, asked) = server();
        let proxy = FaultProxy::start(&url).unwrap();
        proxy.set_rules([Rule::new(effect).nth(1)]);
        Self { proxy, asked }
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(address_of(&self.proxy.url()).unwrap()).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        client
    }

    fn ask(&self, client: &TcpStream) -> (String, End) {
        let mut client = client;
        client.write_all(REQUEST.as_bytes()).unwrap();
        listen(client)
    }

    /// Whether the server was asked, and what the log says of that.
    fn forwarded(&self) -> (bool, bool) {
        let asked = self.asked.recv_timeout(Duration::from_millis(50)).ok();
        assert!(asked.iter().all(|asked| asked == REQUEST), "{asked:?}");
        let log = self.proxy.log();
        assert_eq!(
            (&*log[0].method, &*log[0].target, log[0].status),
            ("PUT", "/a", { asked.as_ref().map(|_| 200) })
        );
        (asked.is_some(), log[0].forwarded)
    }
}

fn listen(mut client: &TcpStream) -> (String, End) {
    let (mut seen, mut buffer) = (Vec::new(), [0; 256]);
    let end = loop {
        match client.read(&mut buffer) {
            Ok(0) => break End::Closed,
            Ok(count) => seen.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break End::Reset,
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
                break End::StillOpen;
            }
        }
    };
    (String::from_utf8(seen).unwrap(), end)
}

#[test]
fn what_the_client_sees_and_what_the_server_saw() {
    let answer = |forward| Effect::Answer { bytes: b"HTTP/1.1 500 No\r\n\r\n".to_vec(), forward };
    let teapot = "HTTP/1.1 500 No\r\n\r\n";
    for (effect, seen, end, forwarded) in [
        (Effect::Pass, ANSWER, End::StillOpen, true),
        (Effect::CloseBefore, "", End::Closed, false),
        (Effect::Close, "", End::Closed, true),
        (Effect::Reset, "", End::Reset, true),
        (Effect::Truncate(20), &ANSWER[..20], End::Closed, true),
        (Effect::CutBody(2), &ANSWER[..ANSWER.len() - 3], End::Closed, true),
        (Effect::Drip(Duration::from_millis(1)), ANSWER, End::StillOpen, true),
        (Effect::Split, ANSWER, End::StillOpen, true),
        (Effect::BlackHole, "", End::StillOpen, false),
        (answer(false), teapot, End::StillOpen, false),
        (answer(true), teapot, End::StillOpen, true),
    ] {
        let trial = Trial::new(effect.clone());
        let client = trial.connect();
        assert_eq!(trial.ask(&client), (seen.to_owned(), end), "{effect:?}");
        assert_eq!(trial.forwarded(), (forwarded, forwarded), "{effect:?}");
        if seen == ANSWER {
            // The next request is none of the rule's business, and finds the connection in order.
            assert_eq!(trial.ask(&client), (ANSWER.to_owned(), End::StillOpen), "{effect:?}");
        }
    }
}

#[test]
fn extra_bytes_follow_the_answer() {
    let trial = Trial::new(Effect::Extra(b"HTTP/1.1 200 OK\r\n".to_vec()));
    let seen = format!("{ANSWER}HTTP/1.1 200 OK\r\n");
    assert_eq!(trial.ask(&trial.connect()), (seen, End::StillOpen));
}

#[test]
fn a_delayed_answer_comes_whole_and_late() {
    let trial = Trial::new(Effect::Delay(Duration::from_millis(120)));
    let began = Instant::now();
    let client = trial.connect();
    (&client).write_all(REQUEST.as_bytes()).unwrap();
    let mut first = [0];
    (&client).read_exact(&mut first).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(120));
    assert_eq!(listen(&client).0, ANSWER[1..]);
}

#[test]
fn split_answers_come_in_pieces_of_one_byte() {
    let trial = Trial::new(Effect::Drip(Duration::from_millis(2)));
    let client = trial.connect();
    (&client).write_all(REQUEST.as_bytes()).unwrap();
    let mut pieces = 0;
    let mut left = ANSWER.len();
    while left > 0 {
        let count = (&client).read(&mut [0; 256]).unwrap();
        assert!(count > 0);
        left -= count;
        pieces += 1;
    }
    assert!(pieces > ANSWER.len() / 4, "{pieces}");
}

#[test]
fn a_refusal_lasts_until_the_rules_are_replaced() {
    let trial = Trial::new(Effect::Refuse);
    let client = trial.connect();
    assert_eq!(trial.ask(&client), (String::new(), End::Reset));
    let address = address_of(&trial.proxy.url()).unwrap();
    let until = Instant::now() + Duration::from_secs(5);
    let refused = || TcpStream::connect(address).is_err();
    while !refused() {
        assert!(Instant::now() < until, "still accepting");
    }
    assert!(refused());
    trial.proxy.set_rules([]);
    while refused() {
        assert!(Instant::now() < until, "still refusing");
    }
    assert_eq!(trial.ask(&trial.connect()).0, ANSWER);
}

#[test]
fn a_black_hole_lets_go_when_the_rules_are_replaced() {
    let trial = Trial::new(Effect::BlackHole);
    let client = trial.connect();
    assert_eq!(trial.ask(&client).1, End::StillOpen);
    trial.proxy.set_rules([]);
    assert_eq!(listen(&client), (String::new(), End::Closed));
}

#[test]
fn what_is_held_gets_through_later() {
    let trial = Trial::new(Effect::Pass);
    let client = trial.connect();
    trial.proxy.hold(true);
    assert_eq!(trial.ask(&client), (String::new(), End::StillOpen));
    assert!(trial.asked.try_recv().is_err(), "not forwarded either");
    trial.proxy.hold(false);
    assert_eq!(listen(&client).0, ANSWER);
}

#[test]
fn nobody_behind_the_proxy_closes_the_connection() {
    let proxy = FaultProxy::start("http://127.0.0.1:1").unwrap();
    let client = TcpStream::connect(address_of(&proxy.url()).unwrap()).unwrap();
    (&client).write_all(REQUEST.as_bytes()).unwrap();
    assert_eq!(listen(&client), (String::new(), End::Closed));
    assert!(!proxy.log()[0].forwarded);
}

#[test]
fn connections_end_with_the_proxy() {
    let trial = Trial::new(Effect::Pass);
    let client = trial.connect();
    assert_eq!(trial.ask(&client).1, End::StillOpen);
    let address = address_of(&trial.proxy.url()).unwrap();
    drop(trial.proxy);
    assert_ne!(listen(&client).1, End::StillOpen);
    let until = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < until, "still accepting");
    }
}
