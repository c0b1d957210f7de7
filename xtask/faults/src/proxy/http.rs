//! As much of HTTP/1.1 as it takes to tell where a message ends.

use std::io::{self, BufRead, Write};

/// The head of a message, with its empty line.
#[derive(Debug)]
pub(crate) struct Head {
    pub(super) bytes: Vec<u8>,
}

/// Where a body ends.
#[derive(Debug, PartialEq, Eq)]
enum Length {
    Bytes(u64),
    Chunks,
    /// With the connection.
    End,
}

impl Head {
    /// The next head, or none if the connection ends before it.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        loop {
            let begin = bytes.len();
            if from.read_until(b'\n', &mut bytes)? == 0 {
                return if bytes.is_empty() { Ok(None) } else { Err(cut()) };
            }
            if bytes.len() > LONGEST_HEAD {
                return Err(io::Error::other("a head without an end"));
            }
            if matches!(&bytes[begin..], b"\r\n" | b"\n") && begin > 0 {
                return Ok(Some(Self { bytes }));
            }
        }
    }

    /// A word of the first line.
    pub(super) fn word(&self, index: usize) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let line = text.lines().next().unwrap_or_default();
        line.split(' ').nth(index).unwrap_or_default().to_owned()
    }

    pub(crate) fn status(&self) -> Option<u16> {
        self.word(1).parse().ok()
    }

    fn header(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.bytes);
        text.lines().skip(1).find_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim().to_ascii_lowercase())
        })
    }

    /// Whether the sender closes the connection after this message.
    pub(super) fn is_last(&self) -> bool {
        self.header("connection").is_some_and(|value| value.contains("close"))
    }

    fn length(&self, without: Length) -> Length {
        if self.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
            return Length::Chunks;
        }
        let given = self.header("content-length").and_then(|length| length.parse().ok());
        given.map_or(without, Length::Bytes)
    }

    /// Copies the body of a request.
    pub(super) fn copy_request_body(
        &self,
        from: &mut impl BufRead,
        to: &mut impl Write,
    ) -> io::Result<()> {
        copy(from, to, self.length(Length::Bytes(0)))
    }

    /// Copies the body of an answer to a request with this method. Returns whether the connection has
    /// ended with it.
    pub(crate) fn copy_answer_body(
        &self,
        method: &str,
        from: &mut impl BufRead,
        to: &mut impl Write,
    ) -> io::Result<bool> {
        if method == "HEAD" || matches!(self.status(), Some(204 | 304)) {
            return Ok(false);
        }
        let length = self.length(Length::End);
        let ended = length == Length::End;
        copy(from, to, length)?;
        Ok(ended)
    }
}

fn copy(from: &mut impl BufRead, to: &mut impl Write, length: Length) -> io::Result<()> {
    match length {
        Length::Bytes(bytes) => copy_bytes(from, to, bytes),
        Length::End => loop {
            let piece = from.fill_buf()?;
            if piece.is_empty() {
                return Ok(());
            }
            to.write_all(piece)?;
            let taken = piece.len();
            from.consume(taken);
        },
        Length::Chunks => {
            while let size @ 1.. = copy_size(from, to)? {
                copy_bytes(from, to, size + 2)?;
            }
            while copy_line(from, to)? != b"\r\n" {}
            Ok(())
        }
    }
}

/// The size of the chunk that follows.
fn copy_size(from: &mut impl BufRead, to: &mut impl Write) -> io::Result<u64> {
    let line = String::from_utf8_lossy(&copy_line(from, to)?).into_owned();
    let size = line.split(';').next().unwrap_or_default().trim();
    u64::from_str_radix(size, 16).map_err(io::Error::other)
}

fn copy_bytes(from: &mut impl BufRead, to: &mut impl Write, bytes: u64) -> io::Result<()> {
    let mut left = bytes;
    while left > 0 {
        let piece = from.fill_buf()?;
        if piece.is_empty() {
            return Err(cut());
        }
        let taken = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        to.write_all(&piece[..taken])?;
        from.consume(taken);
        left -= taken as u64;
    }
    Ok(())
}

fn copy_line(from: &mut impl BufRead, to: &mut impl Write) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    if !line.ends_with(b"\n") {
        return Err(cut());
    }
    to.write_all(&line)?;
    Ok(line)
}

fn cut() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

const LONGEST_HEAD: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn body(answer: &str) -> (String, String) {
        let mut from = answer.as_bytes();
        let head = Head::read(&mut from).unwrap().unwrap();
        let mut to = Vec::new();
        head.copy_answer_body("GET", &mut from, &mut to).unwrap();
        (String::from_utf8(to).unwrap(), String::from_utf8(from.to_vec()).unwrap())
    }

    #[test]
    fn a_body_ends_where_its_head_says() {
        let of =
            |headers: &str, rest: &str| body(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n{rest}"));
        assert_eq!(of("Content-Length: 2\r\n", "abc"), ("ab".into(), "c".into()));
        let chunks = "2\r\nab\r\n1;x=y\r\nc\r\n0\r\nt: u\r\n\r\n";
        let whole = format!("{chunks}HTTP");
        assert_eq!(of("transfer-encoding: chunked\r\n", &whole), (chunks.into(), "HTTP".into()));
        assert_eq!(of("", "abc"), ("abc".into(), String::new()));
    }

    #[test]
    fn a_body_that_is_cut_is_an_error() {
        let mut from = &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"[..];
        let head = Head::read(&mut from).unwrap().unwrap();
        assert!(head.copy_answer_body("GET", &mut from, &mut Vec::new()).is_err());
        assert!(Head::read(&mut &b"HTTP/1.1 200"[..]).is_err());
        assert!(Head::read(&mut &b""[..]).unwrap().is_none());
    }
}
