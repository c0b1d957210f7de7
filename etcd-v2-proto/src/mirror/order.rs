//! The order of keys in a mirror, which is that of a walk: a directory, then all that is below it.

use std::cmp::Ordering;

use crate::keys::is_below;

/// Compares keys segment by segment, so that what is below a directory comes right after it: `/a/b`
/// before `/a-b`, although its bytes are greater.
pub(super) fn order(a: &str, b: &str) -> Ordering {
    // A segment ends before any other byte comes.
    let rank = |byte: u8| if byte == b'/' { 0 } else { u16::from(byte) + 1 };
    let differing = a.bytes().zip(b.bytes()).find(|(a, b)| a != b);
    differing.map_or_else(|| a.len().cmp(&b.len()), |(a, b)| rank(a).cmp(&rank(b)))
}

/// The directories that a key is in, from the given one down; none unless the key is below that one.
pub(super) fn parents<'a>(key: &'a str, directory: &str) -> impl Iterator<Item = &'a str> {
    let below = directory.trim_end_matches('/').len().max(1);
    let least = if is_below(key, directory) { below } else { key.len() };
    key.match_indices('/').filter(move |(at, _)| *at >= least).map(|(at, _)| &key[..at])
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
            let within: Vec<_> = walk.iter().map(|key| is_below(key, directory)).collect();
            let changes = within.windows(2).filter(|pair| pair[0] != pair[1]).count();
            assert!(changes <= 2, "{directory} is one stretch: {within:?}");
        }
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
