//! Passwords are shown nowhere, whatever they are and whatever goes wrong.

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::auth::users;
use etcd_v2_proto::keys::Get;
use etcd_v2_proto::{
    Action, Cluster, Conversation, Credentials, Event, Exchange, Policy, Request, http, members,
};
use proptest::prelude::{Strategy, any, prop_assume, proptest};

use super::cases;
use super::shown::{check, peer, told};

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
        prop_assume!(check(&user, &password));
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
