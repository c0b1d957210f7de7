//! Answers that send the client out of the cluster: nothing may go there unless the caller allows it,
//! and credentials never.

use etcd_v2_client::keys::{Get, Set};
use etcd_v2_client::{ErrorKind, Outcome, RedirectError};

use super::redirecting::{STATUSES, VERBS};
use crate::both::{Colour, Subject, both};
use crate::server::{Server, etcd, response};

both!(
    nothing_is_sent_to_a_foreign_server,
    foreign_server_gets_no_credentials_even_if_it_is_allowed,
    same_host_with_another_port_is_foreign,
    user_information_in_a_target_is_neither_used_nor_shown,
    way_back_into_the_cluster_brings_the_credentials_back,
    foreign_server_is_not_pinned,
);

fn redirecting(status: u16, target: String) -> Server {
    Server::each(move |seen| match status {
        304 => format!("HTTP/1.1 304 Whatever\r\nLocation: {target}{}\r\n\r\n", seen.target),
        _ => response(status, &[&format!("Location: {target}{}", seen.target)], ""),
    })
}

fn user(colour: Colour, server: &Server) -> Subject {
    colour.patient([server.url()]).credentials("root", "hunter2").build()
}

fn nothing_is_sent_to_a_foreign_server(colour: Colour) {
    let foreign = Server::healthy();
    let authority = foreign.host();
    for target in [foreign.url(), format!("//{authority}"), format!("HTTP://{authority}/.")] {
        for status in STATUSES {
            let server = redirecting(status, target.clone());
            let client = user(colour, &server);
            for (verb, send) in VERBS {
                let error = send(&client).unwrap_err();
                let ErrorKind::Redirect(kind) = error.kind() else { panic!("{status}: {error}") };
                match kind {
                    RedirectError::Foreign { target }
                        if matches!(status, 301 | 302 | 307 | 308) =>
                    {
                        assert!(target.contains(&authority), "{verb} {status}: {target}");
                        assert!(error.to_string().contains(target.as_str()), "{error}");
                    }
                    RedirectError::Unfollowable { .. } if matches!(status, 300 | 303..=306) => {}
                    other => panic!("{verb} {status}: {other}"),
                }
                assert_eq!(error.outcome(), Outcome::Rejected, "{verb} {status}");
            }
            assert_eq!(server.count(), VERBS.len());
        }
    }
    assert_eq!((foreign.connections(), foreign.received()), (0, 0));
}

fn foreign_server_gets_no_credentials_even_if_it_is_allowed(colour: Colour) {
    for status in STATUSES {
        let foreign = Server::healthy();
        let server = redirecting(status, foreign.url());
        let client = user(colour, &server).with(|policy| policy.foreign_redirects = true);
        let followed = matches!(status, 301 | 302 | 307 | 308);
        for (verb, send) in VERBS {
            assert_eq!(send(&client).is_ok(), followed, "{verb} {status}");
        }
        assert!(server.seen().iter().all(|seen| seen.header("Authorization").is_some()));
        let seen = foreign.seen();
        assert_eq!(seen.len(), if followed { VERBS.len() } else { 0 }, "{status}");
        for (seen, (verb, _)) in seen.iter().zip(VERBS) {
            assert_eq!(seen.method, verb);
            assert_eq!(seen.header("Authorization"), None, "{verb} {status}");
            assert_eq!(seen.header("Host"), Some(foreign.host().as_str()));
            assert_eq!(seen.body.is_empty(), matches!(verb, "GET" | "DELETE"));
        }
    }
}

fn same_host_with_another_port_is_foreign(colour: Colour) {
    let (server, member) = (Server::healthy(), Server::healthy());
    let asked = redirecting(307, server.url());
    let client = colour.client([asked.url(), member.url()]);
    assert!(client.send(Set::new("/a", "1")).is_ok(), "another endpoint may be asked");
    assert_eq!((server.connections(), member.count()), (0, 1));
}

fn user_information_in_a_target_is_neither_used_nor_shown(colour: Colour) {
    let foreign = Server::healthy();
    let target = format!("http://eve:sesame@{}", foreign.host());
    let server = redirecting(307, target);
    let client = colour.client([server.url()]);
    let error = client.send(Set::new("/a", "1")).unwrap_err();
    let texts = format!("{error} {error:?} {}", error.detail());
    assert!(!texts.contains("sesame") && !texts.contains("eve"), "{texts}");
    assert_eq!(foreign.received(), 0);

    let client = client.with(|policy| policy.foreign_redirects = true);
    client.send(Set::new("/a", "1")).unwrap();
    assert_eq!(foreign.seen()[0].header("Authorization"), None);
    assert_eq!(foreign.seen()[0].header("Host"), Some(foreign.host().as_str()));
}

fn way_back_into_the_cluster_brings_the_credentials_back(colour: Colour) {
    let home = Server::each(|seen| match seen.target.as_str() {
        "/v2/keys/a" => etcd(&crate::server::change("get", "/a", "home", 7)),
        target => response(307, &[target.trim_start_matches("/v2/keys/")], ""),
    });
    let home_url = home.url();
    let foreign =
        Server::each(move |_| response(307, &[&format!("Location: {home_url}/v2/keys/a")], ""));
    let away = redirecting(307, foreign.url());
    let client = colour
        .patient([away.url(), home.url()])
        .credentials("root", "hunter2")
        .policy(|policy| policy.foreign_redirects = true)
        .build();
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("home"));
    assert!(away.seen()[0].header("Authorization").is_some());
    assert_eq!(foreign.seen()[0].header("Authorization"), None);
    assert!(home.seen()[0].header("Authorization").is_some());
    assert_eq!(client.pinned(), home.url());
}

fn foreign_server_is_not_pinned(colour: Colour) {
    let foreign = Server::healthy();
    let server = redirecting(307, foreign.url());
    let client = colour.client([server.url()]).with(|policy| policy.foreign_redirects = true);
    client.send(Get::new("/a")).unwrap();
    client.send(Get::new("/a")).unwrap();
    assert_eq!(client.pinned(), server.url());
    assert_eq!((server.count(), foreign.count()), (2, 2));
}
