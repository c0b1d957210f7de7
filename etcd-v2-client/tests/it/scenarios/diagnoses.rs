//! Finding out what is wrong, on servers that are no etcd, or not an etcd of today.

use std::fs::File;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use std::{env, iter};

use etcd_v2_client::diagnose::Finding;
use etcd_v2_client::keys::Get;
use etcd_v2_client::{Diagnosis, Interrupt};

use crate::both::{Colour, Subject, both, ms, timed};
use crate::server::{Gate, PATIENCE, Refusing, Seen, Server, html, response};

both!(
    page_of_a_proxy_is_told_as_one,
    port_for_grpc_alone_is_told_as_one,
    port_that_hangs_up_at_plain_http_may_want_tls,
    etcd_3_6_is_told_from_an_api_that_is_off,
    all_endpoints_are_asked_at_the_same_time,
    hung_servers_cost_one_deadline_together,
    many_hung_servers_cost_one_deadline_together,
    what_is_found_moves_nothing,
    members_that_disagree_are_told,
    diagnosis_is_stopped_at_once,
    nothing_secret_is_in_it,
    many_endpoints_are_all_asked,
    process_without_free_descriptors_is_told_its_limit,
);

const NOT_FOUND: &str = "404 page not found\n";

/// What an etcd of this version answers, whose member is led by that one.
fn etcd(seen: &Seen, version: &str, cluster: &str, leader: Option<&str>) -> String {
    let id = format!("X-Etcd-Cluster-Id: {cluster}");
    match (seen.target.as_str(), leader) {
        ("/version", _) => {
            let body = format!(r#"{{"etcdserver":"{version}","etcdcluster":"{version}"}}"#);
            response(200, &["Content-Type: application/json"], &body)
        }
        ("/health", _) => response(200, &[], r#"{"health":"true"}"#),
        ("/v2/members/leader", Some(leader)) => {
            let body =
                format!(r#"{{"id":"{leader}","name":"{leader}","clientURLs":["http://x:1"]}}"#);
            response(200, &["Content-Type: application/json", &id], &body)
        }
        _ => response(404, &["Content-Type: text/plain; charset=utf-8"], NOT_FOUND),
    }
}

fn well() -> Server {
    Server::each(|seen| etcd(seen, "3.4.23", "7", Some("a")))
}

fn diagnose(client: &Subject) -> Diagnosis {
    client.diagnose().result().unwrap()
}

/// A client for which this machine may be as busy as it likes.
fn patient(colour: Colour, urls: impl IntoIterator<Item = String>) -> Subject {
    colour.setup(urls).build().with(|policy| policy.diagnosis_deadline = Some(PATIENCE))
}

/// The only finding.
fn found(colour: Colour, server: &Server) -> Finding {
    let diagnosis = diagnose(&patient(colour, [server.url()]));
    assert!(!diagnosis.is_ok());
    assert_eq!(diagnosis.findings.len(), 1, "{diagnosis}");
    let (text, finding) = (diagnosis.to_string(), diagnosis.findings[0].clone());
    assert!(text.ends_with(&format!("\n- {finding}")), "{text}");
    assert!(text.starts_with("endpoint  ") && text.contains(&server.url()), "{text}");
    finding
}

fn page_of_a_proxy_is_told_as_one(colour: Colour) {
    for status in [200, 404, 502] {
        let server = Server::always(html(status));
        let finding = found(colour, &server);
        assert!(matches!(finding, Finding::NotEtcd { .. }), "{finding:?}");
        let text = finding.to_string();
        assert!(text.contains("a web page") && text.contains(&status.to_string()), "{text}");
    }
}

fn port_for_grpc_alone_is_told_as_one(colour: Colour) {
    // What grpc-go sends before it reads: its settings, and a larger window.
    let greeting =
        b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0\0\0\x04\x08\0\0\0\0\0\0\x0e\xff\x01".as_slice();
    let server = Server::start(move |peer| {
        peer.write(greeting);
        peer.request();
    });
    let finding = found(colour, &server);
    assert!(matches!(finding, Finding::GrpcOnly { .. }), "{finding:?}");
    assert!(finding.to_string().contains("--listen-client-http-urls"), "{finding}");
}

/// As etcd's port for TLS does.
fn port_that_hangs_up_at_plain_http_may_want_tls(colour: Colour) {
    let server = Server::start(|peer| {
        peer.until_something_came();
        peer.close();
    });
    let finding = found(colour, &server);
    assert!(matches!(finding, Finding::TlsMismatch { .. }), "{finding:?}");
    assert!(finding.to_string().contains("use https://"), "{finding}");
}

fn etcd_3_6_is_told_from_an_api_that_is_off(colour: Colour) {
    let server = Server::each(|seen| etcd(seen, "3.6.4", "7", None));
    let finding = found(colour, &server);
    let Finding::NoV2Api { version, .. } = &finding else { panic!("{finding:?}") };
    assert_eq!(version, "3.6.4");
    assert_eq!(
        server.lines(),
        ["GET /version", "GET /v2/members/leader", "GET /v2/machines", "GET /health"]
    );
    assert_eq!(server.connections(), 1);

    let server = Server::each(|seen| etcd(seen, "3.5.21", "7", None));
    let finding = found(colour, &server);
    assert!(matches!(finding, Finding::V2Disabled { .. }), "{finding:?}");
    assert!(finding.to_string().contains("start it with --enable-v2=true"), "{finding}");
}

fn all_endpoints_are_asked_at_the_same_time(colour: Colour) {
    const COUNT: usize = 5;
    // Nobody answers before all have been asked.
    let all = Arc::new(Barrier::new(COUNT));
    let servers: Vec<Server> = (0..COUNT)
        .map(|_| {
            let all = Arc::clone(&all);
            Server::each(move |seen| {
                if seen.target == "/version" {
                    all.wait();
                }
                etcd(seen, "3.4.23", "7", Some("a"))
            })
        })
        .collect();
    let client = patient(colour, servers.iter().map(Server::url));
    let diagnosis = diagnose(&client);
    assert!(diagnosis.is_ok(), "{diagnosis}");
    assert!(diagnosis.to_string().ends_with("\nall is well"), "{diagnosis}");
    assert_eq!(diagnosis.endpoints.len(), COUNT);
}

fn hung_servers_cost_one_deadline_together(colour: Colour) {
    let servers: Vec<Server> = (0..8).map(|_| Server::hung()).collect();
    let client = colour.setup(servers.iter().map(Server::url)).build();
    let client = client.with(|policy| policy.diagnosis_deadline = Some(ms(700)));
    let (diagnosis, time) = timed(|| diagnose(&client));
    assert!(time >= ms(700) && time < ms(8 * 700), "{time:?}");
    assert_eq!(diagnosis.findings.len(), 8);
    for finding in &diagnosis.findings {
        assert!(matches!(finding, Finding::Silent { .. }), "{finding:?}");
    }
    assert!(servers.iter().all(|server| server.lines() == ["GET /version"]));
}

fn many_hung_servers_cost_one_deadline_together(colour: Colour) {
    const LIMIT: Duration = Duration::from_secs(3);
    const COUNT: usize = 50;
    let server = Server::hung();
    let urls = (0..COUNT).map(|number| format!("{}/{number}", server.url()));
    let client = colour.setup(urls).build();
    let client = client.with(|policy| policy.diagnosis_deadline = Some(LIMIT));
    let (diagnosis, time) = timed(|| diagnose(&client));
    assert!(time < 2 * LIMIT, "{time:?}");
    assert_eq!(diagnosis.findings.len(), COUNT);
    for finding in &diagnosis.findings {
        // Nobody is called silent who was not given any time.
        let Finding::Silent { waited, .. } = finding else { panic!("{finding:?}") };
        assert!(*waited >= ms(300), "{finding:?}");
    }
    assert_eq!(server.count(), COUNT, "all were asked");
}

fn what_is_found_moves_nothing(colour: Colour) {
    let (hung, other) = (Server::hung(), well());
    let foreign = Server::each(|seen| etcd(seen, "3.4.23", "8", Some("b")));
    let refusing = Refusing::new();
    let urls = [refusing.url(), hung.url(), foreign.url(), other.url()];
    let client = colour.setup(urls.clone()).build();
    let diagnosis = diagnose(&client.with(|policy| policy.diagnosis_deadline = Some(ms(500))));
    assert_eq!((client.pinned(), client.endpoints()), (refusing.url(), urls.to_vec()));
    let is = |kind: fn(&Finding) -> bool| diagnosis.findings.iter().filter(|it| kind(it)).count();
    assert_eq!(is(|finding| matches!(finding, Finding::Unreachable { .. })), 1, "{diagnosis}");
    assert_eq!(is(|finding| matches!(finding, Finding::Silent { .. })), 1, "{diagnosis}");
    assert_eq!(
        is(|finding| matches!(finding, Finding::DifferentClusters { .. })),
        1,
        "{diagnosis}"
    );
    assert_eq!(is(|finding| matches!(finding, Finding::DifferentLeaders { .. })), 0, "{diagnosis}");
    // Which cluster answered first is not settled by it.
    let of_either = colour.client([foreign.url(), other.url()]);
    diagnose(&of_either.with(|policy| policy.diagnosis_deadline = Some(PATIENCE)));
    let error = of_either.send(Get::new("/a")).unwrap_err().to_string();
    assert!(!error.contains("another cluster"), "{error}");
}

fn members_that_disagree_are_told(colour: Colour) {
    let servers = ["a", "b", "a"]
        .map(|leader| Server::each(move |seen| etcd(seen, "3.4.23", "7", Some(leader))));
    let diagnosis = diagnose(&patient(colour, servers.iter().map(Server::url)));
    let [Finding::DifferentLeaders { leaders }] = diagnosis.findings.as_slice() else {
        panic!("{diagnosis}");
    };
    let mut counts: Vec<_> = leaders.iter().map(|(name, own)| (name.as_str(), own.len())).collect();
    counts.sort_unstable();
    assert_eq!(counts, [("a", 2), ("b", 1)]);
}

fn diagnosis_is_stopped_at_once(colour: Colour) {
    let servers = [Server::hung(), Server::hung()];
    let interrupt = Interrupt::new();
    let client = patient(colour, servers.iter().map(Server::url)).stopped_by(&interrupt);
    let pending = client.diagnose();
    servers.iter().for_each(|server| server.until_seen(1));
    interrupt.stop();
    let (result, time) = timed(|| pending.result());
    assert!(result.unwrap_err().is_stopped());
    assert!(time < PATIENCE, "{time:?}");
}

fn nothing_secret_is_in_it(colour: Colour) {
    let server = Server::always(response(401, &["Content-Type: text/html"], "<html>no"));
    let url = server.url().replace("http://", "http://root:hunter2@");
    let client = patient(colour, [url]);
    let diagnosis = diagnose(&client);
    let finding = &diagnosis.findings[0];
    assert!(matches!(finding, Finding::Unauthorized { .. }), "{finding:?}");
    assert!(server.seen().iter().all(|seen| seen.header("authorization").is_some()));
    let text = format!("{diagnosis} {diagnosis:?} {diagnosis:#?}");
    assert!(!text.contains("hunter2") && !text.contains("cm9vdDpodW50ZXIy"), "{text}");
}

fn many_endpoints_are_all_asked(colour: Colour) {
    let busy = Arc::new(AtomicUsize::new(0));
    let gate = Gate::default();
    let servers: Vec<Server> = (0..20)
        .map(|_| {
            let (busy, gate) = (Arc::clone(&busy), gate.clone());
            Server::each(move |seen| {
                // The first sixteen, at least, are there before anybody is answered.
                if seen.target == "/version" && busy.fetch_add(1, Ordering::SeqCst) + 1 >= 16 {
                    gate.open();
                }
                gate.wait();
                etcd(seen, "3.4.23", "7", Some("a"))
            })
        })
        .collect();
    let diagnosis = diagnose(&patient(colour, servers.iter().map(Server::url)));
    assert!(diagnosis.is_ok(), "{diagnosis}");
    assert_eq!(busy.load(Ordering::SeqCst), 20);
}

/// The limit is that of a child process, which runs this test again.
fn process_without_free_descriptors_is_told_its_limit(colour: Colour) {
    const CHILD: &str = "TEST_WITH_FEW_DESCRIPTORS";
    const DONE: &str = "the child is done";
    if let Ok(urls) = env::var(CHILD) {
        let (server, other) = urls.split_once(' ').unwrap();
        descriptors_are_used_up(colour, server, other);
        println!("{DONE}");
        return;
    }
    // The servers need descriptors, too, so they belong to this process.
    let (server, other) = (well(), well());
    let mut child = Command::new("sh");
    child.args(["-c", r#"ulimit -n 100 && exec "$0" "$@""#]).arg(env::current_exe().unwrap());
    let variant = match colour {
        #[cfg(feature = "hyper")]
        Colour::Async => "async_",
        #[cfg(feature = "ureq")]
        Colour::Blocking => "blocking",
    };
    let (_, module) = module_path!().split_once("::").unwrap();
    let test = format!("{module}::process_without_free_descriptors_is_told_its_limit::{variant}");
    child.args(["--exact", &test, "--nocapture"]).env(CHILD, [server.url(), other.url()].join(" "));
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(DONE), "{output:?}");
}

fn descriptors_are_used_up(colour: Colour, server: &str, other: &str) {
    // Whatever the client needs besides connections is there afterwards. It stays, since its end would free
    // descriptors at some later time.
    let first = patient(colour, [other.to_owned()]);
    assert!(diagnose(&first).is_ok());
    let client = patient(colour, [server.to_owned()]);
    let short = client.with(|policy| policy.read_deadline = Some(ms(500)));
    let files: Vec<File> = iter::from_fn(|| File::open("/dev/null").ok()).collect();
    let (diagnosis, error) = (diagnose(&client), short.send(Get::new("/file")));
    drop(files);

    let [finding @ Finding::NoFileDescriptors { .. }] = &diagnosis.findings[..] else {
        panic!("{diagnosis}");
    };
    let text = finding.to_string();
    assert!(text.contains("this process has no free file descriptors"), "{text}");
    assert!(text.contains("ulimit -n") && !text.contains("see whether etcd runs"), "{text}");
    let error = error.unwrap_err();
    let detail = error.detail().to_string();
    assert!(detail.contains("this process has no free file descriptors"), "{detail}");
    // Nothing else was wrong.
    assert!(diagnose(&client).is_ok());
}
