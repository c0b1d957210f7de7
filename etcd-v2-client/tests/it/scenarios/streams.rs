//! What only one of the two clients can do: streams and futures here, iterators and threads there.

use etcd_v2_client::keys::Wait;

use crate::server::{Server, change, etcd};

/// Tells changes with growing indices to whoever waits.
fn counting() -> Server {
    Server::each(|seen| {
        let index =
            seen.target.split_once("waitIndex=").map_or(8, |(_, index)| index.parse().unwrap());
        etcd(&change("set", "/a", &index.to_string(), index))
    })
}

#[cfg(feature = "hyper")]
mod futures {
    use std::pin::pin;

    use etcd_v2_client::Client;
    use etcd_v2_client::keys::{Get, Set};
    use futures_util::future::{Either, join_all, select};
    use futures_util::stream::FusedStream;
    use futures_util::{StreamExt, TryStreamExt};

    use super::{Wait, counting};
    use crate::both::ms;
    use crate::server::{Gate, Server, change, plausible};

    const HEAD: &str = "HTTP/1.1 200 OK\r\nX-Etcd-Index: 9\r\nTransfer-Encoding: chunked\r\n\r\n";

    fn client(server: &Server) -> Client {
        Client::builder()
            .endpoints([server.url()])
            .policy(|policy| policy.read_head = policy.write_head.map(Into::into))
            .build()
            .unwrap()
    }

    #[tokio::test]
    async fn watch_is_a_stream_like_any_other() {
        let server = counting();
        let client = client(&server);
        let indices: Vec<u64> = client
            .keys()
            .watch(Wait::new("/a").recursive())
            .map_ok(|change| change.index().unwrap())
            .try_filter(|index| std::future::ready(index % 2 == 1))
            .take(3)
            .try_collect()
            .await
            .unwrap();
        assert_eq!(indices, [9, 11, 13]);
    }

    #[tokio::test]
    async fn stream_of_a_stopped_watch_is_fused() {
        let server = counting();
        let mut watch = client(&server).keys().watch("/a");
        assert!(!watch.is_terminated());
        watch.next().await.unwrap().unwrap();
        watch.interrupt().stop();
        assert!(StreamExt::next(&mut watch).await.unwrap().unwrap_err().is_stopped());
        assert!(watch.next().await.is_none());
        assert!(watch.is_terminated());
        assert!(watch.next().await.is_none());
    }

    #[tokio::test]
    async fn timer_in_a_loop_costs_the_watch_nothing() {
        let server = Server::start(|peer| {
            for index in [11, 12, 13] {
                peer.request();
                std::thread::sleep(ms(200));
                peer.write(HEAD);
                std::thread::sleep(ms(300));
                let body = change("set", "/a", "1", index);
                peer.write(format!("{:x}\r\n{body}\r\n", body.len()));
                std::thread::sleep(ms(100));
                peer.write("0\r\n\r\n");
            }
            peer.request();
            peer.hang();
        });
        let mut watch = client(&server).keys().watch("/a");
        let (mut indices, mut ticks) = (Vec::new(), 0);
        while indices.len() < 3 {
            tokio::select! {
                change = watch.next() => indices.push(change.unwrap().unwrap().index().unwrap()),
                () = tokio::time::sleep(ms(10)) => ticks += 1,
            }
        }
        assert_eq!(indices, [11, 12, 13]);
        assert!(ticks > 30, "{ticks}");
        assert_eq!((server.count(), server.connections()), (3, 1));
        assert_eq!(server.closed(), 0);
    }

    #[tokio::test]
    async fn timer_in_a_loop_does_not_restart_the_limits_of_a_watch() {
        let (hung, server) = (Server::hung(), counting());
        let client = Client::builder()
            .endpoints([hung.url(), server.url()])
            .order(etcd_v2_client::Order::AsGiven)
            .policy(|policy| (policy.wait_head, policy.late) = (Some(ms(500)), None))
            .build()
            .unwrap();
        let mut watch = client.keys().watch("/a");
        let began = std::time::Instant::now();
        loop {
            tokio::select! {
                change = watch.next() => break drop(change.unwrap().unwrap()),
                () = tokio::time::sleep(ms(10)) => {}
            }
        }
        assert!(began.elapsed() >= ms(500) && began.elapsed() < ms(4000));
        assert_eq!((hung.count(), hung.connections(), server.count()), (1, 1, 1));
    }

    #[tokio::test]
    async fn timer_in_a_loop_does_not_restart_the_silence_of_a_watch() {
        let server = Server::start(|peer| {
            peer.request();
            peer.write(HEAD);
            if peer.number > 2 {
                let body = change("set", "/a", "1", 10);
                peer.write(format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()));
            }
            peer.hang();
        });
        // The server answers no probes either, of which the first would be due at about the same time.
        let client = client(&server).with(|policy| {
            (policy.watch_idle, policy.watch_probe) = (Some(ms(1200)), None);
        });
        let mut watch = client.keys().watch("/a");
        let (began, mut ticks) = (std::time::Instant::now(), 0);
        let change = loop {
            tokio::select! {
                change = watch.next() => break change,
                () = tokio::time::sleep(ms(1000)) => ticks += 1,
            }
        };
        assert_eq!(change.unwrap().unwrap().index(), Some(10), "nothing is lost either");
        assert!(ticks >= 1 && began.elapsed() < ms(6000), "{ticks} {:?}", began.elapsed());
        assert_eq!(server.count(), 3);
    }

    #[tokio::test]
    async fn timer_in_a_loop_does_not_restart_the_pauses_of_a_watch() {
        let server = Server::always("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let mut watch = client(&server).keys().watch("/a");
        let mut end = pin!(tokio::time::sleep(ms(1500)));
        loop {
            tokio::select! {
                change = watch.next() => panic!("{change:?}"),
                () = tokio::time::sleep(ms(5)) => {}
                () = &mut end => break,
            }
        }
        assert!((4..=25).contains(&server.count()), "{}", server.count());
    }

    #[tokio::test]
    async fn dropped_question_leaves_the_wait_open_and_the_dropped_watch_closes_it() {
        let server = Server::hung();
        let mut watch = client(&server).keys().watch("/a");
        let mut questions = 0;
        while questions < 20 || server.count() == 0 {
            assert!(tokio::time::timeout(ms(5), watch.next()).await.is_err());
            questions += 1;
        }
        assert_eq!((server.count(), server.closed()), (1, 0));
        drop(watch);
        tokio::task::spawn_blocking(move || server.until_closed(1)).await.unwrap();
    }

    #[tokio::test]
    async fn calls_can_be_raced_joined_and_moved_between_tasks() {
        let server = Server::healthy();
        let client = client(&server);
        let calls = (0..20).map(|number| {
            let keys = client.keys();
            async move { keys.set(format!("/{number}"), "1").await }
        });
        let results = join_all(calls.map(tokio::spawn)).await;
        assert!(results.into_iter().all(|result| result.unwrap().is_ok()));
        assert_eq!(server.count(), 20);

        let hung = Server::hung();
        let other = Client::builder().endpoints([hung.url()]).build().unwrap();
        let (quick, slow) = (client.send(Get::new("/a")), other.send(Get::new("/a")));
        let Either::Left((first, _)) = select(pin!(quick), pin!(slow)).await else {
            panic!("the one that never answers was quicker")
        };
        assert_eq!(first.unwrap().key(), Some("/a"));
    }

    #[tokio::test]
    async fn dropped_write_closes_its_connection_and_is_not_sent_again() {
        let gate = Gate::default();
        let answer = gate.clone();
        let server = Server::start(move |peer| {
            let seen = peer.request().unwrap();
            if peer.number == 1 {
                gate.wait();
            }
            peer.write(plausible(&seen));
            peer.hang();
        });
        let client = client(&server);
        let call = client.send(Set::new("/a", "1"));
        assert!(tokio::time::timeout(ms(200), call).await.is_err());
        answer.open();
        assert_eq!(client.send(Get::new("/b")).await.unwrap().key(), Some("/b"));
        assert_eq!(server.lines(), ["PUT /v2/keys/a", "GET /v2/keys/b"]);
        assert_eq!(server.connections(), 2);
    }

    #[test]
    fn call_without_a_runtime_is_an_error_and_no_panic() {
        let server = Server::healthy();
        let client = client(&server);
        let call = client.with(|policy| policy.passes = Some(1));
        let error = futures_util::FutureExt::now_or_never(call.send(Set::new("/a", "1")));
        let error = error.unwrap().unwrap_err();
        assert_eq!(error.outcome(), etcd_v2_client::Outcome::NotSent);
        assert!(error.to_string().contains("runtime") || error.to_string().contains("reactor"));
        assert_eq!(server.connections(), 0);
    }
}

#[cfg(feature = "ureq")]
mod iterators {
    use std::thread;

    use etcd_v2_client::blocking::Client;
    use etcd_v2_client::keys::Get;

    use super::{Wait, counting};
    use crate::server::Server;

    fn client(server: &Server) -> Client {
        Client::builder()
            .endpoints([server.url()])
            .policy(|policy| policy.read_head = policy.write_head.map(Into::into))
            .build()
            .unwrap()
    }

    #[test]
    fn watch_is_an_iterator_like_any_other() {
        let server = counting();
        let indices: Result<Vec<u64>, _> = client(&server)
            .keys()
            .watch(Wait::new("/a").recursive())
            .map(|change| change.map(|change| change.index().unwrap()))
            .filter(|index| index.as_ref().is_ok_and(|index| index % 2 == 1))
            .take(3)
            .collect();
        assert_eq!(indices.unwrap(), [9, 11, 13]);
    }

    #[test]
    fn iterator_of_a_stopped_watch_ends() {
        let server = counting();
        let mut watch = client(&server).keys().watch("/a");
        watch.next().unwrap().unwrap();
        watch.interrupt().stop();
        assert!(watch.next().unwrap().unwrap_err().is_stopped());
        assert!(watch.next().is_none() && watch.next().is_none());
    }

    #[test]
    fn one_client_serves_many_threads_with_few_connections() {
        let server = Server::healthy();
        let client = client(&server);
        thread::scope(|scope| {
            for thread in 0..8 {
                let client = client.clone();
                scope.spawn(move || {
                    for number in 0..10 {
                        let key = format!("/{thread}/{number}");
                        let read = client.send(Get::new(&key)).unwrap();
                        assert_eq!(read.key(), Some(key.as_str()));
                    }
                });
            }
        });
        assert_eq!(server.count(), 80);
        assert!(server.connections() <= 8, "{}", server.connections());
    }

    #[test]
    fn watch_is_moved_to_a_thread_and_stopped_from_this_one() {
        let server = counting();
        let watch = client(&server).keys().watch("/a");
        let interrupt = watch.interrupt().clone();
        let thread = thread::spawn(move || {
            let mut last = 7;
            for change in watch {
                let Ok(change) = change else { break };
                assert_eq!(change.index(), Some(last + 1));
                last += 1;
            }
            last
        });
        server.until_seen(5);
        interrupt.stop();
        assert!(thread.join().unwrap() >= 11);
    }
}
