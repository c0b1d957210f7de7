//! Answers that send the client elsewhere, within the cluster.

use std::sync::atomic::{AtomicUsize, Ordering};

use etcd_v2_client::keys::{Delete, Get, Push, Set};
use etcd_v2_client::{CheckRedirect, ErrorKind, Outcome, RedirectError};

use crate::both::{Colour, both};
use crate::server::{Server, plausible, response};

both!(
    loop_ends_after_ten_redirects,
    loop_of_one_server_does_not_keep_a_read_from_the_next,
    limit_for_redirects_is_the_policy_s,
    redirected_write_keeps_its_method_and_body,
    relative_targets_are_resolved,
    redirect_to_another_endpoint_moves_the_pin,
    host_follows_the_connection,
    statuses_that_are_no_redirects_are_not_followed,
    redirect_without_or_with_a_useless_target_is_refused,
    target_that_needs_tls_is_asked_for_it_and_not_in_clear,
    a_redirect_to_another_request_is_refused,
    a_redirect_that_differs_only_in_a_final_slash_is_followed_with_the_same_request,
    check_of_the_policy_is_asked_each_time,
    redirect_to_a_dead_endpoint_is_the_failure_of_that_endpoint,
);

fn redirect(status: u16, location: &str) -> String {
    response(status, &[&format!("Location: {location}")], "")
}

/// Sends everybody back to itself so many times, and answers then.
fn coy(status: u16, times: usize) -> Server {
    let asked = AtomicUsize::new(0);
    Server::each(move |seen| {
        let is_coy = asked.fetch_add(1, Ordering::SeqCst) % (times + 1) < times;
        if is_coy { redirect(status, &seen.target) } else { plausible(seen) }
    })
}

fn redirect_error(kind: &ErrorKind) -> &RedirectError {
    match kind {
        ErrorKind::Redirect(error) => error,
        other => panic!("not about a redirect: {other}"),
    }
}

fn loop_ends_after_ten_redirects(colour: Colour) {
    let server = Server::each(|seen| redirect(307, &seen.target));
    let client = colour.client([server.url()]);
    let error = client.send(Set::new("/a", "1")).unwrap_err();
    assert!(matches!(redirect_error(error.kind()), RedirectError::TooMany { limit: 10, .. }));
    assert_eq!(error.outcome(), Outcome::Rejected, "nobody carried it out");
    assert_eq!((server.count(), server.connections()), (11, 1));
    assert!(error.to_string().contains(&format!("{}/v2/keys/a", server.url())), "{error}");

    let error = client.send(Get::new("/a")).unwrap_err();
    assert!(matches!(redirect_error(error.kind()), RedirectError::TooMany { .. }), "{error}");
    assert_eq!(server.count(), 22, "more passes would bring nothing else");
}

fn loop_of_one_server_does_not_keep_a_read_from_the_next(colour: Colour) {
    let (server, other) = (Server::each(|seen| redirect(302, &seen.target)), Server::healthy());
    for write in [false, true] {
        let client = colour.client([server.url(), other.url()]);
        let result =
            if write { client.send(Set::new("/a", "1")) } else { client.send(Get::new("/a")) };
        assert!(result.is_ok(), "nothing was done, so others may be asked: {result:?}");
        assert_eq!(client.pinned(), other.url());
    }
    assert_eq!((server.count(), other.count()), (22, 2));
}

fn limit_for_redirects_is_the_policy_s(colour: Colour) {
    for (limit, requests) in [(3, 4), (2, 3), (0, 1)] {
        let server = coy(308, 3);
        let client = colour.client([server.url()]);
        let client = client.with(|policy| policy.max_redirects = limit);
        match client.send(Get::new("/a")) {
            Ok(change) => assert_eq!((change.key(), limit), (Some("/a"), 3)),
            Err(error) => {
                let RedirectError::TooMany { limit: told, .. } = redirect_error(error.kind())
                else {
                    panic!("{error}")
                };
                assert!(*told == limit && limit < 3, "{error}");
            }
        }
        assert_eq!(server.count(), requests);
    }
}

fn redirected_write_keeps_its_method_and_body(colour: Colour) {
    for status in [301, 302, 307, 308] {
        let server = coy(status, 1);
        let client = colour.client([server.url()]);
        assert_eq!(client.send(Set::new("/a", "1 ü")).unwrap().key(), Some("/a"));
        client.send(Push::new("/a", "job")).unwrap();
        let seen = server.seen();
        let [put, put_again, post, post_again] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!((put_again.line().as_str(), &put_again.body), ("PUT /v2/keys/a", &put.body));
        assert_eq!((post_again.line().as_str(), &post_again.body), ("POST /v2/keys/a", &post.body));
        for name in ["Content-Type", "Content-Length", "Host", "User-Agent"] {
            assert_eq!(put_again.header(name), put.header(name), "{status} {name}");
        }
        assert_eq!(server.connections(), 1);
    }
}

fn relative_targets_are_resolved(colour: Colour) {
    for location in [
        "/y/v2/keys/dir/a",
        "../../../../y/v2/keys/dir/a",
        "/x/../y/v2/./keys/dir/a",
        "/y/v2/keys/dir/a#fragment",
        "/y/v2/ke%79s/dir%2Fa",
    ] {
        // Two endpoints of one origin.
        let server = Server::each(move |seen| match seen.target.as_str() {
            "/x/v2/keys/dir/a" => redirect(301, location),
            _ => plausible(seen),
        });
        let urls = ["x", "y"].map(|prefix| format!("{}/{prefix}", server.url()));
        colour.client(urls).send(Get::new("/dir/a")).unwrap();
        let lines = ["GET /x/v2/keys/dir/a", "GET /y/v2/keys/dir/a"];
        assert_eq!(server.lines(), lines, "{location}");
    }
}

fn redirect_to_another_endpoint_moves_the_pin(colour: Colour) {
    let leader = Server::healthy();
    let target = leader.url();
    let follower = Server::each(move |seen| redirect(307, &format!("{target}{}", seen.target)));
    let client = colour.client([follower.url(), leader.url()]);
    assert_eq!(client.send(Set::new("/a", "1")).unwrap().key(), Some("/a"));
    assert_eq!(client.pinned(), leader.url());
    client.send(Set::new("/b", "2")).unwrap();
    client.send(Get::new("/b")).unwrap();
    assert_eq!((follower.count(), leader.count()), (1, 3));
    assert_eq!(leader.seen()[0].body, "value=1");
}

fn host_follows_the_connection(colour: Colour) {
    let leader = Server::healthy();
    let target = leader.url();
    let follower = Server::each(move |seen| redirect(308, &format!("{target}{}", seen.target)));
    let client = colour.client([follower.url(), leader.url()]);
    client.send(Get::new("/a")).unwrap();
    assert_eq!(follower.seen()[0].header("Host"), Some(follower.host().as_str()));
    assert_eq!(leader.seen()[0].header("Host"), Some(leader.host().as_str()));
}

fn statuses_that_are_no_redirects_are_not_followed(colour: Colour) {
    for status in [300, 303, 304, 305, 306, 309, 399] {
        let other = Server::healthy();
        let target = format!("{}/v2/keys/a", other.url());
        let server = Server::each(move |_| match status {
            // It has no body, whatever it says.
            304 => format!("HTTP/1.1 304 Not Modified\r\nLocation: {target}\r\n\r\n"),
            _ => redirect(status, &target),
        });
        let client = colour.client([server.url()]).with(|policy| policy.foreign_redirects = true);
        for error in [
            client.send(Get::new("/a")).unwrap_err(),
            client.send(Set::new("/a", "1")).unwrap_err(),
        ] {
            let RedirectError::Unfollowable { status: seen } = redirect_error(error.kind()) else {
                panic!("{error}")
            };
            assert_eq!((seen.as_u16(), error.outcome()), (status, Outcome::Rejected));
        }
        assert_eq!((server.count(), other.connections()), (2, 0), "{status}");
    }
}

fn redirect_without_or_with_a_useless_target_is_refused(colour: Colour) {
    let answers = [
        response(307, &[], "nowhere"),
        redirect(307, "http://"),
        redirect(307, "http://[::1"),
        redirect(307, "ftp://127.0.0.1/v2/keys/a"),
        redirect(307, "file:///etc/passwd"),
        redirect(307, "unix:///run/etcd.sock"),
    ];
    for answer in answers {
        let server = Server::always(answer.clone());
        let client = colour.client([server.url()]).with(|policy| policy.foreign_redirects = true);
        let error = client.send(Set::new("/a", "1")).unwrap_err();
        let kind = redirect_error(error.kind());
        assert!(
            matches!(kind, RedirectError::NoLocation { .. } | RedirectError::BadLocation { .. }),
            "{answer}: {error}"
        );
        assert_eq!((error.outcome(), server.count()), (Outcome::Rejected, 1));
    }
}

fn target_that_needs_tls_is_asked_for_it_and_not_in_clear(colour: Colour) {
    let secure = Server::healthy();
    let target = secure.url().replace("http", "https");
    let location = format!("{target}/v2/keys/a");
    let server = Server::each(move |_| redirect(307, &location));
    let client = colour.client([server.url(), target]);
    let error = client.send(Set::new("/a", "1")).unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotSent.max(error.outcome()));
    assert!(secure.lines().is_empty(), "nothing in clear");
    assert!(!error.may_have_applied(), "{}", error.detail());
}

fn a_redirect_to_another_request_is_refused(colour: Colour) {
    let member = Server::healthy();
    let host = member.host();
    for target in [
        "/v2/members/8211f1d0f64f3269",
        "/v2/keys/",
        "/v2/keys/other",
        "/v2/keys/a//",
        "/v2/keys/a?recursive=true",
        "/v2/keys/a/../../members/8211f1d0f64f3269",
        "/v2/keys/%2e%2e/members/8211f1d0f64f3269",
        "/v2/keys/a%3Frecursive=true",
    ] {
        let location = format!("http://{host}{target}");
        let hostile = Server::each(move |_| redirect(307, &location));
        // The other endpoint would be asked for the same next.
        let client = colour.client([hostile.url(), member.url()]);
        client.send(Delete::new("/a")).unwrap();
        assert_eq!(client.pinned(), member.url(), "{target}");
        assert!(member.lines().iter().all(|line| line == "DELETE /v2/keys/a"), "{target}");

        // It is no better where redirects may lead anywhere.
        let location = target.to_owned();
        let hostile = Server::each(move |_| redirect(307, &location));
        let client = colour.client([hostile.url()]).with(|policy| policy.foreign_redirects = true);
        let error = client.send(Delete::new("/a")).unwrap_err();
        let kind = redirect_error(error.kind());
        assert!(matches!(kind, RedirectError::OtherRequest { .. }), "{target}: {kind}");
        assert_eq!((error.outcome(), hostile.count()), (Outcome::Rejected, 1), "{target}");
    }
}

fn a_redirect_that_differs_only_in_a_final_slash_is_followed_with_the_same_request(colour: Colour) {
    for (key, target) in [
        ("/a", "/v2/keys/a/"),
        ("/a/", "/v2/keys/a"),
        ("/a/b c/", "/v2/keys/a/b%20c"),
        ("/a/b c", "/v2/keys/a/b%20%63/"),
        ("/a/", "/v2/keys/a%2F"),
        ("/a", "/v2/keys/a%2f"),
    ] {
        let leader = Server::healthy();
        let location = format!("{}{target}", leader.url());
        let follower = Server::each(move |_| redirect(307, &location));
        let client = colour.client([follower.url(), leader.url()]);
        client.send(Set::new(key, "1")).unwrap();
        let ours = follower.lines();
        assert_eq!(leader.lines(), ours, "{key} {target}");
        assert_eq!((ours.len(), ours[0].ends_with('/')), (1, key.ends_with('/')), "{key}");
        assert_eq!(client.pinned(), leader.url());
    }
}

fn check_of_the_policy_is_asked_each_time(colour: Colour) {
    let server = Server::each(|seen| redirect(308, &seen.target));
    let client = colour.client([server.url()]).with(|policy| {
        policy.check_redirect = Some(CheckRedirect::new(|redirect| {
            let path = redirect.target.path().to_owned();
            if redirect.followed < 2 { Ok(()) } else { Err(format!("no {path} for me")) }
        }));
    });
    let error = client.send(Set::new("/0", "1")).unwrap_err();
    let RedirectError::Refused { target, reason } = redirect_error(error.kind()) else {
        panic!("{error}")
    };
    assert_eq!(target, &format!("{}/v2/keys/0", server.url()));
    assert_eq!(reason, "no /v2/keys/0 for me");
    assert_eq!((server.count(), error.outcome()), (3, Outcome::Rejected));
}

fn redirect_to_a_dead_endpoint_is_the_failure_of_that_endpoint(colour: Colour) {
    let dead = Server::start(|peer| {
        peer.request();
        peer.reset();
    });
    let target = dead.url();
    let server = Server::each(move |seen| redirect(307, &format!("{target}{}", seen.target)));
    let client = colour.client([server.url(), dead.url()]);
    let error = client.send(Set::new("/a", "1")).unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(error.endpoint().unwrap().as_str(), dead.url());
    assert_eq!((server.count(), dead.count()), (1, 1));
}
