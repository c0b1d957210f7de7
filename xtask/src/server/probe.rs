//! Asking a server whether it is ready, without an HTTP library.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Whether the server at `endpoint` answers a quorum read of the v2 API, which takes a leader.
pub(super) fn is_ready(endpoint: &str) -> bool {
    endpoint
        .strip_prefix("http://")
        .is_some_and(|address| status_line(address).is_ok_and(|line| line.ends_with(b" 200")))
}

/// As much of the answer as the version and the status take.
fn status_line(address: &str) -> io::Result<[u8; 12]> {
    let socket: SocketAddr = address.parse().map_err(io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&socket, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(
        format!(
            "GET /v2/keys/?quorum=true HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
        )
        .as_bytes(),
    )?;
    let mut line = [0; 12];
    stream.read_exact(&mut line)?;
    Ok(line)
}

const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        net::TcpListener,
        thread,
    };

    use super::*;

    fn answered_with(answer: &'static str) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            // Closing with something left unread would cut the connection.
            let lines = BufReader::new(&stream).lines();
            assert!(lines.map_while(Result::ok).any(|line| line.is_empty()));
            (&stream).write_all(answer.as_bytes()).unwrap();
        });
        let ready = is_ready(&endpoint);
        server.join().unwrap();
        ready
    }

    #[test]
    fn only_200_is_ready() {
        assert!(answered_with("HTTP/1.1 200 OK\r\n\r\n{}"));
        assert!(!answered_with("HTTP/1.1 404 Not Found\r\n\r\n"));
        assert!(!answered_with("HTTP/1.1 503 Service Unavailable\r\n\r\n"));
        assert!(!answered_with(""));
    }

    #[test]
    fn nobody_there_is_not_ready() {
        assert!(!is_ready("http://127.0.0.1:1"));
    }
}
