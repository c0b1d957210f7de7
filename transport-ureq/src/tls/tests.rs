//! Moments of a connection that no request meets on purpose.

use std::net::{TcpListener, TcpStream};
use std::thread;

use etcd_v2_proto::tls::Tls;
use etcd_v2_proto::{Interrupt, Timing};
use rustls::ALL_VERSIONS;
use xtask::Stream;
use xtask::certificates::Authority;

use super::*;

/// Accepts one connection, and says goodbye to a client that shows no certificate.
fn turn_away(listener: &TcpListener) {
    let authority = Authority::new("CA of the test").unwrap();
    let pair = authority.for_hosts(&["127.0.0.1"]).unwrap();
    let config = pair.server(ALL_VERSIONS, Some(&authority)).unwrap();
    let mut stream = Stream::secured(config, listener.accept().unwrap().0).unwrap();
    stream.read_exact(&mut [0]).unwrap_err();
}

#[test]
fn what_a_server_said_before_it_hung_up_is_heard_even_if_nothing_can_be_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || turn_away(&listener));
    let security = Security::new(Tls::new().danger_accept_any_certificate()).unwrap();
    let mut call = Call::to_send(Timing::default(), &Interrupt::never(), false, 0);
    let socket = Socket::new(TcpStream::connect(address).unwrap(), None);
    let mut session = Session::begin(&security, "127.0.0.1", socket, &mut call).unwrap();
    server.join().unwrap();
    // Whatever arrives after this is answered with a reset.
    while session.socket.without_waiting(|stream| stream.write(&[0])).is_ok() {
        thread::yield_now();
    }
    let error = session.write(b"GET / HTTP/1.1\r\n\r\n", &mut call).unwrap_err();
    let text = "the server wants a client certificate and got none";
    assert!(error.to_string().contains(text), "{error}");
    assert!(!call.sent);
}
