//! Requests, shown as `curl` commands.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex};

use etcd_v2_client::auth::users;
use etcd_v2_client::keys::{Get, Set, Wait};

use crate::both::{Colour, Subject, both};
use crate::server::{Refusing, Server};

both!(
    all_clones_share_the_switch,
    the_switch_works_at_run_time,
    each_attempt_and_each_wait_is_shown,
    whoever_is_shown_a_command_may_use_the_switch,
    passwords_are_not_in_commands,
);

fn take(commands: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut *commands.lock().unwrap())
}

fn all_clones_share_the_switch(colour: Colour) {
    let server = Server::healthy();
    let client = colour.client([server.url()]);
    let commands = client.with(|policy| policy.passes = Some(1)).commands();
    client.clone().send(Get::new("/a").quorum()).unwrap();
    assert_eq!(take(&commands), [format!("curl -X GET '{}/v2/keys/a?quorum=true'", server.url())]);
    let other = colour.client([server.url()]);
    other.send(Get::new("/a")).unwrap();
    assert!(take(&commands).is_empty(), "that is another client");
}

fn the_switch_works_at_run_time(colour: Colour) {
    let server = Server::healthy();
    let client = colour.client([server.url()]);
    client.disable_curl();
    client.send(Get::new("/a")).unwrap();
    let first = client.commands();
    client.send(Get::new("/b")).unwrap();
    let second = client.commands();
    client.send(Get::new("/c")).unwrap();
    client.clone().disable_curl();
    client.send(Get::new("/d")).unwrap();
    let command = |key| format!("curl -X GET {}/v2/keys/{key}", server.url());
    assert_eq!((take(&first), take(&second)), (vec![command("b")], vec![command("c")]));
}

fn each_attempt_and_each_wait_is_shown(colour: Colour) {
    let (refusing, server) = (Refusing::new(), Server::healthy());
    let client = colour.client([refusing.url(), server.url()]);
    let commands = client.commands();
    client.send(Set::new("/a", "it's")).unwrap();
    let command = |url: &str| {
        format!(
            "curl -X PUT {url}/v2/keys/a -H 'Content-Type: application/x-www-form-urlencoded' \
             --data-raw 'value=it%27s'"
        )
    };
    assert_eq!(take(&commands), [command(&refusing.url()), command(&server.url())]);
    let (_, watch) = client.watch(Wait::new("/a").after(2)).change();
    let (_, watch) = watch.change();
    drop(watch);
    let command =
        |index| format!("curl -X GET '{}/v2/keys/a?wait=true&waitIndex={index}'", server.url());
    assert_eq!(take(&commands), [command(3), command(4)]);
}

fn whoever_is_shown_a_command_may_use_the_switch(colour: Colour) {
    let server = Server::healthy();
    let client = colour.client([server.url()]);
    let count = Arc::new(Mutex::new(0));
    let (own, counted): (Subject, _) = (client.clone(), Arc::clone(&count));
    client.enable_curl(move |command| {
        *counted.lock().unwrap() += 1;
        assert!(command.with_secrets().to_string().starts_with("curl "));
        // This drops the closure that is running.
        own.disable_curl();
    });
    client.send(Get::new("/a")).unwrap();
    client.send(Get::new("/b")).unwrap();
    assert_eq!(*count.lock().unwrap(), 1);
}

fn passwords_are_not_in_commands(colour: Colour) {
    let random = RandomState::new();
    let (password, value) =
        (format!("p{:x}", random.hash_one(1)), format!("v{:x}", random.hash_one(2)));
    let server = Server::healthy();
    let with_user = server.url().replace("http://", &format!("http://root:{password}@"));
    let client = colour.client([with_user]);
    let commands = client.commands();
    client.send(Set::new("/a", &value)).unwrap();
    let _ = client.send(users::Put::new("alice", &password));
    for command in take(&commands) {
        assert!(!command.contains(&password), "{command}");
        assert!(command.contains(" -u root"), "{command}");
    }
}
