//! Texts of servers in errors: nothing in them is invisible, ends a line or turns the direction of reading.

#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

use std::time::Duration;

use etcd_v2_proto::keys::{Get, Set};
use etcd_v2_proto::{ConnectionError, Failure, Policy};

use crate::echoes::Echo;

/// Whether a letter is one that no text of an error may have: controls, marks and overrides of direction,
/// ends of lines and paragraphs, what takes no room, what is a space but looks different, private use.
fn is_bad(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
}

/// The texts of errors that a server has this text in.
fn texts(text: &str) -> Vec<String> {
    let quoted = serde_json::to_string(text).unwrap();
    let echoes = [
        Echo::new(401, format!(r#"{{"errorCode":110,"message":{quoted},"cause":{quoted}}}"#)),
        Echo::new(400, format!(r#"{{"message":{quoted}}}"#)),
        Echo::new(400, text),
        Echo::new(502, format!("<html><title>{text}</title>")),
        Echo::new(502, format!("<html><title>{text}</title>"))
            .header("Content-Type", "text/html".to_owned()),
        Echo::new(307, "").header("Location", format!("ftp://{text}")),
        Echo::new(200, format!(r#"{{"action":"set","node":{{"key":{quoted}}}}}"#)),
        Echo::new(200, format!(r#"{{"action":{quoted},"node":{{"key":"/a"}}}}"#)),
    ];
    let mut texts: Vec<_> = echoes
        .into_iter()
        .filter(|echo| echo.is_possible())
        .map(|echo| {
            let mut policy = Policy::default();
            policy.passes = Some(1);
            let error = echo.error_of(Get::new("/a"), "hunter2", policy);
            // The detail has lines of its own.
            format!("{error} {}", error.detail().to_string().replace('\n', " "))
        })
        .collect();
    let key = serde_json::to_string(&format!("/{}", text.replace('/', ""))).unwrap();
    let erased = format!(
        r#"{{"action":"update","node":{{"key":{key},"modifiedIndex":9}},"prevNode":{{"key":{key},"value":"v"}}}}"#
    );
    let refresh = Set::refresh(text.replace('/', ""), Duration::from_secs(9));
    let error = Echo::new(200, erased).error_of(refresh, "hunter2", Policy::default());
    assert!(error.refresh_unsupported().is_some(), "{error}");
    texts.push(error.to_string());
    texts.push(ConnectionError::Tls(format!("the certificate is for {text}")).to_string());
    texts.push(Failure::after_send(format!("the proxy says {text}")).to_string());
    texts
}

#[test]
fn nothing_unprintable_of_a_server_is_in_an_error() {
    let bad: Vec<char> = ('\0'..=char::MAX).filter(|c| is_bad(*c)).collect();
    assert!(bad.len() > 100_000, "{}", bad.len());
    // Excerpts are short, so those that matter most are one by one.
    let (some, rest): (Vec<char>, Vec<char>) = bad.iter().partition(|c| u32::from(**c) < 0x3000);
    let mut count = 0;
    let chunks = rest.chunks(5000).map(|chunk| chunk.iter().collect::<String>());
    for text in some.iter().map(|c| format!("a{c}b")).chain(chunks) {
        for shown in texts(&text) {
            let left = shown.chars().find(|c| is_bad(*c));
            assert_eq!(left, None, "{:?} in {shown:?}", left.map(u32::from));
            count += 1;
        }
    }
    assert!(count > 500, "{count}");
}

#[test]
fn texts_in_any_language_are_shown_as_they_are() {
    for text in [
        "cl\u{e9} \u{4e2d}\u{6587}",
        "\u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947}",
        "e\u{301} \u{1f980}",
    ] {
        for shown in texts(text).iter().filter(|shown| !shown.contains("Location")) {
            let is_ours = shown.contains("redirected");
            assert!(is_ours || shown.contains(text), "{text} in {shown}");
        }
    }
}
