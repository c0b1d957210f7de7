//! The proxy that the tests of other crates go through.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    sync::LazyLock,
};

use xtask::server::{Proxy, Server};

static ETCD: LazyLock<PathBuf> = LazyLock::new(|| xtask::obtain(None).unwrap());

fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(format!("{request}\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn requests_go_through_and_are_noted() {
    let (server, proxy) = (Server::start(&ETCD).unwrap(), Proxy::start().unwrap());
    assert_eq!(proxy.requests().unwrap(), Vec::<String>::new());
    let request = format!("GET {}/version HTTP/1.1", server.endpoint());
    let answer = ask(&proxy.address(), &request);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("etcdserver"), "{answer}");
    assert_eq!(proxy.requests().unwrap(), [request]);
}

#[test]
fn settings_count() {
    let proxy = Proxy::start_with(&["BasicAuth me secret"]).unwrap();
    let answer = ask(&proxy.address(), "GET http://127.0.0.1:1/ HTTP/1.1");
    assert!(answer.contains(" 407 Proxy Authentication Required\r\n"), "{answer}");
    let error = Proxy::start_with(&["Nonsense 7"]).unwrap_err().to_string();
    assert!(error.contains("the proxy has ended"), "{error}");
}

#[test]
fn a_dropped_proxy_listens_no_more() {
    let proxy = Proxy::start().unwrap();
    let address = proxy.address();
    assert!(TcpStream::connect(&address).is_ok());
    drop(proxy);
    assert!(TcpStream::connect(&address).is_err());
}
