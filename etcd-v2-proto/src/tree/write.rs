//! Nodes in etcd's own JSON form.

use std::{
    fmt::{self, Write},
    iter,
};

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

use super::{Node, NodeRef};

impl Node<'_> {
    /// Writes the node and everything below it as etcd does: its field names, in its order, without
    /// what is zero.
    ///
    /// The text is JSON without white space. Only what JSON requires to be escaped is escaped, so
    /// `<`, `>` and `&`, which etcd escapes for the sake of HTML, stay as they are.
    #[must_use]
    pub fn to_json(self) -> String {
        let mut out = String::new();
        // Writing into a string does not fail.
        let _ = self.write_json(&mut out);
        out
    }

    /// Writes what [`Node::to_json`] returns.
    pub(crate) fn write_json(self, out: &mut impl Write) -> fmt::Result {
        let mut open: Vec<Node<'_>> = Vec::new();
        for node in iter::once(self).chain(self.descendants()) {
            while let Some(directory) = open.pop_if(|directory| directory.ends_before(node)) {
                out.write_char(']')?;
                write_tail(out, directory, false)?;
            }
            if open.last().is_some_and(|directory| directory.index() + 1 != node.index()) {
                out.write_char(',')?;
            }
            let blank = write_head(out, node)?;
            if node.descendants().len() > 0 {
                out.write_str(if blank { "\"nodes\":[" } else { ",\"nodes\":[" })?;
                open.push(node);
            } else {
                write_tail(out, node, blank)?;
            }
        }
        while let Some(directory) = open.pop() {
            out.write_char(']')?;
            write_tail(out, directory, false)?;
        }
        Ok(())
    }
}

impl NodeRef {
    /// Writes the node and everything below it as etcd does, see [`Node::to_json`].
    #[must_use]
    pub fn to_json(&self) -> String {
        self.node().to_json()
    }
}

impl fmt::Display for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_json(f)
    }
}

impl fmt::Display for NodeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node().write_json(f)
    }
}

/// Serializes what [`Node::to_json`] returns, as a piece of finished JSON.
///
/// This is meant for `serde_json`, whatever the depth. Another format sees `serde_json`'s raw
/// value, a structure with the text as its only field.
impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_json()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// Serializes what [`NodeRef::to_json`] returns, as a piece of finished JSON.
///
/// This is meant for `serde_json`, whatever the depth. Another format sees `serde_json`'s raw
/// value, a structure with the text as its only field.
impl Serialize for NodeRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.node().serialize(serializer)
    }
}

/// Writes a string with its quotes.
fn write_string(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\')
        && let Some((plain, special)) = rest.split_at_checked(at)
        && let Some((special, after)) = special.split_at_checked(1)
    {
        out.write_str(plain)?;
        match special {
            "\"" => out.write_str("\\\"")?,
            "\\" => out.write_str("\\\\")?,
            "\n" => out.write_str("\\n")?,
            "\r" => out.write_str("\\r")?,
            "\t" => out.write_str("\\t")?,
            control => {
                for byte in control.bytes() {
                    write!(out, "\\u{byte:04x}")?;
                }
            }
        }
        rest = after;
    }
    out.write_str(rest)?;
    out.write_char('"')
}

/// Writes an object up to where its children would be, and tells whether it is still without a
/// field.
fn write_head(out: &mut impl Write, node: Node<'_>) -> Result<bool, fmt::Error> {
    let mut name = Names { next: '{' };
    if node.key() != "/" {
        name.write(out, "key")?;
        write_string(out, node.key())?;
    }
    if let Some(value) = node.value() {
        name.write(out, "value")?;
        write_string(out, value)?;
    }
    if node.is_dir() {
        name.write(out, "dir")?;
        out.write_str("true")?;
    }
    if let Some(expiration) = node.expiration_text() {
        name.write(out, "expiration")?;
        write_string(out, expiration)?;
    }
    if let Some(ttl) = node.ttl_seconds().filter(|ttl| *ttl != 0) {
        name.write(out, "ttl")?;
        write!(out, "{ttl}")?;
    }
    let blank = name.next == '{';
    if blank {
        out.write_char('{')?;
    }
    Ok(blank)
}

/// Writes an object from where its children would have ended.
fn write_tail(out: &mut impl Write, node: Node<'_>, blank: bool) -> fmt::Result {
    let mut comma = if blank { "" } else { "," };
    if let Some(index) = node.modified_index() {
        write!(out, "{comma}\"modifiedIndex\":{index}")?;
        comma = ",";
    }
    if let Some(index) = node.created_index() {
        write!(out, "{comma}\"createdIndex\":{index}")?;
    }
    out.write_char('}')
}

/// The names in an object, each after a brace or a comma.
struct Names {
    next: char,
}

impl Names {
    fn write(&mut self, out: &mut impl Write, name: &str) -> fmt::Result {
        write!(out, "{}\"{name}\":", self.next)?;
        self.next = ',';
        Ok(())
    }
}
