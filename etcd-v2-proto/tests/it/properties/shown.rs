//! Everything that can be shown and that a password went into. Shared with the fuzz targets.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use etcd_v2_proto::auth::{AddUser, users};
use etcd_v2_proto::http::{self, HeaderValue};
use etcd_v2_proto::keys::Get;
use etcd_v2_proto::proxy::Proxies;
use etcd_v2_proto::{
    Action, Cluster, Conversation, Credentials, Curl, Endpoint, Error, Event, Exchange, Failure,
    Policy, Request, Start, Sync, members,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

/// A user name and a password with NUL between them.
pub(crate) fn secrets(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (user, password) = text.split_once('\0').unwrap_or(("root", &text));
    check(user, password);
}

/// Looks for the password in all that is shown of it; says whether that means anything.
pub(crate) fn check(user: &str, password: &str) -> bool {
    /// What is shorter may be found anywhere.
    const LONG_ENOUGH: usize = 6;
    let code = |text: &str| STANDARD.encode(text).trim_end_matches('=').to_owned();
    let secrets = [
        password.to_owned(),
        utf8_percent_encode(password, RAW).to_string(),
        utf8_percent_encode(password, NON_ALPHANUMERIC).to_string(),
        format!("{password:?}").trim_matches('"').to_owned(),
        code(&format!("{user}:{password}")),
        code(password),
    ];
    // A password that is part of what is shown anyway cannot be told apart from it.
    let anyway = shown(user, "another one").concat();
    let is_shown_anyway = |secret: &String| anyway.contains(secret.as_str());
    if password.chars().count() < LONG_ENOUGH || secrets.iter().any(is_shown_anyway) {
        return false;
    }
    for text in shown(user, password) {
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{secret:?} in {text}");
        }
    }
    true
}

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
        let endpoint: Endpoint = url.parse().expect("an endpoint");
        assert_eq!(endpoint.credentials(), Some(&credentials), "{url}");
        texts.push(format!("{endpoint} {endpoint:?} {}", endpoint.as_str()));
        let cluster = Cluster::new([endpoint]).expect("a cluster");
        texts.push(format!("{cluster:?} {:?}", cluster.route()));
        texts.extend(talk(&cluster));
        let other = Credentials::new("other", "one").expect("credentials");
        let error = cluster.with_credentials(other).expect_err("one cluster is one user");
        texts.push(format!("{error} {error:?}"));
    }
    // What is wrong with an endpoint is told without its user information.
    texts.extend(redirected(&user_info));
    texts.extend(advertised(&user_info));
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
            if let Err(error) = Cluster::parse([&url, &others]) {
                texts.push(format!("{error} {error:?}"));
            }
            texts.extend(peer(&url));
            texts.extend(proxy(&url));
        }
    }
    texts.extend(written(user, password));
    texts
}

/// What is shown of a proxy at this URL.
fn proxy(url: &str) -> Vec<String> {
    let from_vars = Proxies::from_vars(|name| (name != "NO_PROXY").then(|| url.to_owned()));
    let mut texts = vec![format!("{from_vars:?} {:?}", Proxies::all(url))];
    for proxies in Proxies::all(url).into_iter().chain([from_vars]) {
        for uri in ["http://10.0.0.1:2379/", "https://10.0.0.1:2379/"] {
            match proxies.proxy_for(&uri.parse().expect("a URI")) {
                Ok(proxy) => texts.extend(proxy.map(|proxy| format!("{proxy} {proxy:?}"))),
                Err(invalid) => texts.push(format!("{invalid} {invalid:?}")),
            }
        }
    }
    texts
}

/// What is shown where a server names a target with this user information.
fn redirected(info: &str) -> Vec<String> {
    let cluster = Cluster::parse(["http://host:2379"]).expect("a cluster");
    let targets = [
        format!("http://{info}@foreign/"),
        format!("ftp://{info}@host/"),
        format!("http://{info}@host:99999/"),
        format!("//{info}@[::1"),
        format!("https://{info}@host"),
    ];
    let mut texts = Vec::new();
    for target in targets {
        let Ok(target) = HeaderValue::from_str(&target) else { continue };
        let now = Duration::ZERO;
        let mut exchange = Exchange::new(Get::new("/a"), cluster.route(), Arc::default(), 1, now);
        let _ = exchange.poll(now);
        let head = http::Response::builder().status(307).header("Location", target);
        exchange.handle(now, Event::Head(head.body(()).expect("a head").into_parts().0));
        if let Action::Finish(Err(error)) = exchange.poll(now) {
            texts.extend(told(&error));
        }
    }
    texts
}

/// What is shown where a member advertises URLs with this user information.
fn advertised(info: &str) -> Vec<String> {
    let cluster = Cluster::parse(["http://host:2379"]).expect("a cluster");
    let start = Start::new(cluster.route(), Arc::default(), 1, Duration::ZERO);
    let (mut sync, now) = (Sync::new(start, false), Duration::ZERO);
    let urls = [
        format!("http://{info}@10.0.0.2:2379"),
        format!("{info}@10.0.0.2"),
        format!("http://{info}@10.0.0.2:99999/"),
    ];
    let list = json!({ "members": [{ "id": "1", "clientURLs": urls }] });
    let _ = sync.poll(now);
    let head = http::Response::new(()).into_parts().0;
    for event in [Event::Head(head), Event::Chunk(list.to_string().into()), Event::End] {
        sync.handle(now, event);
    }
    match sync.poll(now) {
        Action::Yield(members) => vec![format!("{members:?}")],
        Action::Finish(Err(error)) => told(&error).to_vec(),
        _ => Vec::new(),
    }
}

/// What is shown of a change of members with this peer URL.
pub(crate) fn peer(url: &str) -> Vec<String> {
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
    let cluster = Cluster::parse(["http://host:2379"]).expect("a cluster");
    let mut exchange = Exchange::new(put, cluster.route(), Arc::default(), 1, now);
    let action = exchange.poll(now);
    texts.push(format!("{action:?} {action:#?}"));
    if let Action::Send { request, .. } = action {
        texts.push(format!("{} {:?}", Curl::new(&request), Curl::new(&request)));
    }
    let start = Start::new(cluster.route(), Arc::default(), 1, now);
    let mut add = AddUser::new(users::Put::new(user, password), start);
    let action = add.poll(now);
    texts.push(format!("{add:?} {action:?}"));
    texts
}

/// All that is told of an error, and of what is behind it.
pub(crate) fn told(error: &Error) -> [String; 2] {
    let mut behind = String::new();
    let mut source = error.source();
    while let Some(error) = source {
        behind.push_str(&format!("{error} {error:?}"));
        source = error.source();
    }
    let text = format!("{error} {error:?} {}", error.detail());
    [text, format!("{:?} {behind}", error.attempts())]
}

/// What a call shows on its way from one trouble to the next.
fn talk(cluster: &Cluster) -> Vec<String> {
    let policy = Arc::new(Policy::default());
    let head = |status, location: &str| {
        let answer = http::Response::builder().status(status).header("Location", location);
        Event::Head(answer.body(()).expect("a head").into_parts().0)
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
                texts.push(format!("{} {request:?} {}", request.uri(), Curl::new(&request)));
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
