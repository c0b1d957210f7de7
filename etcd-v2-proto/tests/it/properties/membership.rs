//! Any list of members at all, told by any endpoint. Shared with the fuzz targets.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::http::{Response, Uri};
use etcd_v2_proto::{
    Action, Cluster, Conversation, Credentials, Endpoint, ErrorKind, Event, Membership, Policy,
    Start, Sync,
};

/// The endpoints that are known, of which the first one tells the list.
const KNOWN: [&[&str]; 4] = [
    &["http://127.0.0.1:2379"],
    &["http://10.0.0.1:2379", "http://127.0.0.1:2379"],
    &["https://10.0.0.1:2379", "https://etcd.example:2379"],
    &["https://10.0.0.1:2379", "http://10.0.0.2:2379"],
];

/// A byte for the endpoints that are known, and the body of the list: as JSON, or, if the next byte is no
/// brace, as the text of the machines.
pub(crate) fn membership(data: &[u8]) {
    let (setup, body) = data.split_first().unwrap_or((&0, &[]));
    let known = KNOWN[usize::from(setup % 4)];
    let mut cluster = Cluster::parse(known)
        .and_then(|cluster| cluster.with_credentials(Credentials::new("root", "sesame")?))
        .expect("endpoints");
    let mut policy = Policy::default();
    policy.local_urls = setup & 4 != 0;
    policy.passes = Some(1);
    let (local_urls, policy) = (policy.local_urls, Arc::new(policy));
    let start = Start::new(cluster.route(), policy, 1, Duration::ZERO);
    let mut sync = Sync::new(start, false);
    let members = match ask(&mut sync, body) {
        Action::Yield(members) => members,
        Action::Finish(Err(error)) => {
            if let ErrorKind::NoUsableUrls(reasons) = error.kind() {
                assert!(!reasons.is_empty());
                reasons.iter().for_each(|reason| shows_nobody(reason));
            }
            return;
        }
        action => panic!("neither an answer nor an error: {action:?}"),
    };
    assert!((1..=512).contains(&members.endpoints.len()), "{}", members.endpoints.len());
    members.refused.iter().for_each(|reason| shows_nobody(reason));
    for endpoint in &members.endpoints {
        is_usable(endpoint, known, local_urls);
    }

    // Whatever is learned, the endpoints that were given stay.
    cluster.learn(&members);
    assert_eq!(cluster.endpoints(), unique(&members.endpoints));
    let seeds: Vec<_> = cluster.seeds().iter().map(Endpoint::as_str).collect();
    assert_eq!(seeds, known);
}

/// Answers all that is asked for with this body, until there is nothing more to ask.
fn ask(sync: &mut Sync, body: &[u8]) -> Action<Membership> {
    let (now, is_json) = (Duration::ZERO, body.first() == Some(&b'{'));
    for _ in 0..32 {
        let request = match sync.poll(now) {
            Action::Send { request, .. } => request,
            end => return end,
        };
        let is_asked_for = is_json == (request.uri().path() == "/v2/members");
        let status = if is_asked_for { 200 } else { 404 };
        let head = Response::builder().status(status).body(()).expect("a head");
        sync.handle(now, Event::Head(head.into_parts().0));
        if is_asked_for {
            sync.handle(now, Event::Chunk(Bytes::copy_from_slice(body)));
        }
        sync.handle(now, Event::End);
    }
    panic!("it does not come to an end")
}

fn is_usable(endpoint: &Endpoint, known: &[&str], local_urls: bool) {
    let uri: Uri = endpoint.as_str().parse().expect("a URL");
    let scheme = uri.scheme_str().unwrap_or_default();
    assert!(matches!(scheme, "http" | "https"), "{endpoint}");
    assert!(endpoint.credentials().is_none() && !endpoint.as_str().contains('@'), "{endpoint}");
    assert!(uri.query().is_none(), "{endpoint}");
    if known.iter().all(|url| url.starts_with("https:")) {
        assert_eq!(scheme, "https", "{endpoint} is a step down");
    }
    let host = uri.host().unwrap_or_default();
    assert!(!host.is_empty(), "{endpoint}");
    let told_by_this_machine = known[0].contains("//127.");
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>().map(|ip| ip.to_canonical());
    if let (Ok(ip), false) = (&ip, local_urls) {
        assert!(!ip.is_unspecified(), "{endpoint}");
        assert!(!ip.is_loopback() || told_by_this_machine, "{endpoint}");
    }
    // No known endpoint is of these kinds.
    if let Ok(ip) = ip {
        assert!(!ip.is_multicast(), "{endpoint}");
        assert!(!is_link_local(ip), "{endpoint}");
        let text = ip.to_string();
        assert!(!["100.100.100.200", "fd00:ec2::254"].contains(&text.as_str()), "{endpoint}");
    }
    assert_ne!(uri.port_u16(), Some(0), "{endpoint}");
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[..2] == [169, 254],
        IpAddr::V6(ip) => ip.segments()[0] & 0xffc0 == 0xfe80,
    }
}

/// Of user information nothing is shown: all that stands before an `@` is stars.
fn shows_nobody(reason: &str) {
    // The words of a refusal have one, too.
    let reason = reason.replace(" an @ in its path", "");
    let mut parts = reason.split('@');
    let last = parts.next_back();
    assert!(parts.all(|before| before.ends_with("***")), "{reason:?} ends in {last:?}");
}

fn unique(endpoints: &[Endpoint]) -> Vec<Endpoint> {
    let mut unique: Vec<Endpoint> = Vec::new();
    for endpoint in endpoints {
        if !unique.contains(endpoint) {
            unique.push(endpoint.clone());
        }
    }
    unique
}
