//! Values of every kind and size.

use etcd_v2_client::{Code, Outcome};

use super::space::Space;

both! {
    crowded:
    values_come_back_as_they_were,
    large_values_come_back_as_they_were,
    a_value_beyond_ten_mebibytes_is_code_210,
    what_counts_is_the_size_on_the_wire,
    a_value_far_too_large_is_an_error_that_says_so,
    an_answer_larger_than_allowed_is_refused,
}

const MIB: usize = 1 << 20;

fn values_come_back_as_they_were(space: &Space) {
    let mut all: Vec<String> = [
        "",
        " ",
        "  a  b  ",
        "\n",
        "\r\n",
        "\t",
        "\0",
        "a\0b",
        "a=b&c=d",
        "%",
        "%20",
        "%zz",
        "+",
        "a+b",
        ";",
        "?",
        "#",
        "\"",
        "\\",
        "\\u0041",
        "\\\"",
        "{\"json\":[1,null]}",
        "null",
        "</a>",
        "\u{7f}",
        "\u{80}",
        "\u{e9}",
        "e\u{301}",
        "\u{1f980}",
        "\u{2028}\u{2029}",
        "\u{feff}",
        "\u{fffd}",
        "\u{ffff}",
        "\u{10ffff}",
    ]
    .map(str::to_owned)
    .into();
    all.push((0..=255).map(char::from).collect());
    for value in all {
        let set = space.set("file", &value).unwrap();
        assert_eq!(set.value(), Some(&*value));
        assert_eq!(space.get("file").unwrap().into_value(), Some(value));
    }
}

fn large_values_come_back_as_they_were(space: &Space) {
    // The last one has three bytes on the wire for each of its own.
    for value in ["x".repeat(MIB), "x".repeat(9 * MIB), "\n%\u{1f980}".repeat(MIB / 2)] {
        let set = space.set("file", &value).unwrap();
        assert!(set.value() == Some(&*value));
        assert!(space.get("file").unwrap().into_value() == Some(value));
        space.delete("file").unwrap();
    }
}

fn a_value_beyond_ten_mebibytes_is_code_210(space: &Space) {
    let fits = "x".repeat(10 * MIB - "value=".len());
    assert!(space.set("file", &fits).unwrap().value() == Some(&*fits));
    let error = space.set("file", &(fits.clone() + "x")).unwrap_err();
    assert!(error.has_code(Code::INVALID_FORM), "{error}");
    assert_eq!(error.outcome(), Outcome::Rejected);
    assert!(error.to_string().len() < 1000, "the value is not repeated: {error}");
    assert!(space.get("file").unwrap().value() == Some(&*fits));
    space.delete("file").unwrap();
}

fn what_counts_is_the_size_on_the_wire(space: &Space) {
    let error = space.set("file", &"\n".repeat(10 * MIB / 3)).unwrap_err();
    assert!(error.has_code(Code::INVALID_FORM), "{error}");
}

/// A server that has heard enough hangs up, perhaps before its refusal has arrived.
fn a_value_far_too_large_is_an_error_that_says_so(space: &Space) {
    let error = space.set("file", &"x".repeat(32 * MIB)).unwrap_err();
    assert!(error.has_code(Code::INVALID_FORM) || error.outcome() == Outcome::Unknown, "{error:?}");
    assert!(error.to_string().len() < 1000, "the value is not repeated");
    assert!(space.get("file").unwrap_err().is_key_not_found(), "the connection is not used again");
}

fn an_answer_larger_than_allowed_is_refused(space: &Space) {
    space.set("file", &"x".repeat(MIB)).unwrap();
    let error = space.with(|policy| policy.max_answer = MIB).get("file").unwrap_err();
    assert!(error.to_string().contains("larger than the limit of 1048576 bytes"), "{error}");
    let enough = space.with(|policy| policy.max_answer = MIB + 1024);
    assert_eq!(enough.get("file").unwrap().value().unwrap().len(), MIB);
    space.delete("file").unwrap();
}
