//! Passwords are shown nowhere, whatever they are and whatever goes wrong.

#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use etcd_v2_proto::auth::users;
use etcd_v2_proto::keys::Get;
use etcd_v2_proto::{
    Action, Cluster, Conversation, Credentials, Endpoint, Error, Event, Exchange, Failure, Policy,
    Request, members,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::{Strategy, any, prop_assert, prop_assume, proptest};

use super::cases;

/// All that a URL may have in its user information without being escaped.
const RAW: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b';')
    .remove(b'=');

/// Everything that can be shown and that a password went into, in these forms.
fn shown(user: &str, password: &str) -> Vec<String> {
    let escaped = |text| utf8_percent_encode(text, RAW).to_string();
    let (user_info, raw) =
        (format!("{}:{}", escaped(user), escaped(password)), format!("{user}:{password}"));
    let mut texts = Vec::new();
    if let Ok(credentials) = Credentials::new(user, password) {
        texts.push(format!("{credentials:?}"));
        let url = format!("http://{user_info}@host:2379/base");
        let endpoint: Endpoint = url.parse().unwrap();
        assert_eq!(endpoint.credentials(), Some(&credentials), "{url}");
        texts.push(format!("{endpoint} {endpoint:?} {}", endpoint.as_str()));
        let cluster = Cluster::new([endpoint]).unwrap();
        texts.push(format!("{cluster:?} {:?}", cluster.route()));
        texts.extend(talk(&cluster));
        let other = Credentials::new("other", "one").unwrap();
        let error = cluster.with_credentials(other).unwrap_err();
        texts.push(format!("{error} {error:?}"));
    }
    // What is wrong with an endpoint is told without its user information.
    for info in [user_info, raw] {
        for url in [
            format!("{info}@host"),
            format!("ftp://{info}@host"),
            format!("http://{info}@host:99999"),
            format!("http://{info}@ho st"),
            format!("http://{info}@"),
            format!("http://{info}@host?query"),
            format!("https://{info}@host/#fragment"),
            format!("http://{info}@[::1"),
            format!("  http://{info}@host:2379?x  "),
        ] {
            if let Err(invalid) = url.parse::<Endpoint>() {
                texts.push(format!("{invalid} {invalid:?}"));
                texts.extend(told(&Error::new(invalid)));
            }
            let others = format!("http://a:b@host,{url}");
            if let Err(error) = Cluster::new(url.parse().into_iter().chain(others.parse())) {
                texts.push(format!("{error} {error:?}"));
            }
            texts.extend(peer(&url));
        }
    }
    texts.extend(written(user, password));
    texts
}

/// What is shown of a change of members with this peer URL.
fn peer(url: &str) -> Vec<String> {
    let (add, update) = (members::Add::new([url]), members::Update::new("a", [url]));
    let mut texts = vec![format!("{add:?} {update:?}")];
    for encoded in [add.encode(), update.encode()] {
        match encoded {
            Ok(encoded) => texts.push(format!("{encoded:?}")),
            Err(invalid) => texts.push(format!("{invalid} {invalid:?}")),
        }
    }
    texts
}

/// What is shown of a request that writes this password.
fn written(user: &str, password: &str) -> Vec<String> {
    let (put, now) = (users::Put::new(user, password), Duration::ZERO);
    let mut texts = vec![format!("{put:?} {:?} {:#?}", put.encode(), put.encode())];
    let cluster = Cluster::parse(["http://host:2379"]).unwrap();
    let mut exchange = Exchange::new(put, cluster.route(), Arc::default(), 1, now);
    let action = exchange.poll(now);
    texts.push(format!("{action:?} {action:#?}"));
    texts
}

fn told(error: &Error) -> [String; 2] {
    [format!("{error} {error:?} {}", error.detail()), format!("{:?}", error.attempts())]
}

/// What a call shows on its way from one trouble to the next.
fn talk(cluster: &Cluster) -> Vec<String> {
    let policy = Arc::new(Policy::default());
    let head = |status, location: &str| {
        let answer = http::Response::builder().status(status).header("Location", location);
        Event::Head(answer.body(()).unwrap().into_parts().0)
    };
    let ends = [
        vec![head(401, "")],
        vec![head(307, "http://host:2379/base/elsewhere"), head(307, "https://foreign/")],
        vec![Event::Failed(Failure::before_send("refused"))],
        vec![head(200, ""), Event::End],
    ];
    let mut texts = Vec::new();
    for events in ends {
        let now = Duration::ZERO;
        let mut exchange =
            Exchange::new(Get::new("/a"), cluster.route(), Arc::clone(&policy), 1, now);
        for event in events {
            if let Action::Send { request, .. } = exchange.poll(now) {
                assert!(request.headers()["authorization"].is_sensitive());
                texts.push(format!("{} {request:?}", request.uri()));
            }
            texts.push(format!("{exchange:?}"));
            exchange.handle(now, event);
        }
        let late = Duration::from_secs(60);
        let _ = exchange.poll(now);
        exchange.handle(late, Event::Failed(Failure::after_send("reset")));
        if let Action::Finish(Err(error)) = exchange.poll(late) {
            texts.extend(told(&error));
        }
        texts.push(format!("{exchange:?}"));
    }
    texts
}

fn user() -> impl Strategy<Value = String> {
    any::<String>().prop_filter("a user", |user| {
        !user.is_empty() && !user.contains(|c: char| c == ':' || c.is_control())
    })
}

fn password() -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<char>(), 6..30).prop_map(String::from_iter)
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn no_secret_is_shown(user in user(), password in password()) {
        let secrets = [
            password.clone(),
            utf8_percent_encode(&password, RAW).to_string(),
            utf8_percent_encode(&password, NON_ALPHANUMERIC).to_string(),
            format!("{password:?}").trim_matches('"').to_owned(),
            STANDARD.encode(format!("{user}:{password}")).trim_end_matches('=').to_owned(),
            STANDARD.encode(&password).trim_end_matches('=').to_owned(),
        ];
        // A password that is part of what is shown anyway cannot be told apart from it.
        let anyway = shown(&user, "another").concat();
        prop_assume!(!secrets.iter().any(|secret| anyway.contains(secret.as_str())));
        for text in shown(&user, &password) {
            for secret in &secrets {
                prop_assert!(!text.contains(secret.as_str()), "{:?} in {}", secret, text);
            }
        }
    }
}

#[test]
fn a_peer_url_with_user_information_is_refused_without_showing_it() {
    for url in ["http://root:hunter2@10.0.0.1", "http://root:hunter2@10.0.0.1:2380"] {
        for text in peer(url) {
            assert!(!text.contains("hunter2"), "{text}");
        }
        let invalid = members::Add::new([url]).encode().unwrap_err();
        assert_eq!(invalid.field, "peer URL");
    }
    let invalid = members::Add::new(["http://root:hunter2@10.0.0.1:2380"]).encode().unwrap_err();
    assert!(invalid.reason.contains("user information"), "{invalid}");
    assert!(invalid.reason.contains("10.0.0.1:2380"), "{invalid}");
}

#[test]
fn requests_show_what_they_ask_for_but_not_their_bodies() {
    let encoded = users::Put::new("anna", "hunter2").encode().unwrap();
    let length = encoded.body.as_ref().unwrap().1.len();
    let text = format!("{encoded:?}");
    let cluster = Cluster::parse(["http://host:2379"]).unwrap();
    let put = users::Put::new("anna", "hunter2");
    let mut exchange = Exchange::new(put, cluster.route(), Arc::default(), 1, Duration::ZERO);
    let action = format!("{:?}", exchange.poll(Duration::ZERO));
    for text in [text, action] {
        assert!(!text.contains("hunter2"), "{text}");
        for part in ["PUT", "/v2/auth/users/anna", &format!("{length} bytes")] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}

#[test]
fn a_comma_in_a_password_gives_nothing_away() {
    let error = match Cluster::parse(["http://root:hunter2,swordfish@host:2379"]) {
        Ok(cluster) => {
            assert_eq!(
                cluster.credentials(),
                Credentials::new("root", "hunter2,swordfish").ok().as_ref()
            );
            return;
        }
        Err(error) => format!("{error} {error:?}"),
    };
    assert!(!error.contains("hunter2") && !error.contains("swordfish"), "{error}");
}

#[test]
fn a_redirect_gives_nothing_away() {
    let cluster = Cluster::parse(["http://host:2379"]).unwrap();
    for location in [
        "http://root:hunter2@foreign/",
        "ftp://root:hunter2@host/",
        "http://root:hunter2@host:99999/",
        "//root:hunter2@[::1",
    ] {
        let (policy, now) = (Arc::new(Policy::default()), Duration::ZERO);
        let mut exchange = Exchange::new(Get::new("/a"), cluster.route(), policy, 1, now);
        assert!(matches!(exchange.poll(now), Action::Send { .. }));
        let head = http::Response::builder().status(307).header("Location", location);
        exchange.handle(now, Event::Head(head.body(()).unwrap().into_parts().0));
        let Action::Finish(Err(error)) = exchange.poll(now) else { panic!("{location}") };
        for text in told(&error) {
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
