//! Which connections are used again, and for how long they are kept.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use etcd_v2_proto::{AsyncTransport, Interrupt, Timing};
use transport_hyper::HyperTransport;

use crate::clock::Clock;
use crate::server::{Server, answer};
use crate::{ask, chunk, eventually, get, put, tasks};

#[tokio::test]
async fn requests_one_after_the_other_share_a_connection() {
    let server = Server::echo();
    let transport = HyperTransport::new();
    for number in 0..50 {
        let path = format!("/{number}");
        let request = if number % 2 == 0 { get(&server, &path) } else { put(&server, &path) };
        assert_eq!(ask(&transport, request).await.unwrap().1, path);
    }
    assert_eq!((server.accepted(), server.requests().len()), (1, 50));
}

#[tokio::test]
async fn all_framings_leave_the_connection_usable() {
    let server = Server::start(|peer| {
        for text in [
            answer("hello"),
            answer(""),
            "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n".to_owned(),
        ]
        .iter()
        .cycle()
        {
            if peer.request().is_none() {
                return;
            }
            peer.write(text);
        }
    });
    let transport = HyperTransport::new();
    for _ in 0..8 {
        ask(&transport, put(&server, "/a")).await.unwrap();
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_body_whose_length_is_reached_need_not_be_asked_for_its_end() {
    let server = Server::echo();
    let transport = HyperTransport::new();
    for _ in 0..3 {
        let never = Interrupt::never();
        let (_, mut body) =
            transport.send(get(&server, "/a"), Timing::default(), &never).await.unwrap();
        assert_eq!(chunk(&mut body, None).await.unwrap().unwrap(), "/a");
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn an_answer_without_a_body_need_not_be_read() {
    let server = Server::start(|peer| {
        while peer.request().is_some() {
            peer.answer("");
        }
    });
    let transport = HyperTransport::new();
    for _ in 0..3 {
        let never = Interrupt::never();
        transport.send(put(&server, "/a"), Timing::default(), &never).await.unwrap();
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn connections_that_the_server_ends_are_not_used_again() {
    for head in [
        "HTTP/1.1 200 OK\r\nConnection: close",
        "HTTP/1.0 200 OK",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive",
    ] {
        let server = Server::start(move |peer| {
            peer.request();
            peer.write(format!("{head}\r\nContent-Length: 2\r\n\r\nhi"));
            peer.drain();
        });
        let transport = HyperTransport::new();
        for number in 1..4 {
            assert_eq!(ask(&transport, put(&server, "/a")).await.unwrap().1, "hi");
            assert_eq!(server.accepted(), number);
            eventually("the connection is closed", || server.closed() == number).await;
        }
    }
}

#[tokio::test]
async fn extra_bytes_after_an_answer_are_not_the_next_answer() {
    let evil = answer("evil");
    let server = Server::start(move |peer| {
        peer.request();
        peer.write(answer("good") + &evil);
        peer.drain();
    });
    let transport = HyperTransport::new();
    for number in 1..4 {
        assert_eq!(ask(&transport, get(&server, "/a")).await.unwrap().1, "good");
        assert_eq!(server.accepted(), number);
    }
}

#[tokio::test]
async fn bytes_that_come_while_nobody_asks_are_not_the_next_answer() {
    let server = Server::start(move |peer| {
        peer.request();
        peer.answer("good");
        peer.write(answer("evil"));
        peer.drain();
    });
    let transport = HyperTransport::builder().idle_timeout(None).build();
    for number in 1..4 {
        assert_eq!(ask(&transport, get(&server, "/a")).await.unwrap().1, "good");
        tasks(0).await;
        assert_eq!(server.accepted(), number);
    }
}

#[tokio::test]
async fn waits_do_not_stand_in_the_way_of_others() {
    let server = Server::start(|peer| {
        while let Some(request) = peer.request() {
            if request.starts_with("GET /wait") {
                peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                peer.drain();
                return;
            }
            peer.answer("now");
        }
    });
    let transport = HyperTransport::new();
    let never = Interrupt::never();
    let mut waits = Vec::new();
    for _ in 0..5 {
        ask(&transport, get(&server, "/a")).await.unwrap();
        let wait = transport.send(get(&server, "/wait"), Timing::default(), &never).await;
        waits.push(wait.unwrap().1);
    }
    ask(&transport, get(&server, "/a")).await.unwrap();
    assert_eq!(server.accepted(), 6, "each wait took the free connection");
    drop(waits);
    eventually("the waits are over", || server.closed() == 5).await;
    ask(&transport, get(&server, "/a")).await.unwrap();
    assert_eq!(server.accepted(), 6);
}

/// Asks for something on four connections at the same time.
async fn four_at_once(transport: &HyperTransport, server: &Server) {
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let (transport, request) = (transport.clone(), get(server, "/a"));
            tokio::spawn(async move { ask(&transport, request).await.unwrap() })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
}

/// Answers when four requests are there.
fn four_at_once_server() -> Server {
    let barrier = Arc::new(Barrier::new(4));
    Server::start(move |peer| {
        while peer.request().is_some() {
            barrier.wait();
            peer.answer("hi");
        }
    })
}

#[tokio::test]
async fn no_more_connections_are_kept_than_allowed() {
    let server = four_at_once_server();
    let transport = HyperTransport::builder().max_idle_per_origin(1).build();
    four_at_once(&transport, &server).await;
    eventually("three are closed", || server.closed() == 3).await;
    four_at_once(&transport, &server).await;
    assert_eq!(server.accepted(), 4 + 3);

    let server = four_at_once_server();
    let transport = HyperTransport::new();
    for _ in 0..3 {
        four_at_once(&transport, &server).await;
    }
    assert_eq!((server.accepted(), server.closed()), (4, 0));
}

#[tokio::test]
async fn nothing_is_kept_if_nothing_may_be() {
    let none = HyperTransport::builder().max_idle(0);
    let none_per_origin = HyperTransport::builder().max_idle_per_origin(0);
    for transport in [none.build(), none_per_origin.build()] {
        let server = Server::echo();
        for number in 1..4 {
            ask(&transport, get(&server, "/a")).await.unwrap();
            eventually("it is closed", || server.closed() == number).await;
        }
        tasks(0).await;
    }
}

#[tokio::test]
async fn the_connection_that_was_not_used_for_the_longest_time_makes_room() {
    let servers = [Server::echo(), Server::echo(), Server::echo()];
    let transport = HyperTransport::builder().max_idle(2).build();
    for server in [&servers[0], &servers[1], &servers[0], &servers[2]] {
        ask(&transport, get(server, "/a")).await.unwrap();
    }
    eventually("one is closed", || servers[1].closed() == 1).await;
    for server in &servers {
        ask(&transport, get(server, "/a")).await.unwrap();
    }
    assert_eq!(servers.each_ref().map(Server::accepted), [1, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn unused_connections_are_closed_while_the_client_is_quiet() {
    let clock = Clock::hold();
    let server = four_at_once_server();
    let transport = HyperTransport::new();
    four_at_once(&transport, &server).await;
    tasks(1).await;
    clock.advance(Duration::from_secs(59)).await;
    assert_eq!(server.closed(), 0);
    clock.advance(Duration::from_secs(2)).await;
    eventually("all are closed", || server.closed() == 4).await;
    tasks(0).await;
    assert!(format!("{transport:?}").contains("idle: 0"));
}

#[tokio::test(start_paused = true)]
async fn unused_connections_are_closed_as_soon_as_the_limit_says() {
    let clock = Clock::hold();
    let server = Server::echo();
    let transport =
        HyperTransport::builder().idle_timeout(Some(Duration::from_millis(200))).build();
    for number in 1..3 {
        ask(&transport, get(&server, "/a")).await.unwrap();
        clock.advance(Duration::from_millis(150)).await;
        ask(&transport, get(&server, "/a")).await.unwrap();
        assert_eq!((server.accepted(), server.closed()), (number, number - 1));
        clock.advance(Duration::from_millis(250)).await;
        eventually("it is closed", || server.closed() == number).await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_unused_connections_are_kept_for_days() {
    let clock = Clock::hold();
    let server = Server::echo();
    let transport = HyperTransport::builder().idle_timeout(None).build();
    ask(&transport, get(&server, "/a")).await.unwrap();
    for _ in 0..3 {
        clock.advance(Duration::from_secs(2)).await;
        clock.advance(Duration::from_secs(30 * 60 * 60)).await;
    }
    assert!(format!("{transport:?}").contains("idle: 1"));
    ask(&transport, get(&server, "/a")).await.unwrap();
    assert_eq!((server.accepted(), server.closed()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn connections_in_use_are_not_evicted() {
    let clock = Clock::hold();
    let server = Server::echo();
    let transport = HyperTransport::builder().idle_timeout(Some(Duration::from_secs(5))).build();
    for _ in 0..10 {
        ask(&transport, get(&server, "/a")).await.unwrap();
        clock.advance(Duration::from_secs(4)).await;
    }
    assert_eq!((server.accepted(), server.closed()), (1, 0));
    clock.advance(Duration::from_secs(2)).await;
    eventually("it is closed", || server.closed() == 1).await;
    ask(&transport, get(&server, "/a")).await.unwrap();
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn a_transport_leaves_nothing_behind() {
    let server = Server::echo();
    let transport = HyperTransport::new();
    ask(&transport, get(&server, "/a")).await.unwrap();
    tasks(1).await;
    let other = transport.clone();
    drop(transport);
    ask(&other, get(&server, "/a")).await.unwrap();
    assert_eq!(server.accepted(), 1, "clones share the connections");
    drop(other);
    tasks(0).await;
    eventually("the connection is closed", || server.closed() == 1).await;
}

#[tokio::test]
async fn origins_do_not_share_connections() {
    let (one, two) = (Server::echo(), Server::echo());
    let transport = HyperTransport::new();
    for _ in 0..3 {
        ask(&transport, get(&one, "/1")).await.unwrap();
        ask(&transport, get(&two, "/2")).await.unwrap();
    }
    assert_eq!((one.accepted(), one.saw("/1"), one.saw("/2")), (1, 3, 0));
    assert_eq!((two.accepted(), two.saw("/1"), two.saw("/2")), (1, 0, 3));
}
