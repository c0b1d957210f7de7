//! What is left of a password in the memory of this process, by the kernel's account.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use etcd_v2_proto::{Cluster, Credentials};
use zeroize::{Zeroize, Zeroizing};

/// Something to look for, changed so that looking for it does not find what is looked for.
struct Trace(Vec<u8>);

const MASK: u8 = 0x5a;

impl Trace {
    fn of(secret: &[u8]) -> Self {
        Self(secret.iter().map(|byte| byte ^ MASK).collect())
    }

    fn begins(&self, bytes: &[u8]) -> bool {
        bytes.len() >= self.0.len()
            && self.0.iter().zip(bytes).all(|(own, byte)| own ^ MASK == *byte)
    }

    /// Whether it is anywhere in the memory that this process can write to.
    fn is_left(&self) -> bool {
        const PIECE: usize = 1 << 20;
        let memory = File::open("/proc/self/mem").unwrap();
        let mut piece = Zeroizing::new(vec![0; PIECE]);
        writable_regions().into_iter().any(|(start, end)| {
            let mut at = start;
            while at < end {
                let length = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
                // Memory that another thread gave back meanwhile cannot be read any more.
                let Ok(length) = memory.read_at(&mut piece[..length], at) else { return false };
                let found = (0..length).any(|from| self.begins(&piece[from..length]));
                // Not as a vector, which would be empty then.
                piece.as_mut_slice().zeroize();
                if found {
                    return true;
                }
                if length <= self.0.len() {
                    return false;
                }
                // What lies across the border of two pieces is in the next one.
                at += (length - self.0.len()) as u64;
            }
            false
        })
    }
}

fn writable_regions() -> Vec<(u64, u64)> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let region = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let address = |text| u64::from_str_radix(text, 16).ok();
        rest.starts_with("rw").then_some((address(start)?, address(end)?))
    };
    maps.lines().filter_map(region).collect()
}

/// A password that stands nowhere else, not even in the program, and is long enough for its memory not
/// to be used again at once when it is given back.
fn password() -> Zeroizing<String> {
    const LENGTH: usize = 700;
    let mut password = Zeroizing::new(String::with_capacity(LENGTH));
    for number in 0..LENGTH {
        password.push(char::from(b'a' + u8::try_from(number * number * 7 / 3 % 25).unwrap()));
    }
    password
}

/// The end of a text: at the beginning of memory that was given back, the allocator makes notes.
fn end_of(text: &[u8]) -> Trace {
    const LONG_ENOUGH: usize = 60;
    Trace::of(&text[text.len() - LONG_ENOUGH..])
}

#[test]
fn a_password_is_gone_with_the_last_copy_of_its_credentials() {
    let password = password();
    // On the heap, since what is on the stack leaves copies wherever it moves.
    let mut clear = Zeroizing::new(vec![0; 4 + password.len()]);
    clear[..4].copy_from_slice(b"abc:");
    clear[4..].copy_from_slice(password.as_bytes());
    let mut encoded = Zeroizing::new(vec![0; clear.len().div_ceil(3) * 4]);
    STANDARD.encode_slice(clear.as_slice(), encoded.as_mut_slice()).unwrap();
    let (plain, basic) = (end_of(password.as_bytes()), end_of(&encoded));
    drop((clear, encoded));
    assert!(plain.is_left(), "it has to be found while it is there");

    let credentials = Credentials::new("abc", &password).unwrap();
    drop(password);
    assert!(!plain.is_left(), "the password in clear");
    assert!(basic.is_left(), "it has to be found while it is there");

    let cluster = Cluster::parse(["http://a:1"]).unwrap().with_credentials(credentials).unwrap();
    let (route, provider) = (cluster.route(), cluster.credentials().cloned());
    let provider = Arc::new(move || Ok(provider.clone()));
    drop((cluster, route));
    assert!(basic.is_left(), "there is a copy");
    let cluster = Cluster::parse(["http://a:1"]).unwrap().with_provider(provider).unwrap();
    drop(cluster);
    assert!(!basic.is_left(), "the value of the header");
    assert!(!plain.is_left(), "the password in clear");
}
