//! What is answered to what.
//!
//! | request | answer |
//! |---|---|
//! | `PUT …` | a set with a previous node |
//! | `GET /asked` | how many requests there were but for these |
//! | `GET …/nodes-N?recursive=true` | N files in directories of a hundred |
//! | `GET …/idle?wait=true`, `GET …/nodes-N?recursive=true&wait=true…` | a head, and nothing more for ever |
//! | `GET …?stream=true&wait=true&waitIndex=N` | `STREAMED` changes from this index on, then nothing more |
//! | `GET …?wait=true&waitIndex=N` | the change with this index, as if it had just happened |
//! | any other `GET` | one file |

use std::cell::Cell;
use std::fmt::Write;

pub(crate) struct Answers {
    get: Vec<u8>,
    put: Vec<u8>,
    listings: [(&'static str, Vec<u8>); 2],
    asked: Cell<u64>,
}

impl Answers {
    pub(crate) fn new() -> Self {
        let node = r#""node":{"key":"/bench/key","value":"some value","modifiedIndex":17,"createdIndex":17}"#;
        let previous = r#""prevNode":{"key":"/bench/key","value":"some value","modifiedIndex":16,"createdIndex":16}"#;
        Self {
            get: sized(&format!(r#"{{"action":"get",{node}}}"#)),
            put: sized(&format!(r#"{{"action":"set",{node},{previous}}}"#)),
            listings: [
                ("/nodes-10000?", whole(&listing(10_000), 17)),
                ("/nodes-100000?", whole(&listing(100_000), 17)),
            ],
            asked: Cell::new(0),
        }
    }

    /// How many bytes the listings have, with head and framing.
    pub(crate) fn listing_lengths(&self) -> [usize; 2] {
        self.listings.each_ref().map(|(_, listing)| listing.len())
    }

    pub(crate) fn write(&self, line: &str, output: &mut Vec<u8>) {
        if line.starts_with("GET /asked ") {
            return output.extend(sized(&self.asked.get().to_string()));
        }
        self.asked.set(self.asked.get() + 1);
        let listing = self.listings.iter().find(|(name, _)| line.contains(name));
        if line.starts_with("PUT ") {
            output.extend_from_slice(&self.put);
        } else if line.contains("/idle?") || (listing.is_some() && line.contains("wait=true")) {
            output.extend_from_slice(head(CHUNKED, 17).as_bytes());
        } else if let Some((_, listing)) = listing {
            output.extend_from_slice(listing);
        } else if let Some(index) = wait_index(line) {
            if line.contains("stream=true") {
                output.extend_from_slice(head(CHUNKED, index - 1).as_bytes());
                let changes = (index..index + STREAMED).flat_map(|index| chunk(&change(index)));
                output.extend(changes);
            } else {
                output.extend_from_slice(&whole(&change(index), index - 1));
            }
        } else {
            output.extend_from_slice(&self.get);
        }
    }
}

/// How many changes a stream has.
const STREAMED: u64 = 1000;

fn wait_index(line: &str) -> Option<u64> {
    let rest = line.split_once("waitIndex=")?.1;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn change(index: u64) -> String {
    format!(
        r#"{{"action":"set","node":{{"key":"/bench/key","value":"some value","modifiedIndex":{index},"createdIndex":{index}}},"prevNode":{{"key":"/bench/key","value":"some value","modifiedIndex":{},"createdIndex":{}}}}}"#,
        index - 1,
        index - 1
    )
}

/// So many files in directories of a hundred. A quarter of the values has something to unescape, a
/// tenth of the files a ttl.
fn listing(files: usize) -> String {
    let root = format!("/nodes-{files}");
    let mut json = format!(r#"{{"action":"get","node":{{"key":"{root}","dir":true,"nodes":["#);
    for directory in 0..files / 100 {
        let comma = if directory == 0 { "" } else { "," };
        _ = write!(json, r#"{comma}{{"key":"{root}/{directory:04}","dir":true,"nodes":["#);
        for file in 0..100 {
            let index = 100 + directory * 100 + file;
            let comma = if file == 0 { "" } else { "," };
            let value = if file % 4 == 0 {
                format!(
                    r#"{{\"host\":\"10.0.{file}.7\",\"port\":{index},\"weight\":100,\"tags\":[]}}"#
                )
            } else {
                format!("http://10.0.{file}.7:{index}/and/a/path/that/says/where/it/is")
            };
            let ttl = if file % 10 == 0 {
                r#""expiration":"2026-11-22T20:00:00.123456789Z","ttl":3600,"#
            } else {
                ""
            };
            _ = write!(
                json,
                r#"{comma}{{"key":"{root}/{directory:04}/file-{file:04}","value":"{value}",{ttl}"modifiedIndex":{index},"createdIndex":{index}}}"#
            );
        }
        _ = write!(json, r#"],"modifiedIndex":{directory},"createdIndex":{directory}}}"#);
    }
    json.push_str(r#"],"modifiedIndex":3,"createdIndex":3}}"#);
    json
}

/// A small answer has a length.
fn sized(body: &str) -> Vec<u8> {
    let body = format!("{body}\n");
    format!("{}{body}", head(&format!("Content-Length: {}", body.len()), 17)).into_bytes()
}

/// A large one, and that of a wait, is one chunk.
fn whole(body: &str, index: u64) -> Vec<u8> {
    [head(CHUNKED, index).as_bytes(), &chunk(body), b"0\r\n\r\n"].concat()
}

fn chunk(body: &str) -> Vec<u8> {
    format!("{:x}\r\n{body}\n\r\n", body.len() + 1).into_bytes()
}

fn head(framing: &str, index: u64) -> String {
    format!(
        "HTTP/1.1 200 OK\r\n\
         Access-Control-Allow-Headers: accept, content-type, authorization\r\n\
         Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r\n\
         Access-Control-Allow-Origin: *\r\n\
         Content-Type: application/json\r\n\
         X-Etcd-Cluster-Id: cdf818194e3a8c32\r\n\
         X-Etcd-Index: {index}\r\n\
         X-Raft-Index: 19\r\n\
         X-Raft-Term: 2\r\n\
         Date: Sun, 22 Nov 2026 14:09:56 GMT\r\n\
         {framing}\r\n\r\n"
    )
}

const CHUNKED: &str = "Transfer-Encoding: chunked";
