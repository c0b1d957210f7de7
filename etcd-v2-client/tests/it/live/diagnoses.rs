//! Finding out what is wrong with real servers.

use std::fs;
use std::time::{Duration, Instant};

use etcd_v2_client::Diagnosis;
use etcd_v2_client::diagnose::Finding;
use xtask::server::Server as Etcd;

use super::needs::VERSION;
use super::patience::until;
use super::servers;
use super::space::{Client, Space};
use super::views::Server;

both! {
    quiet:
    a_server_that_is_well_is_told_as_such,
    endpoints_of_two_clusters_are_told,
    https_to_a_plain_port_is_told,
    plain_http_to_a_port_for_tls_is_told,
}

both! {
    quiet, needs V2_SWITCH:
    an_api_that_is_off_is_told,
}

both! {
    three:
    a_killed_and_a_frozen_member_are_told_apart,
    members_and_seeds_are_asked_and_nothing_moves,
}

/// So long that no server is taken for silent just because this machine is busy.
fn diagnose(client: &Client) -> Diagnosis {
    within(client, Duration::from_secs(20))
}

fn within(client: &Client, deadline: Duration) -> Diagnosis {
    let client = client.with(|policy| policy.diagnosis_deadline = Some(deadline));
    Server(&client).diagnose().unwrap()
}

/// What is found of a client that asks only there.
fn found(space: &Space, endpoint: &str) -> Vec<Finding> {
    diagnose(&space.client.at([endpoint])).findings
}

fn a_server_that_is_well_is_told_as_such(space: &Space) {
    let diagnosis = diagnose(&space.client);
    assert!(diagnosis.is_ok(), "{diagnosis}");
    let report = &diagnosis.endpoints[0];
    let version = format!("{}.", *VERSION);
    assert!(report.version.as_ref().unwrap().server.starts_with(&version), "{diagnosis}");
    assert_eq!(report.leader().unwrap().client_urls, servers::quiet());
    assert!(report.speaks_v2() && report.cluster_id().is_some());
    assert_eq!((report.is_healthy(), report.finding()), (Some(true), None));
    assert!(report.first_answer.unwrap() <= report.took);

    let text = diagnosis.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("endpoint  ") && lines[0].ends_with("first answer"), "{text}");
    assert!(lines[1].starts_with(report.endpoint.as_str()), "{text}");
    assert!(lines[1].contains("  member0  healthy  ") && lines[1].ends_with(" ms"), "{text}");
    assert_eq!(lines[2..], ["", "all is well"]);
}

fn endpoints_of_two_clusters_are_told(space: &Space) {
    let [one, other] = [servers::quiet(), servers::crowded()].map(|urls| urls.concat());
    let client = space.client.at([&one, &other]);
    let diagnosis = diagnose(&client);
    let [Finding::DifferentClusters { clusters }] = diagnosis.findings.as_slice() else {
        panic!("{diagnosis}");
    };
    assert_eq!(clusters.len(), 2);
    let text = diagnosis.findings[0].to_string();
    assert!(text.contains(&one) && text.contains(&other), "{text}");
    for (id, endpoints) in clusters {
        assert_eq!(endpoints.len(), 1);
        assert!(text.contains(&format!("{id} at {}", endpoints[0])), "{text}");
    }
}

fn an_api_that_is_off_is_told(space: &Space) {
    let etcd = Etcd::without_v2(&servers::ETCD).unwrap().unwrap();
    let mut findings = Vec::new();
    until("the server is up", || {
        findings = found(space, etcd.endpoint());
        !matches!(findings[..], [Finding::Unreachable { .. } | Finding::Unhealthy { .. }])
    });
    let [finding @ Finding::V2Disabled { version, .. }] = &findings[..] else {
        panic!("{findings:?}");
    };
    assert!(version.starts_with(&format!("{}.", *VERSION)), "{version}");
    assert!(finding.to_string().ends_with("start it with --enable-v2=true"), "{finding}");
}

#[cfg(feature = "ring")]
fn https_to_a_plain_port_is_told(space: &Space) {
    let endpoint = servers::quiet().concat().replace("http://", "https://");
    let findings = found(space, &endpoint);
    let [finding @ Finding::TlsMismatch { .. }] = &findings[..] else { panic!("{findings:?}") };
    assert!(finding.to_string().contains("use http://"), "{finding}");
}

#[cfg(not(feature = "ring"))]
fn https_to_a_plain_port_is_told(space: &Space) {
    let endpoint = servers::quiet().concat().replace("http://", "https://");
    let findings = found(space, &endpoint);
    let [finding @ Finding::Unreachable { .. }] = &findings[..] else { panic!("{findings:?}") };
    assert!(finding.to_string().contains("https"), "{finding}");
}

fn plain_http_to_a_port_for_tls_is_told(space: &Space) {
    let etcd = Etcd::start_with(&servers::ETCD, |endpoint, folder| {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        fs::write(folder.join("cert.pem"), own.cert.pem()).unwrap();
        fs::write(folder.join("key.pem"), own.signing_key.serialize_pem()).unwrap();
        let url = endpoint.replace("http://", "https://");
        vec![
            format!("--listen-client-urls={url}"),
            format!("--advertise-client-urls={url}"),
            format!("--cert-file={}/cert.pem", folder.display()),
            format!("--key-file={}/key.pem", folder.display()),
        ]
    })
    .unwrap();
    let plain = etcd.endpoint();
    let mut findings = Vec::new();
    until("the server is up", || {
        findings = found(space, plain);
        !matches!(findings[..], [Finding::Unreachable { .. }])
    });
    let [finding @ Finding::TlsMismatch { .. }] = &findings[..] else { panic!("{findings:?}") };
    assert!(finding.to_string().contains("if it speaks TLS on this port, use https://"));
    #[cfg(feature = "ring")]
    {
        let findings = found(space, &plain.replace("http://", "https://"));
        let [finding @ Finding::TlsFailed { .. }] = &findings[..] else { panic!("{findings:?}") };
        assert!(finding.to_string().contains("not signed by a CA that is trusted"), "{finding}");
    }
}

fn a_killed_and_a_frozen_member_are_told_apart(space: &Space) {
    const DEADLINE: Duration = Duration::from_secs(3);
    let mut cluster = servers::lock_three();
    let endpoints = cluster.endpoints();
    let client = space.client.at(&endpoints);
    cluster.members()[1].kill9().unwrap();
    cluster.members()[2].stop().unwrap();
    // The one that is left notices after an election timeout.
    until("it knows of no leader", || {
        let began = Instant::now();
        let diagnosis = within(&client, DEADLINE);
        assert!(began.elapsed() < 3 * DEADLINE, "one deadline is for all");
        let of = |endpoint: &str| {
            let mut reports = diagnosis.endpoints.iter();
            reports.find(|report| report.endpoint.as_str() == endpoint).unwrap().finding()
        };
        let killed = of(&endpoints[1]).unwrap();
        assert!(matches!(killed, Finding::Unreachable { .. }), "{killed:?}");
        assert!(killed.to_string().contains("see whether etcd runs there"), "{killed}");
        let frozen = of(&endpoints[2]).unwrap();
        let Finding::Silent { waited, .. } = frozen else { panic!("{frozen:?}") };
        // The deadline is that of all endpoints, which begin to wait a moment later.
        assert!(waited >= DEADLINE - Duration::from_millis(1), "{waited:?}");
        matches!(of(&endpoints[0]), Some(Finding::NoLeader { .. }))
    });
}

fn members_and_seeds_are_asked_and_nothing_moves(space: &Space) {
    let cluster = servers::lock_three();
    let seed = cluster.endpoints()[0].replace("127.0.0.1", "localhost");
    let client = space.client.at([&seed]);
    Server(&client).sync().unwrap();
    let (pinned, endpoints) = (client.pinned(), client.endpoints());
    let diagnosis = diagnose(&client);
    assert!(diagnosis.is_ok(), "{diagnosis}");
    let mut expected = [cluster.endpoints(), vec![seed]].concat();
    expected.sort_unstable();
    let asked: Vec<_> = diagnosis.endpoints.iter().map(|it| it.endpoint.to_string()).collect();
    assert_eq!(asked, expected);
    let leaders: Vec<_> = diagnosis.endpoints.iter().map(|it| it.leader().cloned()).collect();
    assert!(leaders.iter().all(|leader| leader.is_some() && *leader == leaders[0]), "{diagnosis}");
    assert_eq!((client.pinned(), client.endpoints()), (pinned, endpoints));
}
