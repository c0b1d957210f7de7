//! Servers of every version get the flags that they know. Old ones cannot be had everywhere, so programs that only
//! pretend to be etcd stand in for them: they refuse flags that their version does not have.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    thread,
    time::Duration,
};

use xtask::server::{Cluster, Server};

/// Each with a number after which it is called, in the words of that version.
const OLD: [&str; 8] = [
    "etcd version 2.0.13",
    "etcd Version: 2.1.3",
    "etcd Version: 2.2.5",
    "etcd Version: 2.3.8",
    "etcd Version: 3.0.17",
    "etcd Version: 3.1.20",
    "etcd Version: 3.2.32",
    "etcd Version: 3.3.27",
];
/// These have the v2 API off by default, and a flag for it.
const NEW: [&str; 2] = ["etcd Version: 3.4.23", "etcd Version: 3.5.16"];

/// A program that pretends to be an etcd of this version. The server itself is this test binary.
fn pretend(folder: &Path, version: &str) -> PathBuf {
    let is_new = NEW.contains(&version);
    let switch = if is_new { "--enable-v2=true) v2=on;; --enable-v2=false) v2=off;;" } else { "" };
    let default = if is_new { "off" } else { "on" };
    let server = env::current_exe().unwrap();
    let script = format!(
        r#"#!/bin/sh
if [ "$1" = --version ]; then echo "{version}"; exit 0; fi
v2={default}
for flag in "$@"; do
    case "$flag" in
        --listen-client-urls=http://*) address=${{flag#--listen-client-urls=http://}};;
        --name=*|--advertise-client-urls=*|--listen-peer-urls=*|--initial-advertise-peer-urls=*) ;;
        --initial-cluster=*|--initial-cluster-state=*|--data-dir=*|--snapshot-count=*) ;;
        {switch}
        *) echo "flag provided but not defined: $flag" >&2; exit 2;;
    esac
done
FAKE_ADDRESS=$address FAKE_V2=$v2 exec "{}" --exact versions::answers_as_etcd --nocapture
"#,
        server.display()
    );
    let etcd = folder.join("etcd");
    // Written by a shell: a file that this process has open for writing cannot be run.
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"cat >"$1"; chmod +x "$1""#, "sh"]).arg(&etcd).stdin(Stdio::piped());
    let mut child = shell.spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    etcd
}

/// The server of a program that [pretends](pretend) to be etcd. Without its variables there is nothing to do.
#[test]
fn answers_as_etcd() {
    let Ok(address) = env::var("FAKE_ADDRESS") else { return };
    // Whoever started it ends it much earlier.
    thread::spawn(|| {
        thread::sleep(Duration::from_secs(120));
        process::exit(1);
    });
    let status = if env::var("FAKE_V2").unwrap() == "on" { "200 OK" } else { "404 Not Found" };
    let listener = TcpListener::bind(address).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let lines = BufReader::new(&stream).lines();
        if lines.map_while(Result::ok).any(|line| line.is_empty()) {
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
            _ = stream.write_all(head.as_bytes());
        }
    }
}

#[test]
fn servers_of_every_version_get_only_flags_that_they_know() {
    for version in OLD.into_iter().chain(NEW) {
        let folder = tempfile::tempdir().unwrap();
        let etcd = pretend(folder.path(), version);
        let started = Server::start(&etcd);
        assert!(started.is_ok(), "{version}: {:#}", started.unwrap_err());
        drop(started);
        let started = Cluster::start_with(&etcd, 1, &["--snapshot-count=100"]);
        assert!(started.is_ok(), "{version}: {:#}", started.unwrap_err());
    }
}

#[test]
fn only_versions_with_a_switch_are_started_without_v2() {
    let folder = tempfile::tempdir().unwrap();
    for version in OLD {
        let etcd = pretend(folder.path(), version);
        assert!(Server::without_v2(&etcd).unwrap().is_none(), "{version}");
    }
    for version in NEW {
        let etcd = pretend(folder.path(), version);
        let mut server = Server::without_v2(&etcd).unwrap().unwrap();
        assert!(server.member().is_running(), "{version}");
    }
}

#[test]
fn a_flag_that_a_version_does_not_have_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let etcd = pretend(folder.path(), OLD[3]);
    let error = Cluster::start_with(&etcd, 1, &["--enable-v2=true"]).unwrap_err().to_string();
    assert!(error.contains("not defined: --enable-v2=true"), "{error}");
}
