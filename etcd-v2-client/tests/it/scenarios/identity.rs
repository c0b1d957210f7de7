//! Who asks, where that changes while the client is in use, and by which name.

use std::sync::{Arc, Mutex};

use etcd_v2_client::keys::{Get, Push, Set, Wait};
use etcd_v2_client::{Credentials, CredentialsProvider, ErrorKind, Outcome, UserAgent};

use crate::both::{Colour, Subject, both};
use crate::server::{Gate, Seen, Server, change, etcd, plausible, response};

both!(
    each_call_is_sent_as_whomever_the_provider_names,
    all_attempts_of_a_call_are_of_one_user,
    a_provider_that_names_nobody_is_nobody,
    nothing_is_sent_while_the_provider_fails,
    an_impossible_user_of_a_provider_is_an_error_of_the_call,
    a_watch_keeps_the_user_of_its_connection_and_reconnects_as_the_next_one,
    a_watch_outlives_a_provider_that_fails_for_a_while,
    a_provider_may_use_the_client_itself,
    strangers_learn_nothing_from_a_provider,
    credentials_have_one_source,
    the_name_of_the_client_can_be_set,
);

/// A password that a test can change.
#[derive(Clone, Default)]
struct Vault(Arc<Mutex<Option<String>>>);

impl Vault {
    fn with(password: &str) -> Self {
        let vault = Self::default();
        vault.put(password);
        vault
    }

    fn put(&self, password: &str) {
        *self.0.lock().unwrap() = Some(password.to_owned());
    }

    fn seal(&self) {
        *self.0.lock().unwrap() = None;
    }
}

impl CredentialsProvider for Vault {
    fn credentials(&self) -> Result<Option<Credentials>, Box<dyn std::error::Error + Send + Sync>> {
        let password = self.0.lock().unwrap().clone().ok_or("the vault is sealed")?;
        Ok(Some(Credentials::new("app", &password)?))
    }
}

// `app:first` and `app:second` in base64.
const FIRST: Option<&str> = Some("Basic YXBwOmZpcnN0");
const SECOND: Option<&str> = Some("Basic YXBwOnNlY29uZA==");

fn users(server: &Server) -> Vec<Option<String>> {
    server.seen().iter().map(|seen| seen.header("Authorization").map(str::to_owned)).collect()
}

fn assert_users<const N: usize>(server: &Server, expected: [Option<&str>; N]) {
    assert_eq!(users(server), expected.map(|user| user.map(str::to_owned)));
}

fn each_call_is_sent_as_whomever_the_provider_names(colour: Colour) {
    let (server, vault) = (Server::healthy(), Vault::with("first"));
    let client = colour.patient([server.url()]).credentials_from(vault.clone()).build();
    let clone = client.with(|policy| policy.passes = Some(1));
    client.send(Get::new("/a")).unwrap();
    vault.put("second");
    client.send(Set::new("/a", "1")).unwrap();
    clone.send(Push::new("/a", "1")).unwrap();
    assert_users(&server, [FIRST, SECOND, SECOND]);
    assert_eq!(server.connections(), 1, "no new client, no new connection");
}

fn all_attempts_of_a_call_are_of_one_user(colour: Colour) {
    let vault = Vault::with("first");
    let rotating = vault.clone();
    let broken = Server::start(move |peer| {
        peer.request();
        rotating.put("second");
        peer.reset();
    });
    let server = Server::healthy();
    let urls = [broken.url(), server.url()];
    let client = colour.patient(urls).credentials_from(vault).build();
    client.send(Get::new("/a")).unwrap();
    client.send(Get::new("/a")).unwrap();
    assert_users(&broken, [FIRST]);
    assert_users(&server, [FIRST, SECOND]);
}

fn a_provider_that_names_nobody_is_nobody(colour: Colour) {
    let server = Server::healthy();
    let client = colour.patient([server.url()]).credentials_from(|| Ok(None)).build();
    client.send(Get::new("/a")).unwrap();
    assert_users(&server, [None]);
}

fn nothing_is_sent_while_the_provider_fails(colour: Colour) {
    let (server, vault) = (Server::healthy(), Vault::default());
    let client = colour.patient([server.url()]).credentials_from(vault.clone()).build();
    for error in
        [client.send(Get::new("/a")).unwrap_err(), client.send(Set::new("/a", "1")).unwrap_err()]
    {
        assert!(matches!(error.kind(), ErrorKind::NoCredentials(_)), "{error:?}");
        assert_eq!(error.outcome(), Outcome::NotSent);
        assert!(error.to_string().contains("the vault is sealed"), "{error}");
    }
    assert_eq!(server.connections(), 0);
    vault.put("first");
    client.send(Get::new("/a")).unwrap();
    assert_users(&server, [FIRST]);
}

fn an_impossible_user_of_a_provider_is_an_error_of_the_call(colour: Colour) {
    let server = Server::healthy();
    for user in ["", "a:b", "a\r\nX: y"] {
        let setup = colour.patient([server.url()]);
        let client = setup.credentials_from(move || Ok(Some(Credentials::new(user, "hunter2")?)));
        let error = client.build().send(Get::new("/a")).unwrap_err();
        let text = format!("{error} {error:?} {error:#?}");
        assert!(text.contains("user name") && !text.contains("hunter2"), "{text}");
        assert_eq!(error.outcome(), Outcome::NotSent);
    }
    assert_eq!(server.connections(), 0);
}

fn a_watch_keeps_the_user_of_its_connection_and_reconnects_as_the_next_one(colour: Colour) {
    let (vault, gate) = (Vault::with("first"), Gate::default());
    let opened = gate.clone();
    let server = Server::start(move |peer| {
        while let Some(seen) = peer.request() {
            if seen.target.contains("waitIndex=5") {
                // The wait is open, and nothing happens for a while.
                opened.wait();
            }
            let index = if seen.target.contains("waitIndex=5") { 5 } else { 6 };
            peer.write(etcd(&change("set", "/a", "1", index)));
        }
    });
    let client = colour.patient([server.url()]).credentials_from(vault.clone()).build();
    let pending = client.watch(Wait::new("/a").after(4)).start();
    server.until_seen(1);
    vault.put("second");
    gate.open();
    let (item, watch) = pending.result();
    assert_eq!(item.unwrap().unwrap().index(), Some(5), "permission is checked once");
    assert_eq!(watch.change().0, 6);
    assert_users(&server, [FIRST, SECOND]);
}

fn a_watch_outlives_a_provider_that_fails_for_a_while(colour: Colour) {
    let (server, vault) = (Server::healthy(), Vault::with("first"));
    let client = colour.patient([server.url()]).credentials_from(vault.clone()).build();
    let (index, watch) = client.watch(Wait::new("/a").after(4)).change();
    assert_eq!(index, 5);
    vault.seal();
    let (error, watch) = watch.error();
    assert!(matches!(error.kind(), ErrorKind::NoCredentials(_)), "{error:?}");
    vault.put("second");
    assert_eq!(watch.change().0, 6, "nothing is lost");
    assert_users(&server, [FIRST, SECOND]);
}

/// Nothing that the client needs is locked while the provider is asked.
fn a_provider_may_use_the_client_itself(colour: Colour) {
    let server = Server::healthy();
    let own = Arc::new(Mutex::new(None::<Subject>));
    let (itself, url) = (Arc::clone(&own), server.url());
    let provider = move || {
        let endpoints = itself.lock().unwrap().as_ref().unwrap().endpoints();
        assert!(endpoints.iter().eq([&url]));
        Ok(Some(Credentials::new("app", "first")?))
    };
    let client = colour.patient([server.url()]).credentials_from(provider).build();
    *own.lock().unwrap() = Some(client.clone());
    client.send(Get::new("/a")).unwrap();
    client.watch("/a").change();
    assert_users(&server, [FIRST, FIRST]);
    // Otherwise the two would keep each other for ever.
    drop(own.lock().unwrap().take());
}

fn strangers_learn_nothing_from_a_provider(colour: Colour) {
    let stranger = Server::healthy();
    let location = format!("Location: {}/elsewhere/v2/keys/a", stranger.url());
    let server = Server::always(response(307, &[&location], ""));
    let vault = Vault::with("first");
    let client = colour.patient([server.url()]).credentials_from(vault).build();
    assert!(client.send(Get::new("/a")).is_err());
    assert_eq!(stranger.connections(), 0);
    let client = client.with(|policy| policy.foreign_redirects = true);
    client.send(Get::new("/a")).unwrap();
    assert_users(&server, [FIRST, FIRST]);
    assert_users(&stranger, [None]);
    let shown = client.debug();
    assert!(shown.contains("provider") && !shown.contains("YXBwOm"), "{shown}");
}

fn credentials_have_one_source(colour: Colour) {
    let with_user = "http://app:hunter2@127.0.0.1:1";
    for setup in [
        colour.setup(["http://127.0.0.1:1"]).credentials("app", "hunter2"),
        colour.setup([with_user]),
    ] {
        let error = setup.credentials_from(Vault::default()).try_build().map(drop).unwrap_err();
        let ErrorKind::Invalid(invalid) = error.kind() else { panic!("{error}") };
        assert_eq!(invalid.field, "credentials");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    let setup = colour.setup(["http://127.0.0.1:1"]).credentials_from(Vault::default());
    let client = setup.build();
    let error = client.set_endpoints(&[with_user]).unwrap_err();
    assert!(error.to_string().contains("provider"), "{error}");
    assert_eq!(client.endpoints(), ["http://127.0.0.1:1"]);
}

fn the_name_of_the_client_can_be_set(colour: Colour) {
    let name = "inventory/1.0 (blue; 7) etcd";
    let agents = |server: &Server| {
        let agent = |seen: &Seen| seen.header("User-Agent").unwrap().to_owned();
        server.seen().iter().map(agent).collect::<Vec<_>>()
    };
    let target = Server::each(plausible);
    let location = format!("Location: {}/v2/keys/a", target.url());
    let server = Server::each(move |seen| match seen.method.as_str() {
        "PUT" => response(307, &[&location], ""),
        _ => plausible(seen),
    });
    let agent = UserAgent::new(name).unwrap();
    let setup = colour.patient([server.url(), target.url()]);
    let client = setup.policy(move |policy| policy.user_agent = agent).build();
    client.send(Get::new("/a")).unwrap();
    client.send(Push::new("/a", "1")).unwrap();
    client.watch("/a").change();
    client.with(|policy| policy.user_agent = UserAgent::default()).send(Get::new("/a")).unwrap();
    client.send(Set::new("/a", "1")).unwrap();
    let default = concat!("etcd-v2-rust/", env!("CARGO_PKG_VERSION"));
    assert_eq!(agents(&server), [name, name, name, default, name]);
    assert_eq!(agents(&target), [name], "redirects keep it");
}
