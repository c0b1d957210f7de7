//! What is to be done to which requests.

use std::time::Duration;

/// What is to be done to some of the requests.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    method: Option<&'static str>,
    pattern: String,
    /// Which of the requests that match, counted from 1; all of them if none is given.
    nth: Option<u64>,
    seen: u64,
    effect: Effect,
}

/// What becomes of a request and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It is forwarded, and so is its answer.
    Pass,
    /// The connection is reset, and all later ones are refused until the rules are replaced.
    Refuse,
    /// The connection is closed, and nothing is forwarded.
    CloseBefore,
    /// It is forwarded; as soon as the answer is complete, the connection is closed instead.
    Close,
    /// The same with a reset.
    Reset,
    /// It is forwarded; so many bytes of the answer come, and then the connection is closed.
    Truncate(usize),
    /// The same, counted from where the body of the answer begins.
    CutBody(usize),
    /// It is forwarded; the answer is held back for a while.
    Delay(Duration),
    /// It is forwarded; the answer comes byte by byte with pauses.
    Drip(Duration),
    /// It is forwarded; the answer comes in pieces of one byte.
    Split,
    /// It is swallowed, and nothing ever comes.
    BlackHole,
    /// This is answered; the request is forwarded or not.
    Answer { bytes: Vec<u8>, forward: bool },
    /// It is forwarded; something follows its answer that nobody asked for.
    Extra(Vec<u8>),
}

impl Rule {
    /// A rule for all requests.
    pub(crate) const fn new(effect: Effect) -> Self {
        Self { method: None, pattern: String::new(), nth: None, seen: 0, effect }
    }

    /// Only for this method.
    pub(crate) const fn method(mut self, method: &'static str) -> Self {
        self.method = Some(method);
        self
    }

    /// Only for paths, queries included, of this form; `*` stands for anything.
    pub(crate) fn path(mut self, pattern: impl Into<String>) -> Self {
        self.pattern = pattern.into();
        self
    }

    /// Only for the nth of those that match, counted from 1.
    pub(crate) const fn nth(mut self, nth: u64) -> Self {
        self.nth = Some(nth);
        self
    }

    /// The effect on this request, if the rule is about it.
    pub(super) fn take(&mut self, method: &str, target: &str) -> Option<Effect> {
        let matches = self.method.is_none_or(|own| own == method)
            && (self.pattern.is_empty() || matches(&self.pattern, target));
        if !matches {
            return None;
        }
        self.seen += 1;
        self.nth.is_none_or(|nth| nth == self.seen).then(|| self.effect.clone())
    }
}

/// Whether a text has the form of a pattern, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    let mut from = 0;
    loop {
        if matches(rest, &text[from..]) {
            return true;
        }
        match text[from..].chars().next() {
            Some(next) => from += next.len_utf8(),
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text) in [
            ("/a", "/a"),
            ("/a*", "/a"),
            ("*", ""),
            ("/v2/keys/*?*wait=true*", "/v2/keys/a/b?recursive=true&wait=true&waitIndex=3"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("/a", "/ab"), ("/a*c", "/ab"), ("", "/a"), ("*b", "ü")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn only_what_matches_counts() {
        let mut rule = Rule::new(Effect::Close).method("PUT").path("/a*").nth(2);
        let mut take = |method, target| rule.take(method, target).is_some();
        assert!(!take("PUT", "/a"));
        assert!(!take("GET", "/a"));
        assert!(!take("PUT", "/b"));
        assert!(take("PUT", "/ab"));
        assert!(!take("PUT", "/a"));
    }
}
