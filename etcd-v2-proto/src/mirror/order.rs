//! The order of keys in a mirror, which is that of a walk: a directory, then all that is below it.

use std::cmp::Ordering;

/// Compares keys segment by segment, so that what is below a directory comes right after it: `/a/b`
/// before `/a-b`, although its bytes are greater.
pub(super) fn order(a: &str, b: &str) -> Ordering {
    // A segment ends before any other byte comes.
    let rank = |byte: u8| if byte == b'/' { 0 } else { u16::from(byte) + 1 };
    let differing = a.bytes().zip(b.bytes()).find(|(a, b)| a != b);
    differing.map_or_else(|| a.len().cmp(&b.len()), |(a, b)| rank(a).cmp(&rank(b)))
}

/// Whether a key is this directory or below it.
pub(super) fn is_within(key: &str, directory: &str) -> bool {
    rest(key, directory).is_some()
}

/// Whether etcd keeps a key from those who look at this directory: it, or a directory between the two,
/// has a name that begins with an underscore.
pub(super) fn is_hidden(key: &str, directory: &str) -> bool {
    rest(key, directory).is_some_and(|rest| rest.contains("/_"))
}

/// The directories that a key is in, from the given one down; none unless the key is below that one.
pub(super) fn parents<'a>(key: &'a str, directory: &str) -> impl Iterator<Item = &'a str> {
    let least = match rest(key, directory) {
        Some(_) => directory.trim_end_matches('/').len().max(1),
        None => key.len(),
    };
    key.match_indices('/').filter(move |(at, _)| *at >= least).map(|(at, _)| &key[..at])
}

/// What is left of a key that is within a directory.
fn rest<'a>(key: &'a str, directory: &str) -> Option<&'a str> {
    let directory = directory.trim_end_matches('/');
    key.strip_prefix(directory).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_directory_comes_right_after_it() {
        let walk = ["/", "/a", "/a/b", "/a/b/c", "/a/c", "/a\u{0}", "/a-b", "/a.b/c", "/aa", "/b"];
        assert!(walk.is_sorted_by(|a, b| order(a, b) == Ordering::Less));
        for key in walk {
            assert_eq!(order(key, key), Ordering::Equal);
        }
        for directory in walk {
            let within: Vec<_> = walk.iter().map(|key| is_within(key, directory)).collect();
            let changes = within.windows(2).filter(|pair| pair[0] != pair[1]).count();
            assert!(changes <= 2, "{directory} is one stretch: {within:?}");
        }
    }

    #[test]
    fn names_with_an_underscore_are_hidden_from_above() {
        assert!(is_hidden("/a/_b", "/a") && is_hidden("/a/_b/c", "/a") && is_hidden("/_b", "/"));
        assert!(!is_hidden("/a/_b/c", "/a/_b") && !is_hidden("/a_/b_", "/"));
        assert!(!is_hidden("/_b", "/a"));
    }

    #[test]
    fn parents_begin_at_the_directory() {
        let of = |key, directory| parents(key, directory).collect::<Vec<_>>();
        assert_eq!(of("/a/b/c", "/a"), ["/a", "/a/b"]);
        assert_eq!(of("/a/b", "/a"), ["/a"]);
        assert_eq!(of("/a/b", "/"), ["/a"]);
        assert!(
            of("/a", "/a").is_empty() && of("/a", "/").is_empty() && of("/b/c", "/a").is_empty()
        );
    }
}
