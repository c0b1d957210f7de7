//! Every status, method and kind of target of a redirect: where it may lead, and with what.

use std::sync::atomic::{AtomicUsize, Ordering};

use etcd_v2_client::{Error, ErrorKind, Outcome, RedirectError};

use super::redirecting::{STATUSES, VERBS};
use crate::both::{Colour, Subject, both};
use crate::server::{Server, plausible, response};

both!(
    a_redirect_leads_within_the_cluster_and_nowhere_else,
    a_redirect_that_is_allowed_to_lead_anywhere_takes_no_credentials_there,
);

/// Where a target leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Back to the endpoint that named it.
    Home,
    /// To another endpoint.
    Member,
    /// To an endpoint, but with another request.
    Other,
    /// To a server that is no endpoint.
    Abroad,
    /// Out of the cluster, to where nobody speaks this scheme.
    Scheme,
    /// Nowhere.
    Nowhere,
}

/// Targets, with `{home}`, `{member}`, `{foreign}` and `{port}` of the latter in them.
const TARGETS: [(&str, Place); 23] = [
    ("http://{home}/v2/keys/a", Place::Home),
    ("/v2/keys/a", Place::Home),
    ("a", Place::Home),
    ("?x=1", Place::Other),
    ("b", Place::Other),
    ("/v2/members/8211f1d0f64f3269", Place::Other),
    ("http://{home}/v2/keys/a?recursive=true", Place::Other),
    ("//{home}/v2/keys/a", Place::Home),
    ("http:/v2/keys/a", Place::Home),
    ("HTTP://eve:mallory@{home}/v2/keys/a", Place::Home),
    ("http://{member}/v2/keys/a", Place::Member),
    ("//eve:mallory@{member}/v2/keys/a", Place::Member),
    ("http://{foreign}/v2/keys/a", Place::Abroad),
    ("//{foreign}/v2/keys/a", Place::Abroad),
    ("http://localhost:{port}/v2/keys/a", Place::Abroad),
    ("http://{home}@{foreign}/v2/keys/a", Place::Abroad),
    ("http://root:hunter2@{foreign}/v2/keys/a", Place::Abroad),
    ("\\\\{foreign}\\v2\\keys\\a", Place::Abroad),
    ("ht\ttp:\t//{foreign}/v2/keys/a", Place::Abroad),
    ("https://{home}/v2/keys/a", Place::Scheme),
    ("https://{foreign}/v2/keys/a", Place::Scheme),
    ("ftp://{home}/v2/keys/a", Place::Nowhere),
    ("http://[{foreign}/v2/keys/a", Place::Nowhere),
];

const fn is_followable(status: u16) -> bool {
    matches!(status, 301 | 302 | 307 | 308)
}

/// The endpoint that redirects, another one, and a server that is none.
struct Servers {
    home: Server,
    member: Server,
    foreign: Server,
}

impl Servers {
    fn new(status: u16, target: &str, place: Place) -> Self {
        let (member, foreign) = (Server::healthy(), Server::healthy());
        let host = foreign.host();
        let target = target
            .replace("{member}", &member.host())
            .replace("{foreign}", &host)
            .replace("{port}", host.rsplit(':').next().unwrap());
        // Who is sent back where it came from is answered the second time.
        let (returns, asked) = (place == Place::Home && is_followable(status), AtomicUsize::new(0));
        let home = Server::each(move |seen| {
            let location = target.replace("{home}", seen.header("Host").unwrap());
            match status {
                _ if returns && asked.fetch_add(1, Ordering::SeqCst) % 2 == 1 => plausible(seen),
                304 => format!("HTTP/1.1 304 So\r\nLocation: {location}\r\n\r\n"),
                _ => response(status, &[&format!("Location: {location}")], ""),
            }
        });
        Self { home, member, foreign }
    }

    /// A client of one of the endpoints, or of both if that is where the redirect leads.
    fn client(&self, colour: Colour, place: Place) -> Subject {
        let member = (place == Place::Member).then(|| self.member.url());
        let urls = [self.home.url()].into_iter().chain(member);
        colour.patient(urls).credentials("root", "hunter2").build()
    }
}

fn a_redirect_leads_within_the_cluster_and_nowhere_else(colour: Colour) {
    for (target, place) in TARGETS {
        for status in STATUSES {
            let servers = Servers::new(status, target, place);
            for (verb, send) in VERBS {
                let case = format!("{verb} {status} {target}");
                let leads = is_followable(status) && matches!(place, Place::Home | Place::Member);
                match send(&servers.client(colour, place)) {
                    // Where a redirect is not followed, another endpoint may be asked for the same.
                    Ok(_) => assert!(leads || place == Place::Member, "{case}"),
                    Err(error) => {
                        assert!(!leads, "{case}: {error}");
                        refuses(&error, status, place, &case);
                    }
                }
            }
            is_as_it_was(&servers.home);
            is_as_it_was(&servers.member);
            let foreign = &servers.foreign;
            assert_eq!((foreign.connections(), foreign.received()), (0, 0), "{status} {target}");
        }
    }
}

/// Whether an error says why a redirect is not followed, and nothing else.
fn refuses(error: &Error, status: u16, place: Place, case: &str) {
    let ErrorKind::Redirect(kind) = error.kind() else { panic!("{case}: {error}") };
    match kind {
        RedirectError::Unfollowable { status: seen } => {
            assert!(!is_followable(status) && seen.as_u16() == status, "{case}: {kind}");
        }
        RedirectError::Foreign { .. } => {
            assert!(matches!(place, Place::Abroad | Place::Scheme), "{case}: {kind}");
        }
        RedirectError::OtherRequest { .. } => assert_eq!(place, Place::Other, "{case}: {kind}"),
        RedirectError::BadLocation { .. } => assert_eq!(place, Place::Nowhere, "{case}: {kind}"),
        other => panic!("{case}: {other}"),
    }
    assert_eq!(error.outcome(), Outcome::Rejected, "{case}");
    let shown = format!("{error} {error:?} {}", error.detail());
    assert!(!shown.contains("hunter2") && !shown.contains("mallory"), "{shown}");
}

/// Whether all that came has the method, the body and the credentials that it had.
fn is_as_it_was(server: &Server) {
    for seen in server.seen() {
        let writes = matches!(seen.method.as_str(), "PUT" | "POST");
        assert_eq!(seen.body, if writes { "value=secret+value" } else { "" }, "{seen:?}");
        assert_eq!(seen.header("Authorization"), Some(BASIC), "{seen:?}");
        assert_eq!(seen.header("Host"), Some(server.host().as_str()), "{seen:?}");
    }
}

/// `root:hunter2`.
const BASIC: &str = "Basic cm9vdDpodW50ZXIy";

fn a_redirect_that_is_allowed_to_lead_anywhere_takes_no_credentials_there(colour: Colour) {
    // Who does not speak TLS is not told anything: there is a scenario of its own for that.
    for (target, place) in TARGETS.into_iter().filter(|(_, place)| *place != Place::Scheme) {
        for status in STATUSES {
            let servers = Servers::new(status, target, place);
            let client = servers.client(colour, place);
            let client = client.with(|policy| policy.foreign_redirects = true);
            for (verb, send) in VERBS {
                // What comes of it is up to who is there; the point is what they get.
                let followed = send(&client).is_ok();
                let leads = is_followable(status) && place == Place::Abroad;
                assert!(followed || !leads, "{verb} {status} {target}");
            }
            is_as_it_was(&servers.home);
            is_as_it_was(&servers.member);
            let leads = is_followable(status) && place == Place::Abroad;
            let seen = servers.foreign.seen();
            assert_eq!(seen.len(), if leads { VERBS.len() } else { 0 }, "{status} {target}");
            for (seen, (verb, _)) in seen.iter().zip(VERBS) {
                assert_eq!((seen.method.as_str(), seen.header("Authorization")), (verb, None));
                assert!(!seen.target.contains("hunter2") && !seen.body.contains("hunter2"));
            }
        }
    }
}
