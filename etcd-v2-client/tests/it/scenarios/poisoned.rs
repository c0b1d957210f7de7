//! Lists of members that would lead a client astray if it believed them.

use etcd_v2_client::ErrorKind;
use etcd_v2_client::keys::{Get, Set};

use crate::both::{Colour, Subject, both, timed};
use crate::server::{PATIENCE, Refusing, Server, html, plausible, response};

both!(
    a_list_of_which_nothing_is_believed_changes_nothing,
    members_that_are_not_there_cost_no_call,
    members_that_are_somebody_else_are_not_believed,
    members_of_another_cluster_are_not_believed,
    a_list_without_an_end_is_cut_off,
);

/// A server that has these client URLs for its members, and is one itself.
fn telling(urls: Vec<String>) -> Server {
    Server::each(move |seen| match seen.target.as_str() {
        "/v2/members" => {
            let body = format!(r#"{{"members":[{{"id":"1","name":"m","clientURLs":{urls:?}}}]}}"#);
            response(200, &["Content-Type: application/json"], &body)
        }
        _ => plausible(seen),
    })
}

fn login(colour: Colour, server: &Server) -> Subject {
    colour.patient([server.url()]).credentials("root", "hunter2").build()
}

/// Reads and writes go on as if nothing had been told.
fn goes_on(client: &Subject, server: &Server) {
    let before = server.count();
    assert_eq!(client.send(Get::new("/a")).unwrap().value(), Some("read"));
    assert_eq!(client.send(Set::new("/a", "1")).unwrap().value(), Some("written"));
    assert_eq!(server.count(), before + 2);
}

fn a_list_of_which_nothing_is_believed_changes_nothing(colour: Colour) {
    let stranger = Server::healthy();
    let (host, port) = (stranger.host(), stranger.host().rsplit(':').next().unwrap().to_owned());
    let http = |host: &str| format!("http://{host}");
    let lists = [
        vec![format!("http://0.0.0.0:{port}"), format!("http://[::]:{port}")],
        vec![format!("http://[::ffff:0.0.0.0]:{port}"), format!("http://0:{port}")],
        vec![format!("http://root:hunter2@{host}"), format!("root:hunter2@{host}")],
        vec![format!("ftp://{host}"), format!("unix://{host}"), "file:///etc/passwd".to_owned()],
        vec![
            format!("http://{host}/v2/keys"),
            format!("http://{host}?a"),
            format!("http://{host}#a"),
        ],
        vec![host, String::new(), "http://".to_owned(), "http://[::1".to_owned()],
        ["169.254.7.7:1", "[fe80::1]:1", "[::ffff:169.254.7.7]:1"].map(http).to_vec(),
        ["224.0.0.1:1", "255.255.255.255:1", "[ff02::1]:1"].map(http).to_vec(),
        ["169.254.169.254", "100.100.100.200", "[fd00:ec2::254]", "2852039166"].map(http).to_vec(),
        ["127.0.0.1:0", "localhost:0", "10.0.0.1:0"].map(http).to_vec(),
        Vec::new(),
    ];
    for list in lists {
        let server = telling(list.clone());
        let client = login(colour, &server);
        let error = client.sync().unwrap_err();
        let ErrorKind::NoUsableUrls(reasons) = error.kind() else { panic!("{list:?}: {error}") };
        assert_eq!(reasons.len(), list.len().max(1), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert_eq!(client.endpoints(), [server.url()], "{list:?}");
        goes_on(&client, &server);
    }
    assert_eq!(stranger.received(), 0);
}

fn members_that_are_not_there_cost_no_call(colour: Colour) {
    let dead = [Refusing::new(), Refusing::new(), Refusing::new()];
    let server = telling(dead.iter().map(Refusing::url).collect());
    let client = login(colour, &server);
    client.sync().unwrap();
    assert_eq!(client.endpoints().len(), 3, "this machine says it of itself");
    // The endpoint that was given is asked when none of the others answers.
    let ((), took) = timed(|| goes_on(&client, &server));
    assert!(took < PATIENCE / 4, "{took:?}");
    client.sync().unwrap();
    goes_on(&client, &server);
}

fn members_that_are_somebody_else_are_not_believed(colour: Colour) {
    let strangers = [
        Server::always(html(200)),
        Server::always(response(200, &["Content-Type: application/json"], "{\"ok\":true}")),
        Server::always(response(200, &[], "")),
        Server::always("SSH-2.0-OpenSSH_9.6\r\n"),
    ];
    for stranger in strangers {
        let server = telling(vec![stranger.url()]);
        let client = login(colour, &server);
        client.sync().unwrap();
        assert_eq!(client.endpoints(), [stranger.url()]);
        // The endpoint that was given has it, and is where the next calls begin.
        goes_on(&client, &server);

        // Where nobody else can be asked, a stranger's word is no success.
        client.set_endpoints(&[&stranger.url()]).unwrap();
        let error = client.send(Set::new("/a", "1")).unwrap_err();
        assert!(error.may_have_applied(), "{error}");
        let once = client.with(|policy| policy.passes = Some(1));
        assert!(once.send(Get::new("/a")).is_err());
    }
}

fn members_of_another_cluster_are_not_believed(colour: Colour) {
    let stranger =
        Server::each(|seen| plausible(seen).replace("cdf818194e3a8c32", "7e27652122e8b2ae"));
    let server = telling(vec![stranger.url()]);
    let client = login(colour, &server);
    client.send(Get::new("/a")).unwrap();
    client.sync().unwrap();
    assert_eq!(client.send(Get::new("/a")).unwrap().key(), Some("/a"));
    assert_eq!((stranger.count(), server.count()), (1, 3), "the stranger's answer is not taken");
}

fn a_list_without_an_end_is_cut_off(colour: Colour) {
    let urls = (0..10_000).map(|number| format!("http://127.0.0.1:{}", 1 + number % 65_535));
    let server = telling(urls.collect());
    let client = login(colour, &server);
    let (members, took) = timed(|| client.sync().unwrap());
    assert_eq!(members.endpoints.len(), 512);
    assert!(
        members.refused.concat().contains("9488 more URLs are too many"),
        "{:?}",
        members.refused
    );
    assert!(took < PATIENCE / 4, "{took:?}");
    assert_eq!(client.endpoints().len(), 512);
}
