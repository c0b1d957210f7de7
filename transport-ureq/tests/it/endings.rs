//! Calls while their thread ends.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use transport_ureq::UreqTransport;

use crate::ways::ways;
use crate::{PATIENCE, ask, put};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

type Work = Box<dyn FnOnce()>;

/// Does something in the destructor of a thread-local variable.
struct Last(Option<Work>);

impl Drop for Last {
    fn drop(&mut self) {
        if let Some(work) = self.0.take() {
            work();
        }
    }
}

thread_local! {
    static LAST: RefCell<Last> = const { RefCell::new(Last(None)) };
}

#[test]
fn call_from_the_destructor_of_a_thread_local_variable_works() {
    let ways = ways(&UreqTransport::builder(), |mut peer| {
        while peer.request().is_some() {
            peer.say(OK);
        }
    });
    for way in ways {
        let mut urls = vec![way.url("/")];
        if way.name == "plain" {
            urls.push(urls[0].replace("127.0.0.1", "localhost"));
        }
        let transport = Arc::new(way.transport);
        for url in urls {
            // Whether the thread has made a call before decides what is destroyed first.
            for calls_before in [0, 1] {
                let (done, is_done) = mpsc::channel();
                let (transport, url) = (Arc::clone(&transport), url.clone());
                let thread = thread::spawn(move || {
                    let (last, last_url) = (Arc::clone(&transport), url.clone());
                    let work = move || {
                        let result = ask(&last, put(&last_url, "v"));
                        done.send(result.map_err(|failure| failure.to_string())).unwrap_or(());
                    };
                    LAST.with_borrow_mut(|last| last.0 = Some(Box::new(work)));
                    for _ in 0..calls_before {
                        ask(&transport, put(&url, "v")).unwrap();
                    }
                });
                thread.join().unwrap();
                let (status, text) = is_done.recv_timeout(PATIENCE).unwrap().unwrap();
                assert_eq!((status.as_u16(), text.as_str()), (200, "ok"), "{}", way.name);
            }
        }
    }
}
