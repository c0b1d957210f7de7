//! Who the caller is: told to each endpoint, and shown to nobody else.

use std::error::Error as StdError;

use etcd_v2_client::keys::{Get, Push, Set};
use etcd_v2_client::{Error, ErrorKind, Outcome};

use crate::both::{Colour, both, ms};
use crate::server::{Refusing, Server, html, refusal, response};

both!(
    credentials_of_the_builder_go_to_every_endpoint,
    user_information_goes_to_every_endpoint,
    user_information_is_decoded,
    credentials_outlive_new_endpoints,
    credentials_are_shown_nowhere,
    differing_users_are_refused_without_showing_them,
    user_that_cannot_be_one_is_refused,
    watch_is_opened_with_credentials,
    refusals_of_credentials_are_told_apart_from_lost_history,
    credentials_lengthen_the_patience_of_reads,
);

/// `root:hunter2` in base64.
const BASIC: &str = "Basic cm9vdDpodW50ZXIy";

/// Whether nothing of the password is in a text, in clear or in base64.
fn is_clean(text: &str) -> bool {
    let lower = text.to_lowercase();
    !lower.contains("hunter2") && !lower.contains("cm9vddpodw50zxiy")
}

fn all_texts(error: &Error) -> String {
    let mut texts = format!("{error}\n{error:?}\n{error:#?}\n{}", error.detail());
    let mut source = error.source();
    while let Some(inner) = source {
        texts.push_str(&format!("\n{inner}\n{inner:?}"));
        source = inner.source();
    }
    for attempt in error.attempts() {
        texts.push_str(&format!("\n{attempt:?}"));
    }
    texts
}

fn credentials_of_the_builder_go_to_every_endpoint(colour: Colour) {
    let broken = Server::start(|peer| {
        peer.request();
        peer.reset();
    });
    let server = Server::healthy();
    let client =
        colour.patient([broken.url(), server.url()]).credentials("root", "hunter2").build();
    client.send(Get::new("/a")).unwrap();
    client.with(|policy| policy.at_least_once = true).send(Push::new("/a", "1")).unwrap();
    let seen = [broken.seen(), server.seen()].concat();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|seen| seen.header("Authorization") == Some(BASIC)));
}

fn user_information_goes_to_every_endpoint(colour: Colour) {
    let (refusing, server, other) = (Refusing::new(), Server::healthy(), Server::healthy());
    let with_user = refusing.url().replace("http://", "http://root:hunter2@");
    let client = colour.client([with_user, server.url()]);
    client.send(Set::new("/a", "1")).unwrap();
    client.set_endpoints(&[&other.url()]).unwrap();
    client.send(Set::new("/a", "1")).unwrap();
    for server in [server, other] {
        assert_eq!(server.seen()[0].header("Authorization"), Some(BASIC));
        assert_eq!(server.seen()[0].header("Host"), Some(server.host().as_str()));
    }
    let shown = client.debug();
    assert!(is_clean(&shown), "{shown}");
}

fn user_information_is_decoded(colour: Colour) {
    let server = Server::healthy();
    let url = server.url().replace("http://", "http://us%40er:p%3A%2F%40%25@");
    colour.client([url]).send(Get::new("/a")).unwrap();
    // `us@er:p:/@%`.
    assert_eq!(server.seen()[0].header("Authorization"), Some("Basic dXNAZXI6cDovQCU="));
    assert_eq!(server.lines(), ["GET /v2/keys/a"]);
}

fn credentials_outlive_new_endpoints(colour: Colour) {
    let (first, second) = (Server::healthy(), Server::healthy());
    let client = colour.patient([first.url()]).credentials("root", "hunter2").build();
    client.set_endpoints(&[&second.url()]).unwrap();
    client.clone().send(Get::new("/a")).unwrap();
    assert_eq!(second.seen()[0].header("Authorization"), Some(BASIC));
    let other_user = second.url().replace("http://", "http://root:other@");
    assert!(client.set_endpoints(&[&other_user]).is_err());
    assert_eq!(client.endpoints(), [second.url()]);
}

fn credentials_are_shown_nowhere(colour: Colour) {
    let echo = |seen: &crate::server::Seen| {
        // A server that sends back what it should have kept to itself.
        response(400, &["Content-Type: text/plain"], &format!("bad request to {}", seen.target))
    };
    let reset = Server::start(|peer| {
        peer.request();
        peer.reset();
    });
    let refusing = Refusing::new();
    let servers = [
        Server::each(echo),
        Server::always(html(502)),
        Server::always(refusal(401, 110, "The request requires user authentication")),
        Server::always("garbage\r\n\r\n"),
        Server::always(response(307, &["Location: http://127.0.0.1:1/"], "")),
    ];
    let mut urls: Vec<String> = servers.iter().map(Server::url).collect();
    urls.extend([reset.url(), refusing.url()]);
    for url in &urls {
        let with_user = url.replace("http://", "http://root:hunter2@");
        for client in [
            colour.patient([url]).credentials("root", "hunter2").build(),
            colour.patient([with_user]).build(),
        ] {
            let client = client.with(|policy| policy.passes = Some(1));
            for error in [
                client.send(Get::new("/a")).unwrap_err(),
                client.send(Set::new("/a", "1")).unwrap_err(),
            ] {
                let texts = all_texts(&error);
                assert!(is_clean(&texts), "{texts}");
            }
            let shown = client.debug();
            assert!(is_clean(&shown), "{shown}");
        }
    }
}

fn differing_users_are_refused_without_showing_them(colour: Colour) {
    let urls = ["http://root:hunter2@127.0.0.1:1", "http://root:sesame@127.0.0.1:2"];
    let one = colour.setup(urls[..1].to_vec()).credentials("root", "sesame");
    for setup in [colour.setup(urls), colour.setup([urls.join(",")]), one] {
        let error = setup.try_build().map(drop).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
        let texts = all_texts(&error);
        assert!(is_clean(&texts) && !texts.contains("sesame"), "{texts}");
        assert_eq!(error.outcome(), Outcome::NotSent);
    }
}

fn user_that_cannot_be_one_is_refused(colour: Colour) {
    for user in ["", "a:b", "a\r\nX: y"] {
        let setup = colour.setup(["http://127.0.0.1:1"]).credentials(user, "hunter2");
        let error = setup.try_build().map(drop).unwrap_err();
        let texts = all_texts(&error);
        assert!(is_clean(&texts), "{texts}");
        assert!(error.to_string().contains("user name"), "{error}");
    }
    for url in ["http://:hunter2@127.0.0.1:1", "http://a%3Ab:hunter2@127.0.0.1:1", "root:hunter2@x"]
    {
        let error = colour.setup([url]).try_build().map(drop).unwrap_err();
        let texts = all_texts(&error);
        assert!(is_clean(&texts), "{texts}");
    }
}

fn watch_is_opened_with_credentials(colour: Colour) {
    let server = Server::healthy();
    let client = colour.patient([server.url()]).credentials("root", "hunter2").build();
    client.watch("/a").change();
    assert_eq!(server.seen()[0].header("Authorization"), Some(BASIC));
}

fn refusals_of_credentials_are_told_apart_from_lost_history(colour: Colour) {
    let text = "{\"message\":\"Insufficient credentials\"}";
    let unauthorized = [
        refusal(401, 110, "The request requires user authentication"),
        response(401, &["Content-Type: application/json"], text),
        html(401),
    ];
    for answer in unauthorized {
        let (server, other) = (Server::always(answer), Server::healthy());
        let client = colour.client([server.url(), other.url()]);
        for error in [
            client.send(Get::new("/a")).unwrap_err(),
            client.send(Set::new("/a", "1")).unwrap_err(),
        ] {
            assert!(error.is_unauthorized() && !error.is_history_cleared(), "{error}");
            assert_eq!(error.outcome(), Outcome::Rejected);
        }
        assert_eq!((server.count(), other.count()), (2, 0));
    }
    let server = Server::always(refusal(400, 401, "The event in requested index is outdated"));
    let error = colour.client([server.url()]).send(Get::new("/a")).unwrap_err();
    assert!(error.is_history_cleared() && !error.is_unauthorized(), "{error}");
    assert_eq!(error.etcd().unwrap().status.as_u16(), 400);
}

fn credentials_lengthen_the_patience_of_reads(colour: Colour) {
    let server = Server::each(|seen| {
        std::thread::sleep(ms(250));
        crate::server::plausible(seen)
    });
    let client = colour.setup([server.url()]).credentials("root", "hunter2");
    let client = client.policy(|policy| policy.passes = Some(1)).build();
    client.send(Get::new("/a")).unwrap();
    assert_eq!(server.count(), 1);
}
