//! Servers that speak TLS, seen by somebody who does not.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    sync::LazyLock,
};

use xtask::{
    certificates::Authority,
    server::{Cluster, Security, Server},
};

static ETCD: LazyLock<PathBuf> = LazyLock::new(|| xtask::obtain(None).unwrap());

/// What a server answers that is asked without TLS.
fn ask(endpoint: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(endpoint.trim_start_matches("https://")).unwrap();
    stream.write_all(b"GET /v2/keys/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // It may cut the connection.
    _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn a_secured_server_has_no_ear_for_plain_http() {
    let authority = Authority::new("test").unwrap();
    for pair in [
        authority.for_hosts(&["127.0.0.1"]).unwrap(),
        authority.expired(&["127.0.0.1"]).unwrap(),
        authority.for_user("somebody").unwrap(),
    ] {
        let security = Security::showing(&pair).admitting(&authority);
        let mut server = Server::secured(&ETCD, security).unwrap();
        assert!(server.endpoint().starts_with("https://127.0.0.1:"));
        assert!(!ask(server.endpoint()).starts_with(b"HTTP/1.1 200"));
        server.member().restart().unwrap();
        server.member().wait_until_ready().unwrap();
    }
}

#[test]
fn all_members_of_a_secured_cluster_are_secured() {
    let pair = Authority::new("test").unwrap().for_hosts(&["127.0.0.1"]).unwrap();
    let cluster = Cluster::secured(&ETCD, 3, Security::showing(&pair)).unwrap();
    for endpoint in cluster.endpoints() {
        assert!(endpoint.starts_with("https://127.0.0.1:"));
        assert!(!ask(&endpoint).starts_with(b"HTTP/1.1 200"));
    }
}

#[test]
fn keys_are_not_shown() {
    let pair = Authority::new("test").unwrap().for_user("somebody").unwrap();
    let shown = format!("{pair:?}");
    assert!(pair.key.lines().all(|line| !shown.contains(line)), "{shown}");
}
