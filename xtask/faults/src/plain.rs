//! A client without retries and timeouts, for comparison.

use std::{
    io::{BufReader, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::server::address_of;

use crate::proxy::Head;

/// One connection to one endpoint: it sends a request and waits for the response, and never retries.
#[derive(Debug)]
pub(crate) struct Plain {
    connection: BufReader<TcpStream>,
}

impl Plain {
    pub(crate) fn connect(url: &str) -> Result<Self> {
        let stream = TcpStream::connect(address_of(url)?).context("no connection")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LONGEST))?;
        Ok(Self { connection: BufReader::new(stream) })
    }

    /// Reads a key; `query` begins with a question mark, or is empty.
    pub(crate) fn get(&mut self, key: &str, query: &str) -> Result<Value> {
        self.send(&format!("GET /v2/keys{key}{query} HTTP/1.1\r\nhost: plain\r\n\r\n"))
    }

    /// Sets a key, and returns the index of the write. The value needs no escapes.
    pub(crate) fn set(&mut self, key: &str, query: &str, value: &str) -> Result<u64> {
        let body = format!("value={value}");
        let length = body.len();
        let change = self.send(&format!(
            "PUT /v2/keys{key}{query} HTTP/1.1\r\nhost: plain\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{body}"
        ))?;
        change["node"]["modifiedIndex"].as_u64().context("a write without an index")
    }

    fn send(&mut self, request: &str) -> Result<Value> {
        self.connection.get_ref().write_all(request.as_bytes())?;
        let head = Head::read(&mut self.connection)?.context("the connection ended")?;
        let mut body = Vec::new();
        head.copy_answer_body("GET", &mut self.connection, &mut body)?;
        let status = head.status().unwrap_or_default();
        ensure!((200..300).contains(&status), "{status}: {}", String::from_utf8_lossy(&body));
        // The body of etcd is never chunked unless it is long, so the chunks need no decoding.
        serde_json::from_slice(&body).context("no JSON")
    }
}

const LONGEST: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use std::{io::Read, net::TcpListener, thread};

    use super::*;

    #[test]
    fn plain_client_reads_responses_and_reports_errors() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let mut requests = Vec::new();
            for (status, body) in [
                ("200 OK", r#"{"node":{"value":"v"}}"#),
                ("201 Created", r#"{"node":{"modifiedIndex":7},"prevNode":{"modifiedIndex":3}}"#),
                ("412 Precondition Failed", "{}"),
            ] {
                let mut buffer = [0; 1024];
                let count = client.read(&mut buffer).unwrap();
                requests.push(String::from_utf8_lossy(&buffer[..count]).into_owned());
                let length = body.len();
                let response =
                    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
                client.write_all(response.as_bytes()).unwrap();
            }
            requests
        });
        let mut plain = Plain::connect(&url).unwrap();
        assert_eq!(plain.get("/a", "?quorum=true").unwrap()["node"]["value"], "v");
        assert_eq!(plain.set("/a", "?prevIndex=3", "x").unwrap(), 7);
        let error = plain.set("/a", "?prevIndex=3", "y").unwrap_err().to_string();
        assert!(error.starts_with("412"), "{error}");
        let requests = server.join().unwrap();
        assert!(requests[0].starts_with("GET /v2/keys/a?quorum=true HTTP/1.1\r\n"), "{requests:?}");
        assert!(requests[1].ends_with("\r\n\r\nvalue=x"), "{requests:?}");
    }
}
