//! From what the endpoints said to what is wrong with them.

use http::StatusCode;

use super::finding::Finding;
use super::report::{EndpointReport, V2, name};
use crate::conversation::{Cause, Failure, Stage};
use crate::endpoint::Endpoint;
use crate::error::{ConnectionError, Error, ErrorKind, Likely};
use crate::request::ClusterId;

/// First what is wrong with each endpoint, then what is wrong between them.
pub(super) fn conclude(reports: &[EndpointReport]) -> Vec<Finding> {
    let each = reports.iter().filter_map(EndpointReport::finding);
    each.chain(different_clusters(reports)).chain(different_leaders(reports)).collect()
}

/// The one thing about an endpoint from which the rest follows.
pub(super) fn conclude_each(report: &EndpointReport) -> Option<Finding> {
    let endpoint = report.endpoint.clone();
    match (&report.version, &report.v2) {
        // Some proxies let nothing but the v2 API through.
        (_, Some(Ok(V2 { is_electing: true, .. }))) => Some(Finding::NoLeader { endpoint }),
        (_, Some(Ok(_))) => unhealthy(report),
        (Err(error), None) => Some(useless(report, error)),
        (Err(error), Some(_)) if !is_absent(error.last()) => Some(useless(report, error)),
        (Err(_), _) if report.is_healthy().is_some() => Some(Finding::HealthOnly { endpoint }),
        (Err(error), _) => Some(useless(report, error)),
        (Ok(version), Some(Err(error))) if is_absent(error.last()) => {
            let version = version.server.clone();
            let has_health = report.health.as_ref().is_none_or(|health| match health {
                Ok(_) => true,
                Err(error) => !is_absent(error.last()),
            });
            Some(if is_without_v2(&version) {
                Finding::NoV2Api { endpoint, version }
            } else if has_health {
                Finding::V2Disabled { endpoint, version }
            } else {
                Finding::PeerPort { endpoint }
            })
        }
        (Ok(_), Some(Err(error))) => Some(match error.last() {
            // It had answered before, so its port is the right one.
            ErrorKind::Failed(failure) if failure.cause() != Cause::TimedOut => {
                Finding::Unhealthy { endpoint, reason: Some(failure.to_string()) }
            }
            // As etcd's own v2 proxy refuses when it reaches no member.
            ErrorKind::Api(refusal) => {
                Finding::Unhealthy { endpoint, reason: Some(refusal.to_string()) }
            }
            _ => useless(report, error),
        }),
        (Ok(_), None) => None,
    }
}

/// An endpoint that cannot be used at all, for what this error says.
fn useless(report: &EndpointReport, error: &Error) -> Finding {
    let endpoint = report.endpoint.clone();
    match error.last() {
        ErrorKind::Failed(failure) => unconnected(report, failure),
        ErrorKind::TimedOut => Finding::Silent { endpoint, waited: report.took },
        ErrorKind::Unexpected(answer) => match (answer.likely(), answer.status) {
            (Likely::TlsPort, _) => {
                Finding::TlsMismatch { endpoint, reason: ConnectionError::SpeaksTls.to_string() }
            }
            (
                _,
                status @ (StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::PROXY_AUTHENTICATION_REQUIRED),
            ) => Finding::Unauthorized { endpoint, status },
            _ => Finding::NotEtcd { endpoint, reason: answer.to_string() },
        },
        ErrorKind::V2Disabled | ErrorKind::ApiNotFound { .. } => {
            let reason = "nothing of etcd's is at its paths (404), so something else listens there, \
                          or the path of the endpoint is wrong";
            Finding::NotEtcd { endpoint, reason: reason.to_owned() }
        }
        kind => Finding::NotEtcd { endpoint, reason: kind.to_string() },
    }
}

fn unconnected(report: &EndpointReport, failure: &Failure) -> Finding {
    let endpoint = report.endpoint.clone();
    if let Some(none) = failure.no_descriptors() {
        return Finding::NoFileDescriptors { endpoint, reason: none.to_string() };
    }
    match failure.connection_error() {
        Some(ConnectionError::SpeaksHttp2) => return Finding::GrpcOnly { endpoint },
        Some(error @ ConnectionError::Tls(_)) => {
            return Finding::TlsFailed { endpoint, reason: error.to_string() };
        }
        Some(
            error @ (ConnectionError::SpeaksTls
            | ConnectionError::SpeaksNoTls
            | ConnectionError::Mute { .. }
            | ConnectionError::MuteInHandshake { .. }),
        ) => return Finding::TlsMismatch { endpoint, reason: error.to_string() },
        // The words of the failure say what it is.
        Some(ConnectionError::ResponseHeaderTooLarge { .. }) | None => {}
    }
    match (failure.cause(), failure.stage()) {
        (Cause::TimedOut, Stage::AfterSend) => Finding::Silent { endpoint, waited: report.took },
        (_, Stage::BeforeSend) => Finding::Unreachable { endpoint, reason: failure.to_string() },
        (_, Stage::AfterSend) => Finding::NoHttp { endpoint, reason: failure.to_string() },
    }
}

/// A member that speaks v2, but is not well.
fn unhealthy(report: &EndpointReport) -> Option<Finding> {
    let endpoint = report.endpoint.clone();
    match report.health.as_ref()? {
        Ok(health) if health.healthy => None,
        Ok(health) => Some(Finding::Unhealthy { endpoint, reason: health.reason.clone() }),
        // Before 2.0 there was no such question, and some proxies do not let it through.
        Err(error) => match error.last() {
            ErrorKind::TimedOut => Some(Finding::Unhealthy { endpoint, reason: None }),
            ErrorKind::Failed(failure) => {
                let told = (failure.cause() != Cause::TimedOut).then(|| failure.to_string());
                Some(Finding::Unhealthy { endpoint, reason: told })
            }
            _ => None,
        },
    }
}

/// Whether the server has nothing at that path.
fn is_absent(kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::V2Disabled | ErrorKind::ApiNotFound { .. } => true,
        ErrorKind::Unexpected(answer) => answer.status == StatusCode::NOT_FOUND,
        _ => false,
    }
}

/// Whether a server of this version has no v2 API, with or without its flag.
fn is_without_v2(version: &str) -> bool {
    let mut parts = version.split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (3, 6),
        _ => false,
    }
}

fn different_clusters(reports: &[EndpointReport]) -> Option<Finding> {
    let ids = reports.iter().filter_map(|report| Some((report.cluster_id()?, &report.endpoint)));
    let clusters = grouped(ids);
    (clusters.len() > 1).then_some(Finding::DifferentClusters { clusters })
}

/// Within one cluster; different ones have different leaders.
fn different_leaders(reports: &[EndpointReport]) -> Vec<Finding> {
    let known = |report: &EndpointReport| report.cluster_id();
    let clusters = grouped(reports.iter().map(|report| (known(report), &report.endpoint)));
    let of_cluster = |id: Option<ClusterId>| {
        let own = reports.iter().filter(move |report| known(report) == id);
        let named = own.filter_map(|report| {
            let leader = report.leader()?;
            Some(((leader.id.clone(), name(leader)), &report.endpoint))
        });
        let leaders = grouped(named);
        (leaders.len() > 1).then(|| Finding::DifferentLeaders {
            leaders: leaders.into_iter().map(|((_, name), own)| (name, own)).collect(),
        })
    };
    clusters.into_iter().filter_map(|(id, _)| of_cluster(id)).collect()
}

/// The endpoints by what they say, in the order of the endpoints.
fn grouped<'a, K: PartialEq>(
    said: impl Iterator<Item = (K, &'a Endpoint)>,
) -> Vec<(K, Vec<Endpoint>)> {
    let mut groups: Vec<(K, Vec<Endpoint>)> = Vec::new();
    for (key, endpoint) in said {
        match groups.iter_mut().find(|(own, _)| *own == key) {
            Some((_, endpoints)) => endpoints.push(endpoint.clone()),
            None => groups.push((key, vec![endpoint.clone()])),
        }
    }
    groups
}
