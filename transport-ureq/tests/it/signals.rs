//! A process in which SIGPIPE ends what writes to a broken connection, as in most languages.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use bytes::Bytes;
use etcd_v2_proto::Stage;
use transport_ureq::UreqTransport;

use crate::ways::ways;
use crate::{failure, in_a_child, put};

/// Set in processes that a test has started.
const CHILD: &str = "IN_A_CHILD";

fn is_a_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

#[test]
fn broken_writes_are_errors_though_sigpipe_has_its_default() {
    in_a_child("signals::writes_to_servers_that_close", &[(CHILD, "1")]);
}

#[test]
fn the_same_setting_ends_a_process_that_writes_carelessly() {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "signals::writes_to_a_closed_pipe"]).env(CHILD, "1");
    assert_eq!(child.output().unwrap().status.signal(), Some(13));
}

#[test]
fn writes_to_a_closed_pipe() {
    if is_a_child() {
        sigpipe::reset();
        let (reader, mut writer) = std::io::pipe().unwrap();
        drop(reader);
        let _ = writer.write_all(b"x");
    }
}

#[test]
fn writes_to_servers_that_close() {
    if !is_a_child() {
        return;
    }
    sigpipe::reset();
    for reads in [0, 1, 5] {
        let ways = ways(&UreqTransport::builder(), move |mut peer| {
            // The handshake, for those that have one.
            peer.read_once_raw();
            for _ in 0..reads {
                peer.read_once_raw();
            }
            if peer.number % 2 == 0 {
                peer.reset();
            }
        });
        for way in ways {
            for size in [100 << 10, 1 << 20, 8 << 20, 8 << 20, 8 << 20, 8 << 20] {
                let request = put(&way.url("/"), "").map(|_| Bytes::from(vec![b'x'; size]));
                let failure = failure(&way.transport, request);
                assert_eq!(failure.stage(), Stage::AfterSend, "{}: {failure}", way.name);
            }
        }
    }
}
