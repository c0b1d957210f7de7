//! Servers that echo what they receive: no error shows a secret of its request.

#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use etcd_v2_proto::auth::users;
use etcd_v2_proto::keys::{Get, Set};
use etcd_v2_proto::{
    Action, Cluster, Conversation, Credentials, Encoded, Error, Event, Exchange, Failure, Invalid,
    Policy, Purpose, Request,
};
use http::Method;

/// How a response ends.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Whole,
    Broken,
}

/// What a server says to every request.
pub(crate) struct Echo {
    status: u16,
    header: Option<(&'static str, String)>,
    body: Vec<u8>,
    ending: Ending,
}

impl Echo {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, header: None, body: body.into(), ending: Ending::Whole }
    }

    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.header = Some((name, value));
        self
    }

    /// Whether a server can say that at all.
    pub(crate) fn is_possible(&self) -> bool {
        let Some((_, value)) = &self.header else { return true };
        http::HeaderValue::from_bytes(value.as_bytes()).is_ok()
    }

    /// The error of a request of user root.
    pub(crate) fn error_of<R: Request>(&self, request: R, password: &str, policy: Policy) -> Error {
        let cluster = Cluster::parse(["http://a:1,http://b:2"]).unwrap();
        let credentials = Credentials::new("root", password).unwrap();
        let route = cluster.with_credentials(credentials).unwrap().route();
        let mut now = Duration::ZERO;
        let mut exchange = Exchange::new(request, route, policy.into(), 1, now);
        let mut events = Vec::new();
        for _ in 0..1000 {
            match exchange.poll(now) {
                Action::Send { .. } => {
                    let mut head = http::Response::builder().status(self.status);
                    if let Some((name, value)) = &self.header {
                        head = head.header(*name, value.as_bytes());
                    }
                    let head = head.body(()).unwrap().into_parts().0;
                    events = match self.ending {
                        Ending::Whole => vec![Event::End],
                        Ending::Broken => vec![Event::Failed(Failure::after_send("reset"))],
                    };
                    events.push(Event::Chunk(Bytes::from(self.body.clone())));
                    exchange.handle(now, Event::Head(head));
                }
                Action::Read { .. } => exchange.handle(now, events.pop().unwrap()),
                Action::Wait(pause) => {
                    now += pause;
                    exchange.handle(now, Event::Elapsed);
                }
                Action::Finish(Err(error)) => return error,
                _ => panic!("no error after {}", self.status),
            }
        }
        panic!("no end");
    }
}

/// Everything that an error shows.
fn shown(error: &Error) -> String {
    let mut text = format!("{error}\n{error:?}\n{error:#?}\n{}", error.detail());
    for attempt in error.attempts() {
        let _ = write!(text, "\n{attempt:?} {}", attempt.kind);
    }
    if let Some(response) = error.etcd() {
        let _ = write!(text, "\n{} {}", response.message, response.cause);
    }
    if let Some(response) = error.api() {
        let _ = write!(text, "\n{}", response.message);
    }
    text
}

/// Passwords with everything in them that somebody escapes.
const PASSWORDS: [&str; 6] = [
    "hunter2",
    "p%40ss w/ord+x",
    "a<b>&c\"d\\e'f",
    "q\n\t\u{1}r\u{2028}s",
    "\u{43f}\u{430}\u{440}\u{43e}\u{43b}\u{44c}\u{e9}",
    "\u{1f980}\u{10ffff}crab",
];

/// A secret in the forms that servers write.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap();
    let json = json[1..json.len() - 1].to_owned();
    let go = ['<', '>', '&', '\u{2028}']
        .into_iter()
        .fold(json.clone(), |text, c| text.replace(c, &format!("\\u{:04x}", u32::from(c))));
    let units = secret.encode_utf16();
    let all_units: String = units.map(|unit| format!("\\u{unit:04X}")).collect();
    let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let query = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC);
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let html = html.replace('"', "&#34;").replace('\'', "&#x27;");
    let twice = serde_json::to_string(&json).unwrap();
    vec![
        secret.to_owned(),
        go,
        all_units,
        percent.to_lowercase(),
        percent,
        query.to_string(),
        form,
        html,
        secret.escape_debug().to_string(),
        secret.escape_default().to_string(),
        twice[1..twice.len() - 1].to_owned(),
        json,
    ]
}

/// The responses that have this text in them, which was escaped by the server already.
fn echoes(text: &str) -> Vec<Echo> {
    let quoted = serde_json::to_string(&format!("you said {text}, root")).unwrap();
    let quoted = &quoted[1..quoted.len() - 1];
    let mut echoes = vec![
        Echo::new(401, format!(r#"{{"errorCode":110,"message":"{quoted}","cause":"{quoted}"}}"#)),
        Echo::new(400, format!(r#"{{"message":"{quoted}"}}"#)),
        Echo::new(400, format!("you said {text}, root")),
        Echo::new(502, format!("<html><title>{text}</title>"))
            .header("Content-Type", "text/html".into()),
        Echo::new(200, format!("<html><title>{text}</title>"))
            .header("Content-Type", "text/html".into()),
        Echo::new(200, format!(r#"{{"errorCode":100,"message":"{quoted}","cause":"{quoted}"}}"#)),
    ];
    let is_for_headers = |text: &str| http::HeaderValue::try_from(text).is_ok();
    if is_for_headers(text) {
        echoes.extend([
            Echo::new(400, "no").header("Content-Type", format!("text/{text}")),
            Echo::new(302, "").header("Location", format!("http://far/{text}?{text}")),
            Echo::new(307, "").header("Location", format!("ftp://far/{text}")),
            Echo::new(307, "").header("Location", format!("http://a:1/v2/other?{text}")),
        ]);
    }
    echoes
}

/// Checks that none of these is shown of an error.
fn assert_hidden(error: &Error, secret: &str, case: &str) {
    let text = shown(error);
    for form in forms(secret) {
        assert!(!text.contains(&form), "{form:?} of {secret:?} in {text}\n{case}");
    }
}

#[test]
fn errors_show_no_password_that_a_server_echoes() {
    let mut cases = 0;
    for password in PASSWORDS {
        for form in forms(password) {
            for echo in echoes(&form) {
                let case = format!("{form:?} with {}", echo.status);
                let policy = || {
                    let mut policy = Policy::default();
                    policy.passes = Some(1);
                    policy
                };
                assert_hidden(&echo.error_of(Get::new("/a"), password, policy()), password, &case);
                let put = users::Put::new("anna", password);
                assert_hidden(&echo.error_of(put, "of-root", policy()), password, &case);
                cases += 2;
            }
        }
    }
    assert!(cases > 1000, "{cases}");
}

#[test]
fn errors_show_no_authorization_that_a_server_echoes() {
    for password in PASSWORDS {
        let mut pair = String::from("root:");
        pair.push_str(password);
        let header = base64(pair.as_bytes());
        for form in [format!("Basic {header}"), header.clone(), header.replace('=', "%3d")] {
            for echo in echoes(&form) {
                let mut policy = Policy::default();
                policy.passes = Some(1);
                let error = echo.error_of(Set::new("/a", "v"), password, policy);
                let text = shown(&error);
                let bare = header.trim_end_matches('=');
                assert!(!text.contains(bare), "{form} in {text}");
            }
        }
    }
}

#[test]
fn no_part_of_a_password_is_shown_where_a_text_is_cut() {
    for password in ["hunter2-and-more", "a<b>&c\"d\\e'f"] {
        for form in forms(password) {
            let quoted = serde_json::to_string(&form).unwrap();
            let quoted = &quoted[1..quoted.len() - 1];
            for (before, text) in [
                (r#"{"errorCode":110,"message":"m","cause":"x"#.to_owned(), quoted),
                ("x".repeat(180), &*form),
                ("x".repeat(20), &*form),
            ] {
                for length in 1..text.len() {
                    let whole = format!("{before}{text}, and more").into_bytes();
                    let mut policy = Policy::default();
                    policy.passes = Some(1);
                    policy.max_error_body = before.len() + length;
                    let mut echo = Echo::new(401, whole.clone());
                    let cut = echo.error_of(Get::new("/a"), password, policy.clone());
                    policy.max_error_body = 4096;
                    echo.body.truncate(before.len() + length);
                    echo.ending = Ending::Broken;
                    let broken = echo.error_of(Get::new("/a"), password, policy.clone());
                    let excerpt = Echo::new(401, whole).error_of(Get::new("/a"), password, policy);
                    for error in [cut, broken, excerpt] {
                        let text = shown(&error);
                        for form in forms(&password[..6]) {
                            assert!(!text.contains(&form), "{form:?} of {before}{text}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_secret_is_only_redacted_in_what_the_server_says() {
    // The password is a word of the error's own text, and of what the crate looks for in messages.
    let body = r#"{"message":"auth: User User does not exist."}"#;
    let error = Echo::new(404, body).error_of(users::Get::new("User"), "User", Policy::default());
    assert!(error.is_user_not_found(), "{error}");
    let body = r#"{"errorCode":100,"message":"Key not found","cause":"/etcd","index":7}"#;
    let error = Echo::new(404, body).error_of(Get::new("/etcd/a"), "etcd", Policy::default());
    assert_eq!(error.to_string(), "etcd error 100: Key not found (/***) [index 7]");
}

#[test]
fn requests_with_a_secret_body_are_not_redirected_out_of_the_cluster() {
    let echo = Echo::new(307, "").header("Location", "http://far/v2/auth/users/anna".to_owned());
    for at_least_once in [false, true] {
        let mut policy = Policy::default();
        (policy.foreign_redirects, policy.at_least_once) = (true, at_least_once);
        policy.passes = Some(1);
        let error = echo.error_of(users::Put::new("anna", "hunter2"), "x", policy);
        let text = error.to_string();
        assert!(text.contains("secret in its body") && text.contains("http://far/"), "{text}");
        assert_eq!(error.outcome(), etcd_v2_proto::Outcome::Rejected);
    }
}

#[test]
fn a_401_says_as_whom_the_request_was_sent() {
    let body = r#"{"errorCode":110,"message":"The request requires user authentication","cause":"Insufficient credentials","index":0}"#;
    let says =
        "etcd error 110: The request requires user authentication (Insufficient credentials)";
    for (status, body, text) in [(401, body, says), (401, "", "unexpected answer with status 401")]
    {
        let error = Echo::new(status, body).error_of(Get::new("/a"), "hunter2", Policy::default());
        for shown in [error.to_string(), error.detail().to_string(), format!("{error:?}")] {
            assert!(shown.starts_with(text), "{shown}");
            assert!(shown.contains(", sent as user \"root\""), "{shown}");
            assert!(!shown.contains("[index"), "{shown}");
        }
    }
    let cluster = Cluster::parse(["http://a:1"]).unwrap();
    let now = Duration::ZERO;
    let mut exchange =
        Exchange::new(Get::new("/a"), cluster.route(), Policy::default().into(), 1, now);
    assert!(matches!(exchange.poll(now), Action::Send { .. }));
    let head = http::Response::builder().status(401).body(()).unwrap().into_parts().0;
    exchange.handle(now, Event::Head(head));
    exchange.handle(now, Event::Chunk(Bytes::from(body)));
    exchange.handle(now, Event::End);
    let Action::Finish(Err(error)) = exchange.poll(now) else { panic!("no error") };
    assert_eq!(error.to_string(), format!("{says}, sent without credentials"));
}

#[test]
fn a_request_that_cannot_be_written_is_a_typed_error() {
    let path = |path: &str| Encoded::new(Method::PUT, path, Purpose::Write);
    for bad in ["/\u{e9}", "/a?\u{4e2d}", "/a b", "/a\n", "/a\u{7f}", "a", "/a#b", ""] {
        assert_eq!(path(bad).err().map(|invalid| invalid.field), Some("path"), "{bad:?}");
    }
    let typed = |content_type| path("/a").unwrap().with_body(content_type, "body");
    for bad in ["text\r\nX: y", "text\n", "text\0", "a\u{7f}", "\r"] {
        let invalid: Option<Invalid> = typed(bad).err();
        assert_eq!(invalid.map(|invalid| invalid.field), Some("content type"), "{bad:?}");
    }
    for good in ["text/plain", "", "application/json; charset=utf-8"] {
        assert!(typed(good).is_ok(), "{good:?}");
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
