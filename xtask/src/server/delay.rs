//! A delay for the bytes of a connection.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// The delay in one direction. Clones share it, and it may change at any time.
#[derive(Clone, Debug, Default)]
pub(super) struct Delay(Arc<AtomicU64>);

impl Delay {
    pub(super) fn set(&self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.0.store(micros, Ordering::Relaxed);
    }

    fn get(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// Copies bytes with a delay until one of the connections ends. `first` is what was read before, and when.
/// `wait_for_link` is called before each write.
///
/// One thread reads all the time, and another one writes what is due. So the delay does not limit the
/// throughput. A shorter delay does not change the order: later bytes wait for earlier ones.
pub(super) fn copy(
    mut from: &TcpStream,
    mut into: &TcpStream,
    delay: &Delay,
    first: Option<(Instant, Vec<u8>)>,
    wait_for_link: impl Fn(),
) {
    let (sender, pieces) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let send = |at: Instant, piece| sender.send((at + delay.get(), piece)).is_ok();
            let mut open = first.is_none_or(|(at, piece)| send(at, piece));
            let mut buffer = [0; 16 << 10];
            while open {
                let count = from.read(&mut buffer).unwrap_or_default();
                // The end is delayed as well: an empty piece stands for it.
                open = send(Instant::now(), buffer[..count].to_vec()) && count > 0;
            }
        });
        for (due, piece) in pieces {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            wait_for_link();
            if piece.is_empty() {
                _ = into.shutdown(Shutdown::Write);
            } else if into.write_all(&piece).is_err() {
                // This ends the thread that reads.
                _ = from.shutdown(Shutdown::Both);
                _ = into.shutdown(Shutdown::Both);
                break;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Both ends of a connection.
    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let own = near.local_addr().unwrap();
        loop {
            // Other tests look for free ports, and may connect to this one.
            let (far, peer) = listener.accept().unwrap();
            if peer == own {
                for end in [&near, &far] {
                    end.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                }
                return (near, far);
            }
        }
    }

    #[test]
    fn delayed_bytes_and_the_end_arrive_in_order() {
        let ((mut writer, from), (into, mut reader)) = (pair(), pair());
        let (delay, began) = (Delay::default(), Instant::now());
        delay.set(Duration::from_millis(150));
        let copying = {
            let delay = delay.clone();
            thread::spawn(move || copy(&from, &into, &delay, None, || ()))
        };
        writer.write_all(b"late ").unwrap();
        thread::sleep(Duration::from_millis(40));
        delay.set(Duration::ZERO);
        writer.write_all(b"early").unwrap();
        drop(writer);
        let mut all = String::new();
        reader.read_to_string(&mut all).unwrap();
        assert_eq!(all, "late early", "a shorter delay overtakes nothing");
        assert!(began.elapsed() >= Duration::from_millis(150));
        copying.join().unwrap();
    }

    #[test]
    fn delay_does_not_limit_the_throughput() {
        let ((mut writer, from), (into, mut reader)) = (pair(), pair());
        let delay = Delay::default();
        delay.set(Duration::from_millis(50));
        thread::spawn(move || copy(&from, &into, &delay, None, || ()));
        let began = Instant::now();
        // Two hundred pieces, which would take ten seconds one after the other.
        let writing = thread::spawn(move || {
            for _ in 0..200 {
                writer.write_all(&[7; 16 << 10]).unwrap();
            }
        });
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        writing.join().unwrap();
        assert_eq!(all.len(), 200 * (16 << 10));
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
