//! Bytes as words of a POSIX shell.

use std::fmt::{self, Write};

/// Whether these bytes cannot be an argument: none has a zero byte, and on Linux none has 128 KiB.
pub(super) fn is_for_pipe(body: &[u8]) -> bool {
    const LONGEST: usize = 100_000;
    body.len() > LONGEST || body.contains(&0)
}

/// Writes one word of a shell command. There may be no zero byte in it.
pub(super) fn quote(f: &mut fmt::Formatter<'_>, word: &[u8]) -> fmt::Result {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./:@%+,".contains(byte);
    if !word.is_empty() && word.iter().all(is_plain) {
        return f.write_str(&String::from_utf8_lossy(word));
    }
    f.write_char('\'')?;
    for chunk in word.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\'' => f.write_str(r"'\''")?,
                // Others could do something to the terminal on which the command is shown.
                '\n' | '\t' => f.write_char(letter)?,
                _ if letter.is_control() => {
                    substitute(f, letter.encode_utf8(&mut [0; 4]).as_bytes())?;
                }
                _ => f.write_char(letter)?,
            }
        }
        if !chunk.invalid().is_empty() {
            substitute(f, chunk.invalid())?;
        }
    }
    f.write_char('\'')
}

/// Writes bytes that are no text, within a quoted word.
fn substitute(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    f.write_str("'\"$(printf '")?;
    octal(f, bytes)?;
    f.write_str("')\"'")
}

/// Writes a quoted format with which `printf` prints these bytes.
pub(super) fn print_format(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    // Some take a hyphen in front for an option.
    let (hyphen, rest) = bytes.split_at(usize::from(bytes.starts_with(b"-")));
    octal(f, hyphen)?;
    for chunk in rest.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\'' => f.write_str(r"'\''")?,
                '%' => f.write_str("%%")?,
                '\\' => f.write_str(r"\\")?,
                _ if letter.is_control() => {
                    octal(f, letter.encode_utf8(&mut [0; 4]).as_bytes())?;
                }
                _ => f.write_char(letter)?,
            }
        }
        octal(f, chunk.invalid())?;
    }
    Ok(())
}

fn octal(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\{byte:03o}"))
}
