//! Any texts at all as names, passwords and addresses: what becomes of them in the head of a request.
//! Shared with the fuzz targets.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use etcd_v2_proto::auth::{roles, users};
use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::http::{self, header};
use etcd_v2_proto::keys::{Delete, Get, Push, Set, Wait};
use etcd_v2_proto::{
    Action, Cluster, Conversation, Credentials, Exchange, Policy, Request, UserAgent, members,
};

/// A user name, a password, and a third text for everything else, with NUL between them.
pub(crate) fn heads(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut texts = text.splitn(3, '\0');
    let mut next = || texts.next().unwrap_or_default();
    let (user, password, other) = (next(), next(), next());

    let mut cluster = Cluster::parse(["http://10.0.0.1:2379/base"]).expect("an endpoint");
    match Credentials::new(user, password) {
        Ok(credentials) => {
            cluster = cluster.with_credentials(credentials).expect("the first ones");
            let request = sent(&cluster, Policy::default(), Get::new("/a")).expect("a request");
            let value = request.headers()[header::AUTHORIZATION].as_bytes();
            let code = value.strip_prefix(b"Basic ").expect("a scheme");
            let clear = STANDARD.decode(code).expect("base64");
            assert_eq!(clear, format!("{user}:{password}").into_bytes());
        }
        Err(_) => {
            let is_bad = |c: char| c == ':' || c.is_control();
            assert!(user.is_empty() || user.contains(is_bad), "{user:?} is refused");
        }
    }

    let mut policy = Policy::default();
    let is_visible = |c: char| c.is_ascii_graphic() || c == ' ';
    match UserAgent::new(other) {
        Ok(name) => {
            policy.user_agent = name;
            let request = sent(&cluster, policy.clone(), Get::new("/a")).expect("a request");
            assert_eq!(request.headers()[header::USER_AGENT], other);
        }
        Err(_) => {
            assert!(other.is_empty() || other.trim() != other || !other.chars().all(is_visible));
        }
    }

    let names = [other];
    let read = roles::Access::Read;
    check(&cluster, &policy, Get::new(other).quorum());
    check(&cluster, &policy, Set::new(other, other).if_value(other));
    check(&cluster, &policy, Push::new(other, other));
    check(&cluster, &policy, Delete::new("/a").if_value(other));
    check(&cluster, &policy, Wait::new(other));
    check(&cluster, &policy, members::Add::new(names));
    check(&cluster, &policy, members::Update::new(other, ["http://a:1"]));
    check(&cluster, &policy, members::Remove::new(other));
    check(&cluster, &policy, users::Get::new(other));
    check(&cluster, &policy, users::Put::new(other, password).roles(names));
    check(&cluster, &policy, users::Grant::new("anna", names));
    check(&cluster, &policy, roles::Get::new(other));
    check(&cluster, &policy, roles::Grant::new("guest", names, read));
}

/// Looks whether the request, if it can be sent, is one head with nothing smuggled into it.
fn check<R: Request>(cluster: &Cluster, policy: &Policy, request: R) {
    let encoded = request.encode();
    let Some(request) = sent(cluster, policy.clone(), request) else {
        assert!(encoded.is_err(), "what can be encoded is sent");
        return;
    };
    let encoded = encoded.expect("what is sent was encoded");
    let uri = request.uri();
    assert_eq!(uri.authority().map(|authority| authority.as_str()), Some("10.0.0.1:2379"));
    let text = uri.to_string();
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{text:?}");
    let target = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    assert_eq!(target, format!("/base{}", encoded.path_and_query));
    for known in [header::HOST, header::USER_AGENT, header::AUTHORIZATION, header::CONTENT_TYPE] {
        assert!(request.headers().get_all(known).iter().count() <= 1);
    }
    for (name, value) in request.headers() {
        let bytes = value.as_bytes();
        assert!(bytes.iter().all(|byte| (b' '..=b'~').contains(byte)), "{name}: {value:?}");
    }
    assert!(request.headers().len() <= 4, "{:?}", request.headers().keys());
}

fn sent<R: Request>(cluster: &Cluster, policy: Policy, request: R) -> Option<http::Request<Bytes>> {
    let now = Duration::ZERO;
    let mut exchange = Exchange::new(request, cluster.route(), Arc::new(policy), 1, now);
    match exchange.poll(now) {
        Action::Send { request, .. } => Some(request),
        Action::Finish(Err(_)) => None,
        _ => panic!("neither sending nor refusing"),
    }
}
