//! A server that gives fixed answers as fast as one thread can, byte for byte in etcd's form, so that
//! what is measured is the client.
//!
//! It prints its port and the lengths of its listings, and ends when its standard input is closed.

mod answers;
mod connection;

use std::collections::HashMap;
use std::io::Read;
use std::{io, process, thread};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use crate::answers::Answers;
use crate::connection::Connection;

fn main() -> io::Result<()> {
    thread::spawn(|| {
        _ = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    let answers = Answers::new();
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    // A thousand watches come at once; whose turn it is not at once would try again after a second.
    rustix::net::listen(&listener, 4096)?;
    let [small, large] = answers.listing_lengths();
    println!("{} {small} {large}", listener.local_addr()?.port());
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections = HashMap::new();
    let mut next = 1;
    let mut events = Events::with_capacity(1024);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            let token = event.token();
            if token == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let interests = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, Token(next), interests)?;
                    connections.insert(Token(next), Connection::new(stream));
                    next += 1;
                }
            } else if let Some(connection) = connections.get_mut(&token)
                && connection.serve(&answers).is_err()
            {
                connections.remove(&token);
            }
        }
    }
}

const LISTENER: Token = Token(0);
