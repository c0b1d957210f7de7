use super::*;
use crate::tree::{Node, NodeRef};

fn get(text: &str) -> Answer {
    decode(text.into()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn node(fields: &str) -> NodeRef {
    let answer = get(&format!(r#"{{"node":{{{fields}}}}}"#));
    NodeRef::new(answer.tree, answer.node.unwrap())
}

/// What is wrong with a document, as text.
fn wrong(text: impl Into<Vec<u8>>) -> String {
    decode(text.into()).unwrap_err().to_string()
}

#[test]
fn an_answer_has_an_action_a_node_and_a_previous_node() {
    let answer = get(concat!(
        r#"{"action":"compareAndSwap","node":{"key":"/a","value":"2","modifiedIndex":8,"createdIndex":7},"#,
        r#""prevNode":{"key":"/a","value":"1","modifiedIndex":7,"createdIndex":7}}"#,
        "\n"
    ));
    assert_eq!(answer.action(), Some("compareAndSwap"));
    let node = Node::new(&answer.tree, answer.node.unwrap());
    let prev = Node::new(&answer.tree, answer.prev.unwrap());
    assert_eq!((node.key(), node.value(), node.modified_index()), ("/a", Some("2"), Some(8)));
    assert_eq!((prev.key(), prev.value(), prev.modified_index()), ("/a", Some("1"), Some(7)));
}

#[test]
fn every_field_may_be_missing_or_null() {
    for text in ["{}", " { } ", r#"{"action":null,"node":null,"prevNode":null}"#] {
        let answer = get(text);
        assert_eq!((answer.action(), answer.node, answer.prev), (None, None, None), "{text}");
    }
    let nulls = concat!(
        r#""key":null,"value":null,"dir":null,"expiration":null,"ttl":null,"nodes":null,"#,
        r#""modifiedIndex":null,"createdIndex":null"#
    );
    assert_eq!(node(nulls), node(""));
    assert_eq!(node("").to_json(), "{}");
}

#[test]
fn fields_come_in_any_order() {
    let usual =
        node(r#""key":"/d","dir":true,"nodes":[{"key":"/d/a","value":"x"}],"modifiedIndex":9"#);
    let other =
        node(r#""modifiedIndex":9,"nodes":[{"value":"x","key":"/d/a"}],"dir":true,"key":"/d""#);
    assert_eq!(usual, other);

    let answer = get(r#"{"prevNode":{"key":"/old"},"node":{"key":"/new"},"action":"set"}"#);
    assert_eq!(Node::new(&answer.tree, answer.node.unwrap()).key(), "/new");
    assert_eq!(Node::new(&answer.tree, answer.prev.unwrap()).key(), "/old");
}

#[test]
fn unknown_fields_are_skipped_whatever_is_in_them() {
    for junk in [
        "0",
        "-0.5e+10",
        "1e999",
        r#""\ud800 \"""#,
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "[ [ ] , { } ]",
        r#"{"a":[1,{"b":"]}"}],"a":2}"#,
    ] {
        let known = node(&format!(r#""x":{junk},"key":"/a","x":{junk}"#));
        assert_eq!(known.node().key(), "/a", "{junk}");
        assert_eq!(
            get(&format!(r#"{{"x":{junk},"action":"get"}}"#)).action(),
            Some("get"),
            "{junk}"
        );
    }
}

#[test]
fn skipped_values_have_to_be_json() {
    for junk in [
        "",
        "-",
        "01",
        "1.",
        ".5",
        "1e",
        "+1",
        "tru",
        "nul",
        "nullx",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,]",
        "[}",
        "{]",
        "{1:2}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":1]"#,
        r#"["a":1]"#,
        r#""\x""#,
        r#""\u12g4""#,
        "'a'",
        "\"\n\"",
    ] {
        assert!(decode(format!(r#"{{"x":{junk}}}"#).into()).is_err(), "{junk}");
    }
}

#[test]
fn field_names_are_case_sensitive_and_may_be_escaped() {
    assert_eq!(node(r#""Key":"/a","KEY":"/b""#).node().key(), "/");
    assert_eq!(node(r#""\u006bey":"/a""#).node().key(), "/a");
}

#[test]
fn strings_are_unescaped() {
    for (escaped, plain) in [
        (r"", ""),
        (r"plain", "plain"),
        (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r"\u003chtml\u003e \u0026 \u2028", "<html> & \u{2028}"),
        (r"\u0000\u001F\u00e9\u20AC", "\0\u{1f}é€"),
        (r"\ud83d\uDE00!", "😀!"),
        ("é\\né😀\\n€ long enough for a word or two", "é\né😀\n€ long enough for a word or two"),
    ] {
        let node = node(&format!(r#""key":"/before","value":"{escaped}","expiration":"after""#));
        assert_eq!(node.node().value(), Some(plain), "{escaped}");
        assert_eq!((node.node().key(), node.node().expiration_text()), ("/before", Some("after")));
    }
}

#[test]
fn half_a_surrogate_pair_is_a_replacement_character() {
    for (escaped, plain) in [
        (r"\ud800", "\u{fffd}"),
        (r"\udc00!", "\u{fffd}!"),
        (r"\ud800\n", "\u{fffd}\n"),
        (r"\ud800\u0041", "\u{fffd}A"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
        (r"\udc00\ud800", "\u{fffd}\u{fffd}"),
    ] {
        let node = node(&format!(r#""value":"{escaped}""#));
        assert_eq!(node.node().value(), Some(plain), "{escaped}");
    }
}

#[test]
fn numbers_are_exact_up_to_their_limits() {
    let limits =
        r#""modifiedIndex":18446744073709551615,"createdIndex":1,"ttl":-9223372036854775808"#;
    let limits = node(limits);
    assert_eq!(limits.node().modified_index(), Some(u64::MAX));
    assert_eq!(limits.node().created_index(), Some(1));
    assert_eq!(limits.node().ttl_seconds(), Some(i64::MIN));
    assert_eq!(node(r#""ttl":9223372036854775807"#).node().ttl_seconds(), Some(i64::MAX));
}

#[test]
fn a_value_of_another_type_is_an_error() {
    for (field, value, expected) in [
        ("key", "1", "a string"),
        ("value", "true", "a string"),
        ("expiration", "{}", "a string"),
        ("dir", "1", "a boolean"),
        ("dir", r#""true""#, "a boolean"),
        ("nodes", "{}", "an array"),
        ("nodes", "[null]", "an object"),
        ("modifiedIndex", "18446744073709551616", "an unsigned 64-bit integer"),
        ("modifiedIndex", "-1", "an unsigned 64-bit integer"),
        ("modifiedIndex", "1.0", "an unsigned 64-bit integer"),
        ("createdIndex", "1e3", "an unsigned 64-bit integer"),
        ("createdIndex", "01", "an unsigned 64-bit integer"),
        ("createdIndex", r#""1""#, "an unsigned 64-bit integer"),
        ("ttl", "9223372036854775808", "a 64-bit integer"),
        ("ttl", "-9223372036854775809", "a 64-bit integer"),
        ("ttl", "0.5", "a 64-bit integer"),
        ("ttl", "-", "a 64-bit integer"),
    ] {
        let start = format!(r#"{{"node":{{"{field}":"#);
        let error = decode(format!("{start}{value}}}}}").into()).unwrap_err();
        let inside = if value == "[null]" { 1 } else { 0 };
        assert_eq!((error.offset(), error.expected()), (start.len() + inside, expected), "{value}");
    }
}

#[test]
fn errors_name_the_place() {
    assert_eq!(wrong(""), "expected an object at byte 0");
    assert_eq!(wrong("null"), "expected an object at byte 0");
    assert_eq!(wrong("404 page not found\n"), "expected an object at byte 0");
    assert_eq!(wrong(r#"{"action":"#), "expected a string at byte 10");
    assert_eq!(wrong(r#"{"action":"get"#), "expected the end of a string at byte 14");
    assert_eq!(wrong(r#"{"action""get"}"#), "expected a colon at byte 9");
    assert_eq!(wrong(r#"{"action":"get",}"#), "expected a field name at byte 16");
    assert_eq!(wrong(r#"{"action":"get"]"#), "expected a comma or a closing brace at byte 15");
    assert_eq!(
        wrong(r#"{"node":{"nodes":[{"key":"/a"}}"#),
        "expected a comma or a closing bracket at byte 30"
    );
    for child in ["{}", r#"{"key":null}"#, r#"{"key":""}"#, r#"{"key":"/"}"#] {
        let text = format!(r#"{{"node":{{"nodes":[{child}]}}}}"#);
        assert!(wrong(text.clone()).starts_with("expected a key in each child"), "{text}");
    }
    assert_eq!(wrong("{}{}"), "expected the end of the document at byte 2");
    assert_eq!(wrong("{}\n\0"), "expected the end of the document at byte 3");
    assert_eq!(
        wrong("{\"action\":\"a\0b\"}"),
        "expected no control character in a string at byte 12"
    );
    assert_eq!(wrong(r#"{"action":"\t\x"}"#), "expected an escape sequence at byte 13");
    assert_eq!(wrong(r#"{"action":"\u00"}"#), "expected an escape sequence at byte 11");
    assert_eq!(wrong(r#"{"node":{"key":"/a","key":"/a"}}"#), "expected no field twice at byte 20");
    assert_eq!(wrong(r#"{"node":null,"node":null}"#), "expected no field twice at byte 13");
}

#[test]
fn every_cut_is_an_error() {
    let text = concat!(
        r#"{"action":"get", "node":{"key":"/","dir":true,"nodes":[{"key":"/\u00e9","value":"\ud83d\ude00","#,
        r#""ttl":-3,"modifiedIndex":5},{ "unknown":[{"a":1.5e3},null],"key":"/b"}]},"prevNode":null}"#,
    );
    assert!(get(text).node.is_some());
    for cut in 0..text.len() {
        let error = decode(text[..cut].into()).unwrap_err();
        // What breaks off inside a number, word or escape is wrong from its beginning.
        assert!(error.offset() <= cut && error.offset() + 12 >= cut, "{cut}: {error}");
    }
}

#[test]
fn a_field_before_the_children_may_not_come_again_after_them() {
    assert_eq!(
        wrong(r#"{"node":{"key":"/","nodes":[{"key":"/a"}],"key":"/"}}"#),
        "expected no field twice at byte 42"
    );
}

#[test]
fn text_has_to_be_utf_8_and_the_fault_is_placed_exactly() {
    // Once in a plain string, once after an escape in front of it has been shortened, once in a
    // skipped one.
    for text in
        [&b"{\"action\":\"ab\xff\"}"[..], b"{\"action\":\"\\n\xff\"}", b"{\"skipme\":\"ab\xff\"}"]
    {
        assert_eq!(wrong(text), "expected UTF-8 at byte 13");
    }
    // A character whose second half comes as an escape.
    assert_eq!(wrong(&b"{\"action\":\"\xc3\\u0080\"}"[..]), "expected UTF-8 at byte 11");
}

#[test]
fn a_document_beyond_4_gib_cannot_be_addressed() {
    assert!(is_addressable(u32::MAX as usize - 1));
    assert!(!is_addressable(u32::MAX as usize));
    assert!(!is_addressable(usize::MAX));
}
