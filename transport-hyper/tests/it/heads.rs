//! What is written, and which heads of answers are understood.

use etcd_v2_proto::{AsyncTransport, Cause, ConnectionError, Interrupt, Stage, Timing};
use http::{Method, Request, Version};
use transport_hyper::HyperTransport;

use crate::server::Server;
use crate::{ask, get, request};

async fn written(method: Method, path: &str, body: &'static str) -> String {
    let server = Server::echo();
    let mut request = request(method, &server, path, body);
    request.headers_mut().insert("Accept", "application/json".parse().unwrap());
    ask(&HyperTransport::new(), request).await.unwrap();
    server.requests().remove(0).replace(&server.address.to_string(), "here:1")
}

#[tokio::test]
async fn only_what_frames_the_body_is_added() {
    let head = "host: here:1\r\naccept: application/json\r\n";
    assert_eq!(
        written(Method::GET, "/v2/keys/a%20b?wait=true&waitIndex=7", "").await,
        format!("GET /v2/keys/a%20b?wait=true&waitIndex=7 HTTP/1.1\r\n{head}\r\n")
    );
    assert_eq!(
        written(Method::PUT, "/v2/keys/a", "value=1").await,
        format!("PUT /v2/keys/a HTTP/1.1\r\n{head}content-length: 7\r\n\r\nvalue=1")
    );
    assert_eq!(
        written(Method::DELETE, "/v2/keys/a?dir=true", "").await,
        format!("DELETE /v2/keys/a?dir=true HTTP/1.1\r\n{head}\r\n")
    );
}

#[tokio::test]
async fn an_empty_put_or_post_says_that_it_is_empty() {
    let head = "host: here:1\r\naccept: application/json\r\ncontent-length: 0\r\n";
    for method in [Method::PUT, Method::POST] {
        let line = format!("{method} /v2/keys/a HTTP/1.1\r\n");
        assert_eq!(written(method, "/v2/keys/a", "").await, format!("{line}{head}\r\n"));
    }
}

#[tokio::test]
async fn the_version_of_the_request_does_not_matter() {
    let server = Server::echo();
    for (number, version) in
        [Version::HTTP_09, Version::HTTP_10, Version::HTTP_2].iter().enumerate()
    {
        let mut request = get(&server, "/a");
        *request.version_mut() = *version;
        ask(&HyperTransport::new(), request).await.unwrap();
        assert!(server.requests()[number].starts_with("GET /a HTTP/1.1\r\n"));
    }
}

#[tokio::test]
async fn a_relative_uri_is_refused_before_sending() {
    let request = Request::get("/v2/keys/a").body(bytes::Bytes::new()).unwrap();
    let failure = ask(&HyperTransport::new(), request).await.unwrap_err();
    assert_eq!(failure.stage(), Stage::BeforeSend);
    assert_eq!(failure.to_string(), "could not connect: the URI is not absolute");
}

#[tokio::test]
async fn the_head_is_handed_over_as_it_came() {
    let server = Server::start(|peer| {
        peer.request();
        peer.write("HTTP/1.1 404 Not Found\r\nX-Etcd-Index: 7\r\nA: 1\r\nA: 2\r\n");
        peer.write("Content-Length: 0\r\n\r\n");
        peer.drain();
    });
    let transport = HyperTransport::new();
    let (head, _) =
        transport.send(get(&server, "/a"), Timing::default(), &Interrupt::never()).await.unwrap();
    assert_eq!(head.status, 404);
    assert_eq!(head.headers["x-etcd-index"], "7");
    assert_eq!(head.headers.get_all("a").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(head.headers.len(), 4);
}

#[tokio::test]
async fn interim_answers_are_skipped() {
    let server = Server::start(|peer| {
        while peer.request().is_some() {
            peer.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n");
            peer.write("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n");
            peer.write("Content-Length: 2\r\n\r\nhi");
        }
    });
    let transport = HyperTransport::new();
    for _ in 0..2 {
        let (status, text) = ask(&transport, get(&server, "/a")).await.unwrap();
        assert_eq!((status.as_u16(), &*text), (200, "hi"));
    }
    assert_eq!(server.accepted(), 1);
}

async fn answer_with_header_of(bytes: usize, transport: HyperTransport) -> Result<(), String> {
    let server = Server::start(move |peer| {
        peer.request();
        let value = "v".repeat(bytes);
        peer.write(format!("HTTP/1.1 200 OK\r\nA: {value}\r\nContent-Length: 0\r\n\r\n"));
        peer.drain();
    });
    let Err(failure) = ask(&transport, get(&server, "/a")).await else { return Ok(()) };
    assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
    Err(failure.to_string())
}

#[tokio::test]
async fn a_head_may_have_64_kib_and_no_more() {
    answer_with_header_of(65_000, HyperTransport::new()).await.unwrap();
    let failure = answer_with_header_of(66_000, HyperTransport::new()).await.unwrap_err();
    assert!(failure.contains("65536 bytes: raise it by max_response_header_lines or max_head"));
    // An endless one does not fill the memory.
    answer_with_header_of(64 << 20, HyperTransport::new()).await.unwrap_err();
}

#[tokio::test]
async fn the_limit_of_the_head_can_be_set_either_way() {
    let small = || HyperTransport::builder().max_head(1000).build();
    answer_with_header_of(900, small()).await.unwrap();
    answer_with_header_of(1000, small()).await.unwrap_err();
    let large = HyperTransport::builder().max_head(1 << 20).build();
    answer_with_header_of(1_000_000, large).await.unwrap();
}

/// The failure of a response with this many header lines, if it fails.
async fn lines_of(lines: usize, builder: transport_hyper::Builder) -> Option<String> {
    let server = Server::start(move |peer| {
        peer.request();
        let filler = "A: 1\r\n".repeat(lines - 1);
        peer.write(format!("HTTP/1.1 200 OK\r\n{filler}Content-Length: 0\r\n\r\n"));
        peer.drain();
    });
    let failure = ask(&builder.build(), get(&server, "/a")).await.err()?;
    assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
    let error = failure.connection_error();
    assert!(matches!(error, Some(ConnectionError::ResponseHeaderTooLarge { .. })), "{failure}");
    Some(failure.to_string())
}

#[tokio::test]
async fn the_number_of_header_lines_has_a_limit_that_is_named_and_can_be_set() {
    let builder = || HyperTransport::builder().max_head(1 << 20);
    for (lines, limit) in [(100, None), (5, Some(5)), (300, Some(300)), (16_384, Some(usize::MAX))]
    {
        let set = || match limit {
            None => builder(),
            Some(limit) => builder().max_response_header_lines(limit),
        };
        assert_eq!(lines_of(lines, set()).await, None, "{lines} of {limit:?}");
        for more in [lines + 1, lines + 20_000] {
            let failure = lines_of(more, set()).await.unwrap();
            let expected = format!("the limit of {lines} header lines or 1048576 bytes: raise it");
            assert!(failure.contains(&expected), "{failure}");
        }
    }
}

#[tokio::test]
async fn what_is_not_http_is_a_failure_after_sending() {
    for nonsense in ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 wat\r\n\r\n", "\0\0\0\0\0\0\0\0"] {
        let server = Server::start(move |peer| {
            peer.request();
            peer.write(nonsense);
            peer.drain();
        });
        let failure = ask(&HyperTransport::new(), get(&server, "/a")).await.unwrap_err();
        assert_eq!((failure.stage(), failure.cause()), (Stage::AfterSend, Cause::Broken));
    }
}

#[tokio::test]
async fn a_port_for_grpc_alone_is_told_as_one() {
    // What grpc-go sends before it reads: its settings, and a larger window.
    let greeting = b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0\0\0\x04\x08\0\0\0\0\0\0\x0e\xff\x01";
    let server = Server::start(move |peer| {
        peer.write(greeting);
        peer.request();
    });
    let failure = ask(&HyperTransport::new(), get(&server, "/version")).await.unwrap_err();
    assert_eq!(failure.connection_error(), Some(&ConnectionError::SpeaksHttp2));
    let text = failure.to_string();
    assert!(text.contains("only HTTP/2") && text.contains("--listen-client-http-urls"), "{text}");
}
