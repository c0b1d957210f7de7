use super::*;

fn secrets(secret: &str) -> Secrets {
    Secrets(vec![Zeroizing::new(secret.as_bytes().to_vec())])
}

fn redacted(secret: &str, text: &str) -> String {
    let mut text = text.to_owned();
    secrets(secret).redact_text(&mut text);
    text
}

#[test]
fn a_secret_is_found_in_every_form() {
    for (secret, text, expected) in [
        ("hunter2", "is hunter2 it, hunter2?", "is *** it, ***?"),
        ("a<b>&c", "x a\\u003cb\\u003e\\u0026c y", "x *** y"),
        ("a<b>&c", "x a&lt;b&gt;&amp;c y", "x *** y"),
        ("it's", "x it&#39;s it&#x27;s it\\'s y", "x *** *** *** y"),
        ("a\"b\\c", r#"x a\"b\\c y"#, "x *** y"),
        ("a\"b\\c", r#"x a\\\"b\\\\c y"#, "x *** y"),
        ("a b/c", "x a+b%2fc a%20b%2Fc y", "x *** *** y"),
        ("100%x", "x 100%x 100%25x y", "x *** *** y"),
        ("p%25q", "x p%25q p%2525q y", "x *** *** y"),
        (
            "é🦀é",
            "x \\u00e9\\ud83e\\udd80\\u00E9 %C3%A9🦀%c3%a9 \\u{e9}\\u{1f980}é y",
            "x *** *** *** y",
        ),
        ("hunter2", "\\u0068\\u0075nter2 %68%75%6e%74%65%72%32", "*** ***"),
    ] {
        assert_eq!(redacted(secret, text), expected, "{secret} in {text}");
    }
}

#[test]
fn a_short_secret_is_found_where_it_stands_alone() {
    assert_eq!(redacted("at", "what is at that"), "what is *** that");
    assert_eq!(redacted("that", "what is \"that\", thatch"), "what is \"***\", ***ch");
}

#[test]
fn what_the_crate_looks_for_stays_whatever_the_password_is() {
    let text = "auth: User User does not exist.";
    assert_eq!(redacted("User", text), "auth: User *** does not exist.");
}

#[test]
fn the_beginning_of_a_secret_is_removed_from_a_text_that_was_cut() {
    for (secret, whole) in [
        ("hunter2é", "x hunter2é"),
        ("a\"b🦀c", r#"x a\"b\ud83e\udd80c"#),
        ("a<ab>", "x a%3Cab%3e"),
    ] {
        for end in 3..whole.len() {
            let mut text = whole.as_bytes()[..end].to_vec();
            secrets(secret).remove_cut_secret(&mut text);
            assert_eq!(String::from_utf8_lossy(&text), "x ***", "{whole} to {end}");
        }
        let mut text = b"something else".to_vec();
        secrets(secret).remove_cut_secret(&mut text);
        assert_eq!(text, b"something else");
    }
}

#[test]
fn passwords_are_found_in_bodies_of_the_auth_api() {
    let of = |body: &str| password_in(body.as_bytes()).map(|secret| secret.to_vec());
    assert_eq!(of(r#"{"user":"anna","password":"a\u003cb"}"#), Some(b"a<b".to_vec()));
    assert_eq!(of(r#"{"user":"anna","grant":["r"]}"#), None);
    assert_eq!(of("password=x"), Some(b"password=x".to_vec()));
}

/// A backslash in a text is one of the secret, or a part of an escape sequence: the readings double with each.
#[test]
fn a_secret_of_backslashes_is_compared_in_a_bounded_time() {
    let secret = format!("{}x", "\\".repeat(30));
    let text = "\\".repeat(100);
    assert_eq!(redacted(&secret, &text), text);
    assert_eq!(redacted(&secret, &format!("{text}x")), "***");
}
