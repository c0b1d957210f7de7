//! A process that forks: parent and child share no connection.

use fork::{Fork, fork, waitpid};
use tokio::runtime::{Builder, Runtime};
use transport_hyper::HyperTransport;

use crate::server::Server;
use crate::{ask, get, in_a_child};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs this test in a process of its own, where no other test runs while it forks.
fn alone(test: &str, act: fn()) {
    if std::env::var("TEST").is_ok() {
        return act();
    }
    in_a_child(&format!("forked::{test}"), &[("TEST", "1")]);
}

/// Does something in a fork of this process, which must succeed.
fn in_a_fork(act: impl FnOnce() -> bool) -> i32 {
    match fork().unwrap() {
        Fork::Child => std::process::exit(i32::from(!act())),
        Fork::Parent(child) => child,
    }
}

fn echoes(runtime: &Runtime, transport: &HyperTransport, server: &Server, path: &str) -> bool {
    let answer = runtime.block_on(ask(transport, get(server, path)));
    answer.is_ok_and(|(_, body)| body == path)
}

#[test]
fn a_connection_of_the_parent_is_not_used_in_the_child() {
    alone("a_connection_of_the_parent_is_not_used_in_the_child", || {
        let (server, runtime) = (Server::echo(), runtime());
        let transport = HyperTransport::new();
        assert!(echoes(&runtime, &transport, &server, "/parent"));
        let child = in_a_fork(|| {
            (0..3).all(|number| echoes(&runtime, &transport, &server, &format!("/child/{number}")))
        });
        assert_eq!(waitpid(child).unwrap(), 0);
        assert_eq!(server.accepted(), 2, "one for each process");
        // What the child did with its copy has not disturbed the parent.
        assert!(echoes(&runtime, &transport, &server, "/parent"));
        assert_eq!((server.accepted(), server.requests().len()), (2, 5));
    });
}

#[test]
fn parent_and_child_get_their_own_responses_at_the_same_time() {
    alone("parent_and_child_get_their_own_responses_at_the_same_time", || {
        let server = Server::echo();
        let transport = HyperTransport::new();
        let before = runtime();
        assert!(echoes(&before, &transport, &server, "/parent"));
        let ask_often = |runtime: &Runtime, name: &str| {
            (0..200)
                .all(|number| echoes(runtime, &transport, &server, &format!("/{name}/{number}")))
        };
        // A runtime does not survive a fork: its epoll instance belongs to both processes.
        let child = in_a_fork(|| ask_often(&runtime(), "child"));
        assert!(ask_often(&before, "parent"));
        assert_eq!(waitpid(child).unwrap(), 0);
        assert_eq!(server.accepted(), 2);
    });
}
