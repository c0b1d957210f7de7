//! Where bodies end, and where they only seem to.

use etcd_v2_proto::{AsyncTransport, Cause, Failure, Interrupt, Stage, Timing};
use transport_hyper::HyperTransport;

use crate::server::{Server, answer};
use crate::{ask, chunk, eventually, get, rest};

/// Sends that answer and closes.
async fn answered(bytes: impl Into<Vec<u8>>) -> Result<String, Failure> {
    let bytes = bytes.into();
    let server = Server::start(move |peer| {
        peer.request();
        peer.write(&bytes);
        peer.close();
    });
    ask(&HyperTransport::new(), get(&server, "/a")).await.map(|(_, text)| text)
}

async fn broken(bytes: &str) -> String {
    let failure = answered(bytes).await.unwrap_err();
    assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
    failure.to_string()
}

#[tokio::test]
async fn bodies_of_every_framing_are_read_to_the_end() {
    assert_eq!(answered(answer("hello")).await.unwrap(), "hello");
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(
        answered(format!("{chunked}3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")).await.unwrap(),
        "hello"
    );
    assert_eq!(answered(format!("{chunked}0\r\n\r\n")).await.unwrap(), "");
    assert_eq!(answered("HTTP/1.1 204 No Content\r\n\r\n").await.unwrap(), "");
    let large = "x".repeat(3 << 20);
    assert_eq!(answered(answer(&large)).await.unwrap(), large);
    let one_chunk = format!("{chunked}{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    assert_eq!(answered(one_chunk).await.unwrap(), large);
}

#[tokio::test]
async fn trailers_are_skipped() {
    let text =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: 1\r\n\r\n";
    assert_eq!(answered(text).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_body_without_a_length_ends_with_the_connection() {
    assert_eq!(answered("HTTP/1.0 200 OK\r\n\r\nhello").await.unwrap(), "hello");
    assert_eq!(answered("HTTP/1.1 200 OK\r\n\r\nhello").await.unwrap(), "hello");
}

#[tokio::test]
async fn a_body_that_is_shorter_than_its_length_is_never_complete() {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello";
    assert_eq!(broken(text).await, "connection broke: end of file before message length reached");
    assert_eq!(
        broken("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n").await,
        "connection broke: end of file before message length reached"
    );
}

#[tokio::test]
async fn a_chunked_body_without_its_last_chunk_is_never_complete() {
    let whole = "5\r\nhello\r\n0\r\n\r\n";
    for cut in 0..whole.len() {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
        broken(&(text + &whole[..cut])).await;
    }
}

#[tokio::test]
async fn a_head_that_is_cut_is_a_failure_after_sending() {
    assert!(
        broken("").await.starts_with("connection broke: the server closed the connection without")
    );
    assert_eq!(
        broken("HTTP/1.1 200 OK\r\nContent-").await,
        "connection broke: connection closed before message completed"
    );
}

#[tokio::test]
async fn what_came_before_a_body_broke_is_handed_out() {
    let server = Server::start(|peer| {
        peer.request();
        peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        peer.close();
    });
    let transport = HyperTransport::new();
    let never = Interrupt::never();
    let (_, mut body) =
        transport.send(get(&server, "/a"), Timing::default(), &never).await.unwrap();
    assert_eq!(chunk(&mut body, None).await.unwrap().unwrap(), "hello");
    assert!(chunk(&mut body, None).await.is_err());
    assert!(chunk(&mut body, None).await.is_err(), "it does not end well afterwards");
}

#[tokio::test]
async fn the_end_is_told_as_often_as_it_is_asked_for() {
    let server = Server::echo();
    let transport = HyperTransport::new();
    let never = Interrupt::never();
    let (_, mut body) =
        transport.send(get(&server, "/a"), Timing::default(), &never).await.unwrap();
    assert_eq!(rest(&mut body).await.unwrap(), "/a");
    assert!(chunk(&mut body, None).await.unwrap().is_none());
}

#[tokio::test]
async fn a_body_dropped_half_way_closes_the_connection() {
    let server = Server::start(|peer| {
        peer.request();
        peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        peer.drain();
    });
    let transport = HyperTransport::new();
    let never = Interrupt::never();
    let (_, mut body) =
        transport.send(get(&server, "/a"), Timing::default(), &never).await.unwrap();
    chunk(&mut body, None).await.unwrap();
    assert_eq!(server.closed(), 0);
    drop(body);
    eventually("the server sees the end", || server.closed() == 1).await;
}

#[tokio::test]
async fn a_dropped_body_closes_even_if_its_rest_is_there_already() {
    let server = Server::start(|peer| {
        peer.request();
        peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        peer.drain();
    });
    let transport = HyperTransport::new();
    let never = Interrupt::never();
    let (_, body) = transport.send(get(&server, "/a"), Timing::default(), &never).await.unwrap();
    drop(body);
    eventually("the server sees the end", || server.closed() == 1).await;
}
