//! How texts of servers are shown: on one line, without anything that is invisible or that changes how the
//! text around it is read.

/// A text of a server, parts of which any client may have written as keys or values. Everything that does not print is
/// escaped: control characters, line ends of Unicode, direction marks and overrides, zero-width and
/// unassigned characters.
pub(crate) fn printable(text: &str) -> String {
    escaped(text, "")
}

/// The same in quotes.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text, "\"\\"))
}

fn escaped(text: &str, others: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if prints(c) && !others.contains(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
    }
    shown
}

fn prints(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    if is_ignorable(c) {
        return false;
    }
    // The standard library knows what prints. A letter in front, so that accents of their own do.
    let mut pair = String::from('a');
    pair.push(c);
    pair.escape_debug().count() == 2
}

/// Unicode's `Default_Ignorable_Code_Point`: shown as nothing. Some of these are letters by their category.
const fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_print_is_escaped_and_all_else_is_left_as_it_is() {
        for text in ["Key not found", "é \u{e9} 中文 русский हिन्दी e\u{301} 🦀 \"q\" \\ '", ""]
        {
            assert_eq!(printable(text), text);
        }
        for (c, escaped) in [
            ('\n', "\\n"),
            ('\u{1b}', "\\u{1b}"),
            ('\u{85}', "\\u{85}"),
            ('\u{a0}', "\\u{a0}"),
            ('\u{2028}', "\\u{2028}"),
            ('\u{202e}', "\\u{202e}"),
            ('\u{2066}', "\\u{2066}"),
            ('\u{200b}', "\\u{200b}"),
            ('\u{feff}', "\\u{feff}"),
            ('\u{3164}', "\\u{3164}"),
            ('\u{e0041}', "\\u{e0041}"),
            ('\u{e000}', "\\u{e000}"),
        ] {
            assert_eq!(printable(&format!("a{c}b")), format!("a{escaped}b"));
        }
        assert_eq!(quoted("a\"\\\n'b"), "\"a\\\"\\\\\\n'b\"");
    }
}
