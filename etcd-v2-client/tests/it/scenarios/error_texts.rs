//! What errors say of a response, and what they do not: the cause is named, secrets and invisible letters
//! are not there.

use etcd_v2_client::auth::users;
use etcd_v2_client::keys::{Get, Key, KeysRequest, Push, Set};
use etcd_v2_client::{Error, ErrorKind, Outcome, RedirectError, Request};

use super::liveness::{SOON, answering, client, leader, no_leader};
use crate::both::{Colour, GUARDED, WRITES, both, ms, timed};
use crate::server::{Refusing, Seen, Server, plausible, refusal, response};

both!(
    secrets_that_a_server_echoes_are_not_shown,
    a_password_in_a_body_is_not_redirected_out_of_the_cluster,
    user_information_in_a_malformed_target_is_not_shown,
    what_does_not_print_is_escaped,
    a_write_that_finds_no_leader_says_so,
    a_write_whose_leader_changed_says_so,
    a_write_whose_server_is_hung_says_so,
    a_guarded_write_without_a_leader_says_so_at_its_deadline,
    a_503_without_a_body_counts_as_no_leader,
    a_401_names_the_user_or_says_that_there_was_none,
    a_call_that_spent_all_retries_by_itself_says_nothing_of_that,
    an_error_has_keys_as_seen_from_the_root,
    an_api_that_the_server_does_not_have_is_named,
    a_refusal_during_a_rolling_upgrade_is_certain,
);

const PASSWORD: &str = "a<b>&c\"d\\e hunter2";

/// Everything that an error shows.
fn all_texts(error: &Error) -> String {
    format!("{error}\n{error:?}\n{error:#?}\n{}", error.detail())
}

/// What a request says about its user, in the forms of the server.
fn secrets_of(seen: &Seen) -> String {
    let login = seen.header("Authorization").unwrap_or_default();
    format!("{login} {PASSWORD} {}", seen.body)
}

fn secrets_that_a_server_echoes_are_not_shown(colour: Colour) {
    // Of plain letters, that is JSON.
    let json = |seen: &Seen| format!("{:?}", secrets_of(seen));
    let one_line = |seen: &Seen| seen.header("Authorization").unwrap_or_default().to_owned();
    let servers = [
        Server::each(move |seen| {
            let text = json(seen);
            let body = format!(r#"{{"errorCode":110,"message":{text},"cause":{text},"index":0}}"#);
            response(401, &["Content-Type: application/json"], &body)
        }),
        Server::each(move |seen| response(400, &[], &format!(r#"{{"message":{}}}"#, json(seen)))),
        Server::each(|seen| response(400, &["Content-Type: text/plain"], &secrets_of(seen))),
        Server::each(|seen| {
            let page = format!("<html><title>{}</title>", secrets_of(seen));
            response(200, &["Content-Type: text/html"], &page)
        }),
        Server::each(move |seen| {
            response(400, &[&format!("Content-Type: text/{}", one_line(seen))], "")
        }),
        Server::each(move |seen| {
            let login = one_line(seen).replace(' ', "%20");
            response(307, &[&format!("Location: http://far/{login}")], "")
        }),
    ];
    for server in &servers {
        let client = colour.patient([server.url()]).credentials("root", PASSWORD).build();
        let client = client.with(|policy| policy.passes = Some(1));
        let errors = [
            client.send(Get::new("/a")).unwrap_err(),
            client.send(Set::new("/a", "1")).unwrap_err(),
            client.send(users::Put::new("anna", PASSWORD)).unwrap_err(),
        ];
        for text in errors.iter().map(all_texts) {
            let login = server.seen()[0].header("Authorization").unwrap().to_owned();
            let code = login.strip_prefix("Basic ").unwrap().trim_end_matches('=').to_owned();
            for secret in [PASSWORD, "hunter2", "a\\u003cb", "a&lt;b", &code] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
            assert!(text.contains("***"), "{text}");
        }
    }
}

fn a_password_in_a_body_is_not_redirected_out_of_the_cluster(colour: Colour) {
    for status in [301, 302, 307, 308] {
        let foreign = Server::healthy();
        let target = foreign.url();
        let server = Server::each(move |seen| {
            response(status, &[&format!("Location: {target}{}", seen.target)], "")
        });
        let client = colour.patient([server.url()]).credentials("root", "hunter2").build();
        let client = client.with(|policy| policy.foreign_redirects = true);
        let error = client.send(users::Put::new("anna", "swordfish")).unwrap_err();
        let ErrorKind::Redirect(RedirectError::SecretBody { .. }) = error.kind() else {
            panic!("{status}: {error}")
        };
        assert_eq!(error.outcome(), Outcome::Rejected, "{status}");
        assert_eq!((foreign.connections(), foreign.received()), (0, 0), "{status}");
        client.send(Get::new("/a")).unwrap();
        assert_eq!(foreign.count(), 1, "what has no secret goes there, as the policy says");
    }
}

fn user_information_in_a_malformed_target_is_not_shown(colour: Colour) {
    for target in [
        "ftp://root:hunter2@far/k",
        "http://root:hunter2@far:99999/k",
        "http://root:hunter2%40far:99999/k",
        "http://root:hunter2\u{ff20}far:99999/k",
        "http://root:hunter2",
        "http://root:hunter2/k",
        "http://:hunter2",
        "//root:hunter2",
        "http:////root:hunter2",
        "data:hunter2",
        "root:hunter2",
        "http://[root:hunter2]/",
    ] {
        let server = Server::always(response(307, &[&format!("Location: {target}")], ""));
        let error = colour.client([server.url()]).send(Get::new("/a")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Redirect(_)), "{target}: {error}");
        let text = all_texts(&error);
        assert!(!text.contains("hunter2") && text.contains("redirected"), "{target}: {text}");
    }
}

fn what_does_not_print_is_escaped(colour: Colour) {
    const BAD: &str = "a\u{202e}b\u{2028}c\u{200b}d\u{2066}e\u{feff}f";
    let servers = [
        Server::always(refusal(403, 102, BAD)),
        Server::always(response(400, &[], &format!(r#"{{"message":"{BAD}"}}"#))),
        Server::always(response(400, &[], BAD)),
    ];
    for server in &servers {
        let error = colour.client([server.url()]).send(Get::new("/a")).unwrap_err();
        for text in [error.to_string(), error.detail().to_string(), format!("{error:?}")] {
            let escaped = "a\\u{202e}b\\u{2028}c\\u{200b}d\\u{2066}e\\u{feff}f";
            assert!(text.contains(escaped) && !text.contains('\u{202e}'), "{text}");
        }
    }
}

fn a_write_that_finds_no_leader_says_so(colour: Colour) {
    for (name, write) in WRITES {
        let servers = [answering(no_leader), answering(no_leader)];
        let client = client(colour, [&servers[0], &servers[1]]);
        let error = write(&client.with(|policy| policy.no_leader = Some(ms(900)))).unwrap_err();
        assert!(error.is_no_leader() && !error.is_timeout(), "{name}: {error}");
        assert_eq!(error.outcome(), Outcome::Unknown, "{name}");
        assert!(error.to_string().contains("no leader"), "{name}: {error}");
    }
}

fn a_write_whose_leader_changed_says_so(colour: Colour) {
    let looks = std::sync::atomic::AtomicUsize::new(0);
    let server = answering(move || match looks.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => no_leader(),
        _ => leader(),
    });
    let other = answering(no_leader);
    let client = client(colour, [&server, &other]);
    let client = client.with(|policy| policy.no_leader = Some(ms(60_000)));
    let error = client.send(Set::new("/a", "1")).unwrap_err();
    assert!(error.to_string().contains("leader changed") && !error.is_no_leader(), "{error}");
    assert_eq!(error.outcome(), Outcome::Unknown);
}

fn a_write_whose_server_is_hung_says_so(colour: Colour) {
    let server = Server::hung();
    let error = client(colour, [&server]).send(Set::new("/a", "1")).unwrap_err();
    assert!(error.to_string().contains("did not answer a probe"), "{error}");
    assert!(!error.is_no_leader(), "{error}");
    assert_eq!(error.outcome(), Outcome::Unknown);
}

fn a_guarded_write_without_a_leader_says_so_at_its_deadline(colour: Colour) {
    for (name, write) in GUARDED {
        let server = answering(no_leader);
        let client = client(colour, [&server]).with(|policy| {
            (policy.no_leader, policy.write_deadline) = (Some(ms(900)), Some(ms(2500)));
        });
        let (result, took) = timed(|| write(&client));
        let error = result.unwrap_err();
        assert!(error.is_no_leader() && took < SOON, "{name}: {took:?} {error}");
        assert_eq!(error.outcome(), Outcome::Unknown, "{name}");
        let text = error.to_string();
        assert!(text.contains("no leader") && !text.contains("hung"), "{name}: {text}");
    }
}

fn a_503_without_a_body_counts_as_no_leader(colour: Colour) {
    for body in ["", "\n"] {
        let server = Server::always(response(503, &[], body));
        let client = colour.client([server.url()]).with(|policy| policy.passes = Some(1));
        let write = client.send(Set::new("/a", "1")).unwrap_err();
        let read = client.send(Get::new("/a")).unwrap_err();
        let client = client.with(|policy| {
            (policy.passes, policy.read_deadline) = (None, Some(ms(400)));
        });
        let late = client.send(Get::new("/a")).unwrap_err();
        for error in [&write, &read, &late] {
            assert!(error.is_no_leader(), "{error}");
            assert!(error.to_string().contains("has no leader"), "{error}");
        }
        assert_eq!((write.outcome(), write.may_have_applied()), (Outcome::Unknown, true));
    }
    let page = Server::always(crate::server::html(503));
    let error = colour.client([page.url()]).send(Set::new("/a", "1")).unwrap_err();
    assert!(!error.is_no_leader(), "a proxy says more: {error}");
}

fn a_401_names_the_user_or_says_that_there_was_none(colour: Colour) {
    let body = r#"{"errorCode":110,"message":"The request requires user authentication","cause":"Insufficient credentials","index":0}"#;
    for answer in [response(401, &["Content-Type: application/json"], body), response(401, &[], "")]
    {
        let server = Server::always(answer);
        let setup = || colour.patient([server.url()]);
        let as_root = setup().credentials("root", "hunter2").build();
        for (client, says) in
            [(as_root, ", sent as user \"root\""), (setup().build(), ", sent without credentials")]
        {
            for error in [
                client.send(Get::new("/a")).unwrap_err(),
                client.send(Push::new("/a", "1")).unwrap_err(),
            ] {
                assert!(error.is_unauthorized(), "{error}");
                let text = error.to_string();
                assert!(text.contains(says) && !text.contains("[index"), "{text}");
                assert!(error.detail().to_string().contains(says), "{}", error.detail());
            }
        }
    }
}

fn a_call_that_spent_all_retries_by_itself_says_nothing_of_that(colour: Colour) {
    let down = [Refusing::new(), Refusing::new(), Refusing::new()];
    let client = colour.setup(down.each_ref().map(Refusing::url)).build();
    let first = client.send(Get::new("/a")).unwrap_err();
    assert!(first.attempts().len() > 10, "it has spent them: {first:?}");
    assert!(!first.was_held_back() && !all_texts(&first).contains("held back"), "{first}");
    let second = client.send(Get::new("/a")).unwrap_err();
    assert!(second.was_held_back() && second.to_string().contains("held back"), "{second}");
}

fn an_error_has_keys_as_seen_from_the_root(colour: Colour) {
    fn below<R: KeysRequest>(request: R) -> R {
        request.with_root("/root/dir".parse::<Key>().unwrap())
    }
    let told = |cause: &'static str| {
        let server = Server::each(move |_| {
            let body = format!(
                r#"{{"errorCode":100,"message":"Key not found","cause":"{cause}","index":7}}"#
            );
            response(404, &["Content-Type: application/json"], &body)
        });
        let client = colour.client([server.url()]);
        let errors = [
            client.send(below(Get::new("/a"))).unwrap_err(),
            client.send(below(Set::update("/a", "1"))).unwrap_err(),
            client.send(below(Push::new("/a", "1"))).unwrap_err(),
        ];
        errors.map(|error| {
            assert!(!all_texts(&error).contains("/root"), "{error}");
            error.etcd().unwrap().cause.clone()
        })
    };
    for (cause, seen) in
        [("/root/dir/a/b", "/a/b"), ("/root/dir", "/"), ("/root", "/"), ("/root/dir/a", "/a")]
    {
        assert_eq!(told(cause), [seen; 3], "{cause}");
    }
}

fn an_api_that_the_server_does_not_have_is_named(colour: Colour) {
    fn error<R>(colour: Colour, request: R) -> String
    where
        R: Request + Send + 'static,
        R::Output: Send + std::fmt::Debug,
    {
        let server = Server::always(response(404, &[], "404 page not found\n"));
        let error = colour.client([server.url()]).send(request).unwrap_err();
        assert_eq!(error.outcome(), Outcome::Rejected, "{error}");
        error.to_string()
    }
    let text = error(colour, users::Get::new("root"));
    assert!(text.contains("/v2/auth") && text.contains("2.1"), "{text}");
    let text = error(colour, etcd_v2_client::members::List::default());
    assert!(text.contains("/v2/members") && text.contains("2.0"), "{text}");
    let text = error(colour, Get::new("/a"));
    assert!(text.contains("does not speak etcd's v2 API"), "{text}");
}

fn a_refusal_during_a_rolling_upgrade_is_certain(colour: Colour) {
    let body = r#"{"message":"Not capable of accessing auth feature during rolling upgrades."}"#;
    let old = Server::always(response(500, &["Content-Type: application/json"], body));
    let error = colour.client([old.url()]).send(users::Put::new("anna", "x")).unwrap_err();
    assert_eq!((error.outcome(), error.may_have_applied()), (Outcome::Rejected, false), "{error}");
    let new = Server::each(|seen| match seen.method.as_str() {
        "PUT" => response(201, &[], r#"{"user":"anna","roles":[]}"#),
        _ => plausible(seen),
    });
    let client = colour.client([old.url(), new.url()]);
    assert!(client.send(users::Put::new("anna", "x")).unwrap().created, "others may be newer");
}
