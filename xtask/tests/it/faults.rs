//! Members that are killed, stopped and restarted.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    sync::LazyLock,
    thread,
    time::Duration,
};

use xtask::server::{Cluster, Server};

static ETCD: LazyLock<PathBuf> = LazyLock::new(|| xtask::obtain(None).unwrap());

/// The whole answer, or what came of it within a second.
fn ask(endpoint: &str, method: &str, key: &str) -> String {
    let address = endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let request =
        format!("{method} /v2/keys{key} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // What came before the time was up is kept.
    _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

#[test]
fn a_server_remembers_over_a_kill() {
    let mut server = Server::start(&ETCD).unwrap();
    let endpoint = server.endpoint().to_owned();
    assert!(ask(&endpoint, "PUT", "/a?value=kept").starts_with("HTTP/1.1 201"));

    let member = server.member();
    member.kill9().unwrap();
    assert!(!member.is_running());
    assert_eq!(member.pid(), None);
    assert!(member.stop().is_err());

    member.restart().unwrap();
    member.wait_until_ready().unwrap();
    assert!(ask(&endpoint, "GET", "/a").contains("kept"));
}

#[test]
fn a_stopped_member_is_silent_until_it_goes_on() {
    let mut cluster = Cluster::start(&ETCD, 3).unwrap();
    let endpoint = cluster.endpoints()[0].clone();
    let member = &mut cluster.members()[0];
    member.stop().unwrap();
    assert!(member.is_running());
    assert_eq!(ask(&endpoint, "GET", "/"), "");

    member.cont().unwrap();
    member.wait_until_ready().unwrap();
    assert!(ask(&endpoint, "GET", "/").starts_with("HTTP/1.1 200"));
}

/// How many threads of a process can still run.
#[cfg(target_os = "linux")]
fn running(process: u32) -> usize {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let stat = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("stat"));
    let stats = threads.filter_map(|thread| stat(thread.ok()?).ok());
    stats.filter(|stat| !stat.rsplit_once(") ").unwrap().1.starts_with('T')).count()
}

#[cfg(target_os = "linux")]
#[test]
fn a_stopped_member_stands_still_at_once() {
    let mut server = Server::start(&ETCD).unwrap();
    let endpoint = server.endpoint().to_owned();
    let process = server.member().pid().unwrap();
    for round in 0..50 {
        let client = thread::spawn({
            let endpoint = endpoint.clone();
            move || ask(&endpoint, "GET", "/?recursive=true")
        });
        server.member().stop().unwrap();
        assert_eq!(running(process), 0, "round {round}");
        server.member().cont().unwrap();
        assert!(client.join().unwrap().starts_with("HTTP/1.1 200"));
    }
}

#[test]
fn two_of_three_carry_on() {
    let mut cluster = Cluster::start(&ETCD, 3).unwrap();
    let endpoints = cluster.endpoints();
    cluster.members()[0].term().unwrap();
    for member in &mut cluster.members()[1..] {
        member.wait_until_ready().unwrap();
    }
    assert!(ask(&endpoints[1], "PUT", "/a?value=new").starts_with("HTTP/1.1 201"));

    cluster.members()[0].restart().unwrap();
    cluster.members()[0].wait_until_ready().unwrap();
    assert!(ask(&endpoints[0], "GET", "/a?quorum=true").contains("new"));
}

#[test]
fn nothing_is_left_after_a_drop() {
    let mut server = Server::start(&ETCD).unwrap();
    let log = server.member().log().to_owned();
    let address = server.endpoint().trim_start_matches("http://").to_owned();
    assert!(log.exists());
    drop(server);
    assert!(!log.parent().unwrap().exists());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn servers_outlive_the_thread_that_started_them() {
    let mut server = thread::spawn(|| Server::start(&ETCD).unwrap()).join().unwrap();
    assert!(server.member().is_running());
    assert!(ask(server.endpoint(), "GET", "/").starts_with("HTTP/1.1 200"));
}

#[test]
fn the_reason_is_in_the_error() {
    let mut server = Server::start(&ETCD).unwrap();
    let folder = server.member().log().parent().unwrap().join("member0");
    server.member().kill9().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "in the way").unwrap();
    server.member().restart().unwrap();
    let error = server.member().wait_until_ready().unwrap_err().to_string();
    assert!(error.contains("has ended") && error.contains("data dir"), "{error}");
}
