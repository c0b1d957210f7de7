//! A kept connection, a prepared request, and as many bytes as the answer to the first one had.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use measure::{Job, Meter};

pub(crate) fn run(job: &Job) {
    let address = job.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let request = match job.workload.as_str() {
        "set" => {
            let body = "value=some+value";
            format!(
                "PUT /v2/keys/bench/key HTTP/1.1\r\nHost: {address}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
        }
        _ => format!("GET /v2/keys/bench/key HTTP/1.1\r\nHost: {address}\r\n\r\n"),
    };
    let mut answer = [0; 4096];
    let mut ask = || {
        stream.write_all(request.as_bytes()).expect("a request");
        let length = stream.read(&mut answer).expect("an answer");
        assert!(answer[..length].starts_with(b"HTTP/1.1 20"), "an answer");
    };
    ask();
    let mut meter = Meter::begin(job.requests);
    for _ in 0..job.requests {
        let began = Instant::now();
        ask();
        meter.lap(began);
    }
    meter.end();
}
