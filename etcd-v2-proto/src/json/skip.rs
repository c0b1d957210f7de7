//! Values that nobody asked for.

use super::{Fault, cursor::Cursor};

impl Cursor {
    /// Reads any value without keeping it.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        // What closes the objects and arrays around the current value, outermost first.
        let mut open = Vec::new();
        loop {
            match self.peek() {
                Some(b'{') => {
                    if self.open_object()? {
                        self.name()?;
                        open.push(b'}');
                        continue;
                    }
                }
                Some(b'[') => {
                    if self.open_array()? {
                        open.push(b']');
                        continue;
                    }
                }
                Some(b'"') => self.string().map(drop)?,
                Some(b'-' | b'0'..=b'9') => self.skip_number()?,
                Some(b't') => self.word("true")?,
                Some(b'f') => self.word("false")?,
                _ => self.word("null")?,
            }
            loop {
                match open.last() {
                    None => return Ok(()),
                    Some(b'}') if self.next_field()? => {
                        self.name()?;
                        break;
                    }
                    Some(b']') if self.next_element()? => break,
                    Some(_) => open.pop(),
                };
            }
        }
    }

    /// Reads a number of any size and form.
    fn skip_number(&mut self) -> Result<(), Fault> {
        self.bump(b"-");
        if !self.bump(b"0") {
            self.skip_digits()?;
        }
        if self.bump(b".") {
            self.skip_digits()?;
        }
        if self.bump(b"eE") {
            self.bump(b"+-");
            self.skip_digits()?;
        }
        self.space();
        Ok(())
    }

    fn skip_digits(&mut self) -> Result<(), Fault> {
        if !self.bump(b"0123456789") {
            return Err(self.wrong("a digit"));
        }
        while self.bump(b"0123456789") {}
        Ok(())
    }

    /// Reads one of these bytes, if that is what comes.
    fn bump(&mut self, bytes: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| bytes.contains(&byte));
        self.at += usize::from(found);
        found
    }
}
