//! One connection: requests in, answers out.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;

use crate::answers::Answers;

pub(crate) struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    written: usize,
}

impl Connection {
    pub(crate) const fn new(stream: TcpStream) -> Self {
        Self { stream, input: Vec::new(), output: Vec::new(), written: 0 }
    }

    /// Answers all that has come. An error is the end of the connection.
    pub(crate) fn serve(&mut self, answers: &Answers) -> io::Result<()> {
        let mut piece = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    self.input.extend_from_slice(&piece[..length]);
                    self.answer(answers);
                    self.flush()?;
                    // Less than was asked for is all that there is.
                    if length < piece.len() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return self.flush(),
                Err(error) => return Err(error),
            }
        }
    }

    fn answer(&mut self, answers: &Answers) {
        while let Some(end) = self.input.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&self.input[..end]).into_owned();
            let length = content_length(&head);
            if self.input.len() < end + 4 + length {
                return;
            }
            answers.write(head.lines().next().unwrap_or_default(), &mut self.output);
            self.input.drain(..end + 4 + length);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(length) => self.written += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.written = 0;
        Ok(())
    }
}

fn content_length(head: &str) -> usize {
    let name = "content-length:";
    head.lines()
        .find(|line| line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name))
        .and_then(|line| line[name.len()..].trim().parse().ok())
        .unwrap_or(0)
}
