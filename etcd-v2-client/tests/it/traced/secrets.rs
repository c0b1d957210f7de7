//! No password and no value is ever told.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use etcd_v2_client::auth::users;
use etcd_v2_client::keys::{Delete, Get, Push, Set, Wait};

use super::Traced;
use crate::both::{Colour, both};
use crate::server::{Refusing, Seen, Server, change, etcd, html, response};

both!(passwords_and_values_are_never_told, passwords_are_not_told_by_commands_either,);

/// Something that is in no text by chance. The second half is of letters that each encoding changes.
fn secret(what: &str) -> String {
    format!(
        "{what}{:016x}é'\" {:016x}",
        RandomState::new().hash_one(1),
        RandomState::new().hash_one(2)
    )
}

/// The two halves, which no encoding changes, and all of it as it is in a login.
fn traces(secret: &str) -> Vec<String> {
    let halves = secret.split("é'\" ").map(str::to_owned);
    halves.chain([base64(&format!("root:{secret}"))]).collect()
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |bytes: &[u8]| {
        let bits = bytes.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[bits >> shift & 63]))
    };
    text.as_bytes().chunks_exact(3).flat_map(group).collect()
}

/// Everything that a client can do, on servers with all sorts of answers that tell `value`.
fn talk(colour: Colour, password: &str, value: &str, prepare: impl Fn(&Traced)) -> String {
    let json = value.replace('"', "\\\"");
    let refusal = format!(
        r#"{{"errorCode":101,"message":"Compare failed","cause":"[{json} != 1]","index":7}}"#
    );
    let echo = json.clone();
    let servers = [
        Server::each(move |seen: &Seen| {
            let at = |at: &str| seen.target.contains(at);
            let index = if at("waitIndex=4") { 4 } else { 3 };
            if at("/v2/keys") { etcd(&change("set", "/a", &echo, index)) } else { html(404) }
        }),
        Server::always(response(412, &["Content-Type: application/json"], &refusal)),
        Server::always(response(500, &["Content-Type: text/plain"], value)),
        Server::always(response(200, &["Content-Type: application/json"], &json)),
        Server::always(response(307, &[&format!("Location: http://{json}@127.0.0.1:1/")], "")),
        Server::always(format!(
            "HTTP/1.1 200 OK\r\nX-Etcd-Index: {json}\r\nContent-Length: 2\r\n\r\n{{}}"
        )),
        Server::always(format!("{json}\r\n\r\n")),
    ];
    let refusing = Refusing::new();
    let urls = servers.iter().map(Server::url).chain([refusing.url()]);
    let mut text = String::new();
    for url in urls {
        let setup = colour.patient([url]).credentials("root", password);
        let traced = Traced::new(setup.policy(|policy| policy.passes = Some(1)));
        prepare(&traced);
        let _ = traced.send(Get::new("/a"));
        let _ = traced.send(Set::new("/a", value).if_value(value));
        let _ = traced.send(Delete::new("/a").if_value(value));
        let _ = traced.send(Push::new("/a", value));
        let _ = traced.send(users::Put::new("alice", password));
        let _ = traced.add_user(password.to_owned());
        let _ = traced.change_password(password.to_owned());
        let _ = traced.watch(Wait::new("/a").after(2), 2);
        let _ = traced.sync();
        let told = traced.collector.text();
        assert!(told.contains("/v2/keys/a") && told.contains("/v2/auth/users/alice"), "{told}");
        assert!(told.contains("not synced"), "{told}");
        assert!(traced.collector.spans().len() >= 9);
        text.push_str(&told);
    }
    text
}

fn passwords_and_values_are_never_told(colour: Colour) {
    let (password, value) = (secret("password"), secret("value"));
    let text = talk(colour, &password, &value, |_| ());
    for trace in traces(&password).into_iter().chain(traces(&value)) {
        assert!(!text.contains(&trace), "{trace}:\n{text}");
    }
}

fn passwords_are_not_told_by_commands_either(colour: Colour) {
    let (password, value) = (secret("password"), secret("value"));
    let text = talk(colour, &password, &value, Traced::enable_curl_tracing);
    for trace in traces(&password) {
        assert!(!text.contains(&trace), "{trace}:\n{text}");
    }
    // That is what commands are for.
    assert!(text.contains(&traces(&value)[0]));
}
