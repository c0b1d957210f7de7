//! Keys that would lead out of the key space if anybody on the way took them for paths.

/// What may be taken for the directory above, or for this one.
const DOTS: [&str; 16] = [
    "..",
    ".",
    "%2e%2e",
    "%2E.",
    "%252e%252e",
    "%c0%ae%c0%ae",
    "..%2f",
    "%2e%2e%2f",
    "..\\",
    "..%5c",
    "..;",
    "..\0",
    "\u{ff0e}\u{ff0e}",
    "..%00",
    "...",
    "..?",
];

/// What may stand before it.
const BEFORE: [&str; 4] = ["/", "//", "/a/b/", "/v2/keys/"];

/// What there is beside the key space.
const BESIDE: [&str; 5] = ["members", "v2/members", "members/leader", "auth/enable", "../version"];

/// All keys, 320 of them.
pub(crate) fn keys() -> impl Iterator<Item = String> {
    let triples = DOTS.iter().flat_map(|dots| {
        BEFORE
            .iter()
            .flat_map(move |before| BESIDE.iter().map(move |beside| (dots, before, beside)))
    });
    triples.map(|(dots, before, beside)| format!("{before}{dots}/{beside}"))
}

/// Whether a key has a segment that the directory above, or this one, goes by.
pub(crate) fn has_dots(key: &str) -> bool {
    key.split('/').any(|segment| matches!(segment, "." | ".."))
}
