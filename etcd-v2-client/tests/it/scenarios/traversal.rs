//! Keys that try to lead out of the key space: what is sent of them.

use etcd_v2_client::keys::{Delete, Get, Push, Set, Wait};
use etcd_v2_client::{ErrorKind, Outcome};

use crate::astray::{has_dots, keys};
use crate::both::{Colour, both};
use crate::server::Server;

both!(nothing_is_sent_out_of_the_key_space);

fn nothing_is_sent_out_of_the_key_space(colour: Colour) {
    let server = Server::healthy();
    let client = colour.client([server.url()]);
    let (mut sent, mut refused) = (0, 0);
    for key in keys() {
        let results = [
            client.send(Get::new(&key)),
            client.send(Get::new(&key).quorum().recursive()),
            client.send(Set::new(&key, "1")),
            client.send(Push::new(&key, "1")),
            client.send(Delete::new(&key).recursive()),
            client.send(Wait::new(&key)),
        ];
        for result in results {
            match result {
                Ok(_) => {
                    assert!(!has_dots(&key), "{key:?} is sent");
                    sent += 1;
                }
                Err(error) => {
                    let ErrorKind::Invalid(invalid) = error.kind() else {
                        panic!("{key:?}: {error}")
                    };
                    assert_eq!((invalid.field, error.outcome()), ("key", Outcome::NotSent));
                    assert!(has_dots(&key), "{key:?} is refused");
                    refused += 1;
                }
            }
        }
    }
    assert!(sent > 1000 && refused > 200, "{sent} sent, {refused} refused");
    let lines = server.lines();
    assert_eq!(lines.len(), sent);
    for line in lines {
        let (_, target) = line.split_once(' ').unwrap();
        let path = target.split('?').next().unwrap();
        assert!(path.starts_with("/v2/keys/"), "{line}");
        // A server undoes the escapes and then cleans the path. There is nothing to clean.
        assert!(!path.contains("//") && !path.contains('\\') && !has_dots(path), "{line}");
        assert!(!path.contains("%2F") && !path.contains("%2E"), "{line}");
    }
}
