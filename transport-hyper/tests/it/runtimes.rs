//! One transport, and several runtimes or none.

use etcd_v2_proto::{AsyncTransport, Interrupt, Stage, Timing};
use tokio::runtime::{Builder, Runtime};
use transport_hyper::HyperTransport;

use crate::server::Server;
use crate::{ask, get, poll_once, put};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn connections_of_a_runtime_that_is_gone_are_dead() {
    let server = Server::echo();
    let transport = HyperTransport::new();
    for number in 1..4 {
        let runtime = runtime();
        runtime.block_on(ask(&transport, put(&server, "/a"))).unwrap();
        runtime.block_on(ask(&transport, put(&server, "/a"))).unwrap();
        assert_eq!((server.accepted(), server.saw("/a")), (number, 2 * number));
        drop(runtime);
        assert!(format!("{transport:?}").contains("idle: 0"), "nothing of it is kept open");
    }
}

#[test]
fn runtimes_side_by_side_use_their_own_connections() {
    let server = Server::echo();
    let transport = HyperTransport::new();
    let (one, two) = (runtime(), runtime());
    for _ in 0..3 {
        // While one is run, the other one stands still.
        one.block_on(ask(&transport, put(&server, "/1"))).unwrap();
        two.block_on(ask(&transport, put(&server, "/2"))).unwrap();
    }
    assert_eq!((server.accepted(), server.requests().len()), (2, 6));
}

#[test]
fn connections_are_shared_by_the_threads_of_a_runtime() {
    let server = Server::echo();
    let transport = HyperTransport::new();
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for number in 0..100 {
            let (transport, path) = (transport.clone(), format!("/{number}"));
            let request = get(&server, &path);
            let answer = tokio::spawn(async move { ask(&transport, request).await });
            assert_eq!(answer.await.unwrap().unwrap().1, path);
        }
    });
    assert_eq!(server.requests().len(), 100);
    assert!(server.accepted() < 10, "{} connections were made", server.accepted());
}

#[test]
fn without_a_runtime_calls_fail_before_sending() {
    let server = Server::echo();
    let transport = HyperTransport::new();
    let never = Interrupt::never();
    let call = transport.send(get(&server, "/a"), Timing::default(), &never);
    let failure = poll_once(call).unwrap().map(|(head, _)| head).unwrap_err();
    assert_eq!(failure.stage(), Stage::BeforeSend);
    assert!(failure.to_string().contains("Tokio"), "{failure}");

    let pause = std::time::Duration::from_secs(1);
    assert!(poll_once(transport.sleep(pause, &never)).unwrap().is_err());
}

#[test]
fn a_runtime_without_drivers_panics_in_the_words_of_tokio_as_documented() {
    let server = Server::echo();
    let timing = Timing::new(None, Some(crate::PATIENCE));
    for (mut builder, missing) in
        [(Builder::new_current_thread(), "IO"), (Builder::new_multi_thread(), "IO")]
    {
        let runtime = builder.enable_time().build().unwrap();
        let (transport, request) = (HyperTransport::new(), get(&server, "/a"));
        let call = runtime.spawn(async move {
            transport.send(request, timing, &Interrupt::never()).await.map(|(head, _)| head)
        });
        let panic = runtime.block_on(call).unwrap_err().into_panic();
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap();
        assert!(text.contains(missing) && text.contains("disabled"), "{text}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_that_nothing_holds_reaches_limits_at_once_as_documented() {
    let server = Server::start(|peer| {
        peer.request();
        peer.drain();
    });
    let (started, hour) = (std::time::Instant::now(), std::time::Duration::from_secs(3600));
    let timing = Timing::new(None, Some(hour));
    let request = get(&server, "/a");
    let failure =
        crate::failure_within(&HyperTransport::new(), request, timing, &Interrupt::never()).await;
    assert_eq!(failure.cause(), etcd_v2_proto::Cause::TimedOut);
    assert!(started.elapsed() < hour / 60);
}

#[test]
fn a_body_can_be_read_without_a_runtime() {
    let server = Server::echo();
    let transport = HyperTransport::new();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let never = Interrupt::never();
    let (_, mut body) =
        runtime.block_on(transport.send(get(&server, "/a"), Timing::default(), &never)).unwrap();
    let started = std::time::Instant::now();
    loop {
        match poll_once(crate::chunk(&mut body, None)) {
            Some(Ok(Some(piece))) => assert_eq!(piece, "/a"),
            Some(end) => break assert!(end.unwrap().is_none()),
            None => assert!(started.elapsed() < crate::PATIENCE),
        }
    }
}
