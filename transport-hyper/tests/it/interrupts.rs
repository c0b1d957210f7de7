//! Calls that are ended from outside: by an interrupt, or by dropping them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use etcd_v2_proto::{AsyncTransport, Cause, Failure, Interrupt, Stage, Timing};
use http::Request;
use tokio::task::JoinHandle;
use transport_hyper::HyperTransport;

use crate::connectors::Never;
use crate::server::Server;
use crate::{ask, eventually, get, put, tasks};

fn silent() -> Server {
    Server::start(|peer| {
        peer.request();
        peer.drain();
    })
}

fn start(
    transport: &HyperTransport,
    request: Request<Bytes>,
    interrupt: &Interrupt,
) -> JoinHandle<Failure> {
    let (transport, interrupt) = (transport.clone(), interrupt.clone());
    tokio::spawn(async move {
        let answer = transport.send(request, Timing::default(), &interrupt).await;
        answer.map(|(head, _)| head).unwrap_err()
    })
}

type Use = fn(&Interrupt);

const USES: [(Use, Cause); 2] =
    [(Interrupt::stop, Cause::Stopped), (Interrupt::leave, Cause::Left)];

#[tokio::test]
async fn an_interrupt_while_connecting_is_a_failure_before_sending() {
    let server = silent();
    let transport = HyperTransport::builder().connector(Never).build();
    for (interrupt, cause) in USES {
        let handle = Interrupt::new();
        let call = start(&transport, put(&server, "/a"), &handle);
        tasks(1).await;
        tokio::task::yield_now().await;
        assert!(!call.is_finished());
        std::thread::spawn(move || interrupt(&handle));
        let failure = call.await.unwrap();
        assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, cause));
    }
}

#[tokio::test]
async fn an_interrupt_while_waiting_for_the_head_is_a_failure_after_sending() {
    let (server, transport) = (silent(), HyperTransport::new());
    for (number, (interrupt, cause)) in USES.into_iter().enumerate() {
        let handle = Interrupt::new();
        let call = start(&transport, put(&server, "/a"), &handle);
        eventually("the request is there", || server.requests().len() == number + 1).await;
        assert!(!call.is_finished());
        std::thread::spawn(move || interrupt(&handle));
        let failure = call.await.unwrap();
        assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, cause));
        eventually("the connection is closed", || server.closed() == number + 1).await;
    }
}

#[tokio::test]
async fn an_interrupt_that_was_used_before_lets_nothing_be_sent() {
    let server = Server::echo();
    let transport = HyperTransport::new();
    ask(&transport, get(&server, "/0")).await.unwrap();
    for (interrupt, cause) in USES {
        let handle = Interrupt::new();
        interrupt(&handle);
        let failure = start(&transport, put(&server, "/1"), &handle).await.unwrap();
        assert_eq!((failure.stage(), failure.cause()), (Stage::BeforeSend, cause));
    }
    ask(&transport, get(&server, "/2")).await.unwrap();
    assert_eq!((server.accepted(), server.saw("/1")), (1, 0));
}

#[tokio::test]
async fn an_interrupt_ends_sleep() {
    let transport = HyperTransport::new();
    for (interrupt, cause) in USES {
        let handle = Interrupt::new();
        let sleeper = tokio::spawn({
            let (transport, handle) = (transport.clone(), handle.clone());
            async move { transport.sleep(std::time::Duration::MAX, &handle).await }
        });
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        std::thread::spawn(move || interrupt(&handle));
        assert_eq!(sleeper.await.unwrap().unwrap_err().cause(), cause);
    }
}

#[tokio::test]
async fn an_unused_interrupt_changes_nothing() {
    let server = Server::echo();
    let transport = HyperTransport::new();
    let interrupt = Interrupt::new();
    for _ in 0..3 {
        transport.send(get(&server, "/a"), Timing::default(), &interrupt).await.unwrap();
    }
    assert_eq!(interrupt.take(), None);
}

#[tokio::test]
async fn a_call_dropped_while_it_waits_closes_the_connection() {
    let (server, transport) = (silent(), HyperTransport::new());
    let call = start(&transport, put(&server, "/a"), &Interrupt::never());
    eventually("the request is there", || server.requests().len() == 1).await;
    call.abort();
    eventually("the connection is closed", || server.closed() == 1).await;
    tasks(0).await;
}

#[tokio::test]
async fn a_call_dropped_on_a_kept_connection_closes_it() {
    let server = Server::start(|peer| {
        peer.request();
        peer.answer("hi");
        peer.request();
        peer.drain();
    });
    let transport = HyperTransport::builder().idle_timeout(None).build();
    ask(&transport, get(&server, "/0")).await.unwrap();
    let call = start(&transport, put(&server, "/1"), &Interrupt::never());
    eventually("the request is there", || server.saw("/1") == 1).await;
    call.abort();
    eventually("the connection is closed", || server.closed() == 1).await;
    tasks(0).await;
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_call_dropped_in_the_middle_of_its_request_closes_the_connection() {
    const LENGTH: usize = 64 << 20;
    let (go_on, wait) = mpsc::channel::<()>();
    let (wait, received) = (Mutex::new(wait), Arc::new(Mutex::new(None)));
    let has_begun = Arc::new(AtomicBool::new(false));
    let server = Server::start({
        let (received, has_begun) = (Arc::clone(&received), Arc::clone(&has_begun));
        move |peer| {
            // Reads no more until the call is gone, so that the request is stuck on its way.
            peer.read_once();
            has_begun.store(true, Ordering::SeqCst);
            wait.lock().unwrap().recv().unwrap();
            *received.lock().unwrap() = Some(peer.drain());
        }
    });
    let transport = HyperTransport::new();
    let request = put(&server, "/a").map(|_| Bytes::from(vec![b'x'; LENGTH]));
    let call = start(&transport, request, &Interrupt::never());
    eventually("some of it has come", || has_begun.load(Ordering::SeqCst)).await;
    call.abort();
    tasks(0).await;
    go_on.send(()).unwrap();
    eventually("the server sees the end", || received.lock().unwrap().is_some()).await;
    let received = received.lock().unwrap().unwrap();
    assert!(received < LENGTH, "{received} bytes came");
}
