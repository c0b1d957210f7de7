//! Processes that have forked: parent and child share no connection.
//!
//! A program of its own, without the threads of a test harness: between a fork and its end, a child may
//! need a lock that another thread of its parent held.
#![expect(clippy::unwrap_used, reason = "this is a test")]

#[cfg(not(unix))]
fn main() {
    println!("skipped: there is no fork here");
}

#[cfg(unix)]
fn main() {
    shared::plain();
    #[cfg(feature = "ring")]
    shared::secured();
    println!("parent and child share no connection");
}

#[cfg(unix)]
mod shared {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::process;
    use std::sync::{Arc, Condvar, Mutex};
    use std::thread;
    use std::time::Duration;

    use bytes::Bytes;
    use etcd_v2_proto::{BlockingBody, BlockingTransport, Failure, Interrupt, Timing};
    use fork::{Fork, fork, waitpid};
    use transport_ureq::UreqTransport;
    use xtask::Stream;

    const PATIENCE: Duration = Duration::from_secs(10);
    const ROUNDS: usize = 300;

    pub(super) fn plain() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        check(&UreqTransport::new(), &base, move || serve(&listener, Stream::Plain));
    }

    #[cfg(feature = "ring")]
    pub(super) fn secured() {
        let authority = xtask::certificates::Authority::new("CA of the test").unwrap();
        let config = authority.server().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("https://{}", listener.local_addr().unwrap());
        let tls = etcd_v2_proto::tls::Tls::new().only_ca_pem(authority.pem());
        let transport = UreqTransport::builder().tls(tls).unwrap().build();
        check(&transport, &base, move || {
            serve(&listener, move |stream| Stream::secured(Arc::clone(&config), stream).unwrap());
        });
    }

    /// Runs in a child, which ends with this code, and returns its process id.
    fn in_a_child(work: impl FnOnce() -> i32) -> i32 {
        match fork().unwrap() {
            Fork::Child => process::exit(work()),
            Fork::Parent(child) => child,
        }
    }

    fn check(transport: &UreqTransport, base: &str, serve: impl FnOnce()) {
        // The server ends when its parent does, in whatever way.
        let (mut lifeline, parent) = std::io::pipe().unwrap();
        let mut parent = Some(parent);
        let server = in_a_child(|| {
            drop(parent.take());
            thread::spawn(move || process::exit(lifeline.read(&mut [0]).map_or(6, |_| 0)));
            serve();
            7
        });
        let url = |path: &str| format!("{base}{path}");
        let connection = |path: &str| {
            let text = get(transport, &url(path)).unwrap();
            let (number, about) = text.split_once(' ').unwrap();
            assert_eq!(about, path, "{base}: this is the response to another request");
            number.to_owned()
        };
        // One connection is in the middle of a body, and one is idle.
        let (body, first) = begin(transport, &url("/stream")).unwrap();
        let mut body = Some(body);
        assert_eq!(first, "begin");
        assert_eq!(connection("/go"), "1");
        assert_eq!(connection("/before"), "1");

        let child = in_a_child(|| {
            if rest(body.as_deref_mut().unwrap()).is_ok() {
                return 3;
            }
            for round in 0..ROUNDS {
                let path = format!("/child/{round}");
                match get(transport, &url(&path)) {
                    Ok(text) if !text.starts_with("1 ") && text.ends_with(&path) => {}
                    _ => return 4,
                }
            }
            // Closes the copies of the connections of the parent as well, which it must not notice.
            drop(body.take());
            get(transport, &url("/child/end")).map_or(5, |_| 0)
        });
        for round in 0..ROUNDS {
            assert_eq!(connection(&format!("/parent/{round}")), "1", "{base}");
        }
        assert_eq!(waitpid(child).unwrap(), 0, "{base}: how the child ended");
        assert_eq!(connection("/after"), "1", "{base}");
        assert_eq!(rest(body.as_deref_mut().unwrap()).unwrap(), "end", "{base}");

        drop(parent);
        assert_eq!(waitpid(server).unwrap(), 0, "{base}: how the server ended");
    }

    fn begin(
        transport: &UreqTransport,
        url: &str,
    ) -> Result<(Box<dyn BlockingBody>, String), Failure> {
        let host = url.split('/').nth(2).unwrap();
        let request = http::Request::get(url).header("Host", host).body(Bytes::new()).unwrap();
        let timing = Timing::new(Some(PATIENCE), Some(PATIENCE));
        let (_, mut body) = transport.send(request, timing, &Interrupt::never())?;
        let piece = body.read(Some(PATIENCE), &Interrupt::never())?.unwrap_or_default();
        Ok((body, String::from_utf8_lossy(&piece).into_owned()))
    }

    fn rest(body: &mut dyn BlockingBody) -> Result<String, Failure> {
        let mut text = String::new();
        while let Some(piece) = body.read(Some(PATIENCE), &Interrupt::never())? {
            text.push_str(&String::from_utf8_lossy(&piece));
        }
        Ok(text)
    }

    fn get(transport: &UreqTransport, url: &str) -> Result<String, Failure> {
        let (mut body, text) = begin(transport, url)?;
        Ok(text + &rest(&mut *body)?)
    }

    /// Responds to each request with the number of its connection and its path.
    fn serve(
        listener: &TcpListener,
        wrap: impl Fn(std::net::TcpStream) -> Stream + Send + Sync + Clone + 'static,
    ) {
        let go = Arc::new((Mutex::new(false), Condvar::new()));
        for (number, stream) in listener.incoming().enumerate() {
            let (wrap, go) = (wrap.clone(), Arc::clone(&go));
            thread::spawn(move || {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut stream = wrap(stream);
                let mut unread = String::new();
                loop {
                    let Some((head, rest)) = unread.split_once("\r\n\r\n") else {
                        let mut buffer = [0; 4096];
                        match stream.read(&mut buffer) {
                            Ok(0) | Err(_) => return,
                            Ok(length) => unread += &String::from_utf8_lossy(&buffer[..length]),
                        }
                        continue;
                    };
                    let path = head.split(' ').nth(1).unwrap().to_owned();
                    unread = rest.to_owned();
                    let text = format!("{number} {path}");
                    if path == "/stream" {
                        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                        write!(stream, "{head}5\r\nbegin\r\n").unwrap();
                        let (is_time, changed) = &*go;
                        let is_time = is_time.lock().unwrap();
                        drop(changed.wait_while(is_time, |is_time| !*is_time).unwrap());
                        write!(stream, "3\r\nend\r\n0\r\n\r\n").unwrap();
                        continue;
                    }
                    if path == "/go" {
                        *go.0.lock().unwrap() = true;
                        go.1.notify_all();
                    }
                    let length = text.len();
                    let _ =
                        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{text}");
                }
            });
        }
    }
}
