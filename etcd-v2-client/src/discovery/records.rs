//! Which names to ask for, and what to make of the answers; without any I/O.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};

use etcd_v2_proto::{Endpoint, Invalid};

use super::error::SrvError;

/// One name to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// Fully qualified, without the dot at the end.
    pub(super) name: String,
    /// Whether the endpoints there are encrypted.
    pub(super) https: bool,
}

/// What DNS says to a [`Question`].
#[derive(Debug)]
pub(super) enum Answer {
    Records(Vec<Record>),
    /// There is no such name, or it has no such records.
    Absent,
    /// Nobody knows.
    Failed(SrvError),
}

/// An SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) priority: u16,
    pub(super) weight: u16,
    pub(super) port: u16,
    /// As DNS has it, with or without a dot at the end.
    pub(super) target: String,
}

/// The names to ask for, the one for https first: `_etcd-client-ssl._tcp.…` and `_etcd-client._tcp.…`,
/// with the name of the service after a hyphen if it has one.
pub(super) fn questions(
    domain: &str,
    service: &str,
    https_only: bool,
) -> Result<Vec<Question>, Invalid> {
    let domain = checked_domain(domain)?;
    check_service(service)?;
    let suffix = if service.is_empty() { String::new() } else { format!("-{service}") };
    let question = |kind, https| Question { name: format!("_{kind}{suffix}._tcp.{domain}"), https };
    let mut questions = vec![question("etcd-client-ssl", true)];
    if !https_only {
        questions.push(question("etcd-client", false));
    }
    // The first name is the longest.
    let name = &questions[0].name;
    if name.find('.').is_some_and(|length| length > LONGEST_LABEL) {
        let reason = format!("{service:?} is too long: {LONGEST_LABEL} characters fit into {name}");
        return Err(Invalid::new(SERVICE, reason));
    }
    if name.len() > LONGEST_NAME {
        let reason = format!("{domain:?} is too long: {LONGEST_NAME} characters fit into {name}");
        return Err(Invalid::new(DOMAIN, reason));
    }
    Ok(questions)
}

/// The endpoints in the order in which they are to be asked; `asked` has the question for https first.
/// The `seed` decides where the records leave it to chance.
pub(super) fn endpoints(
    asked: Vec<(Question, Answer)>,
    seed: u64,
) -> Result<Vec<Endpoint>, SrvError> {
    let mut dice = Dice { seed, throws: 0 };
    let mut found: Vec<Endpoint> = Vec::new();
    let mut failure = None;
    let mut names = Vec::with_capacity(asked.len());
    for (Question { name, https }, answer) in asked {
        let usable = match answer {
            Answer::Records(records) => read(&name, https, records, &mut dice),
            Answer::Absent => Ok(Vec::new()),
            Answer::Failed(error) => Err(error),
        };
        match (usable, failure.take()) {
            // A failure that somebody provoked must not lead to clear text.
            (Ok(withheld), Some(cause)) if !withheld.is_empty() => {
                return Err(SrvError::Downgrade { withheld, cause: Box::new(cause) });
            }
            (Ok(endpoints), earlier) => {
                found.extend(endpoints);
                failure = earlier;
            }
            (Err(error), earlier) => failure = earlier.or(Some(error)),
        }
        names.push(name);
    }
    match failure {
        _ if !found.is_empty() => Ok(found),
        Some(failure) => Err(failure),
        None => Err(SrvError::NotFound { names }),
    }
}

/// The endpoints of one name; none if the records say that there is no such service.
fn read(
    name: &str,
    https: bool,
    mut records: Vec<Record>,
    dice: &mut Dice,
) -> Result<Vec<Endpoint>, SrvError> {
    // A target of "." is how a domain says that it does not have the service.
    records.retain(|record| !record.target.trim_end_matches('.').is_empty());
    let (mut found, mut reasons) = (Vec::new(), Vec::new());
    for record in in_order(records, dice) {
        match endpoint(https, &record) {
            Ok(endpoint) if found.contains(&endpoint) => {}
            Ok(endpoint) => found.push(endpoint),
            Err(reason) => reasons.push(reason),
        }
    }
    if found.is_empty() && !reasons.is_empty() {
        return Err(SrvError::Unusable { name: name.to_owned(), reasons });
    }
    Ok(found)
}

/// By priority; among equals by weighted chance, as in RFC 2782.
fn in_order(mut records: Vec<Record>, dice: &mut Dice) -> Vec<Record> {
    // The RFC leaves open in which order equals go into the draw, except that those of weight 0 come
    // first, which gives them a small chance. Shuffled, they share it.
    records.sort_by_cached_key(|_| dice.throw());
    records.sort_by_key(|record| (record.priority, record.weight != 0));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let equals = records.iter().take_while(|record| record.priority == first.priority);
        let total: u64 = equals.map(|record| u64::from(record.weight)).sum();
        let mut left = dice.throw() % (total + 1);
        let drawn = records.iter().position(|record| {
            let weight = u64::from(record.weight);
            let is_it = weight >= left;
            left = left.saturating_sub(weight);
            is_it
        });
        ordered.push(records.remove(drawn.unwrap_or_default()));
    }
    ordered
}

fn endpoint(https: bool, record: &Record) -> Result<Endpoint, String> {
    let Record { port, target, .. } = record;
    let host = target.trim_end_matches('.');
    if *port == 0 {
        return Err(format!("{host:?} has port 0"));
    }
    // What a name may hold is up to whoever runs the zone; in a URL it must not become user
    // information or a path.
    let host = match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) if host.chars().all(is_of_a_name) => host.to_owned(),
        Err(_) => return Err(format!("{host:?} is not the name of a host")),
    };
    let scheme = if https { "https" } else { "http" };
    format!("{scheme}://{host}:{port}").parse().map_err(|error: Invalid| error.reason)
}

fn checked_domain(domain: &str) -> Result<&str, Invalid> {
    let refuse = |reason: &str| Err(Invalid::new(DOMAIN, format!("{domain:?} {reason}")));
    let name = domain.strip_suffix('.').unwrap_or(domain);
    if name.is_empty() {
        return refuse("is empty; give one such as example.com");
    }
    if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return refuse("is an address; SRV records belong to a name such as example.com");
    }
    if name.contains([':', '/']) {
        return refuse("is not a domain; give the name alone, without scheme and port");
    }
    if !name.is_ascii() {
        return refuse("has characters that DNS does not know; write it in its form with xn--");
    }
    if let Some(strange) = name.chars().find(|char| !is_of_a_name(*char)) {
        return refuse(&format!("is not a domain, as it has {strange:?} in it"));
    }
    if name.split('.').any(str::is_empty) {
        return refuse("is not a domain, as there is nothing between two of its dots");
    }
    if name.split('.').any(|label| label.len() > LONGEST_LABEL) {
        return refuse("is not a domain, as there are more than 63 characters between two dots");
    }
    Ok(name)
}

fn check_service(service: &str) -> Result<(), Invalid> {
    match service.chars().find(|char| *char == '.' || !is_of_a_name(*char)) {
        Some(strange) => Err(Invalid::new(SERVICE, format!("{service:?} has {strange:?} in it"))),
        None => Ok(()),
    }
}

const fn is_of_a_name(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.')
}

/// Numbers that look random and are the same for the same seed.
#[derive(Debug)]
struct Dice {
    seed: u64,
    throws: u64,
}

impl Dice {
    fn throw(&mut self) -> u64 {
        self.throws = self.throws.wrapping_add(1);
        let mut hasher = DefaultHasher::new();
        (self.seed, self.throws).hash(&mut hasher);
        hasher.finish()
    }
}

const DOMAIN: &str = "domain";
const SERVICE: &str = "service name";
/// RFC 1035, section 2.3.4; a name without the dot at its end.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

#[cfg(test)]
mod tests;
