//! The commands that are shown do what the requests did, if there is a curl to run them with.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use etcd_v2_client::Curl;
use etcd_v2_client::keys::{Delete, Set};

use super::space::{Client, Space};

both! {
    quiet:
    commands_do_what_the_requests_did,
    pasting_a_command_without_its_value_changes_nothing,
}

/// Writes down what is shown of each request.
fn shown(space: &Space, show: fn(Curl<'_>) -> String) -> Arc<Mutex<Vec<String>>> {
    let list = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&list);
    let push = move |command: Curl<'_>| own.lock().unwrap().push(show(command));
    match &space.client {
        #[cfg(feature = "hyper")]
        Client::Async(client) => client.enable_curl(push),
        #[cfg(feature = "ureq")]
        Client::Blocking(client) => client.enable_curl(push),
    }
    list
}

fn hide(space: &Space) {
    match &space.client {
        #[cfg(feature = "hyper")]
        Client::Async(client) => client.disable_curl(),
        #[cfg(feature = "ureq")]
        Client::Blocking(client) => client.disable_curl(),
    }
}

/// Pastes a command into a shell; none if there is no curl.
fn paste(command: &str) -> Option<Output> {
    Command::new("curl").arg("--version").output().ok()?;
    // Nothing that is set up for this machine may get in between.
    let command = command.replacen("curl ", "curl -q --noproxy '*' --silent --show-error ", 1);
    let mut shell = Command::new("sh");
    let shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    // Too long for an argument.
    let mut input = shell.stdin.take().unwrap();
    input.write_all(format!("{command}\n").as_bytes()).unwrap();
    drop(input);
    Some(shell.wait_with_output().unwrap())
}

/// Keys and values of all files.
fn files(space: &Space) -> Vec<(String, String)> {
    let list = space.list("").unwrap();
    let leaves = list.node().unwrap().leaves();
    leaves.map(|leaf| (leaf.key().to_string(), leaf.value().unwrap_or("-").to_owned())).collect()
}

fn commands_do_what_the_requests_did(space: &Space) {
    let list = shown(space, |command| command.to_string());
    space.set("it's $HOME/!x", "a'b\"c\n$d !e -f\\ é 🦀%&=+").unwrap();
    space.set("-empty", "").unwrap();
    space.send(Set::create(space.at("once"), "1").ttl(Duration::from_secs(600))).unwrap();
    space.mkdir("directory").unwrap();
    space.set("once more", &"0123456789'".repeat(12_000)).unwrap();
    space.send(Set::new(space.at("once"), "2").if_value("1")).unwrap();
    space.set("gone", "1").unwrap();
    space.send(Delete::new(space.at("gone")).if_value("1")).unwrap();
    hide(space);
    let commands = std::mem::take(&mut *list.lock().unwrap());
    assert_eq!(commands.len(), 8);
    let expected = files(space);
    assert_eq!(expected.len(), 4);

    space.delete_all("").unwrap();
    let mut pasted = 0;
    for command in &commands {
        let Some(output) = paste(command) else { break };
        let (said, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && errors.is_empty(), "{command}\n{errors}");
        assert!(said.starts_with(r#"{"action":"#), "{command}\n{said}");
        pasted += 1;
    }
    if pasted > 0 {
        assert_eq!(files(space), expected);
        assert!(space.get("directory").unwrap().node().unwrap().is_dir());
    }
}

fn pasting_a_command_without_its_value_changes_nothing(space: &Space) {
    space.set("file", "precious").unwrap();
    let list = shown(space, |command| command.without_values().to_string());
    space.set("file", "precious").unwrap();
    space.send(Set::new(space.at("file"), "precious").if_value("precious")).unwrap();
    hide(space);
    let commands = std::mem::take(&mut *list.lock().unwrap());
    assert_eq!(commands.len(), 2);
    for command in commands {
        assert!(!command.contains("precious"), "{command}");
        if let Some(output) = paste(&command) {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains(r#""errorCode":210"#), "{said}");
        }
        assert_eq!(space.get("file").unwrap().value(), Some("precious"));
    }
}
