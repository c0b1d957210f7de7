//! Where this client says something else than Go's, on purpose.

use super::{Call, Sent};

/// A difference to the Go client.
///
/// Each is a change of what Go sends, exact to the byte, so that whatever else differs is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deviation {
    /// This client goes by its own name.
    OwnUserAgent,
    /// Compression is not offered: etcd never compresses.
    NoAcceptEncoding,
    /// `quorum`, `recursive` and `sorted` are left out when false, as the server takes them then.
    NoFalseNoise,
    /// `waitIndex=0` is left out: the server takes both for "from now on".
    WaitIndexZeroOmitted,
    /// A PUT has its conditions in the form, where a long `prevValue` cannot break the connection.
    ConditionsInForm,
    /// A ttl is rounded up to whole seconds; rounded down, half a second is gone at once.
    TtlRoundedUp,
    /// The empty key is the root, whose path ends in a slash: etcd 0.4 knows no other.
    RootEndsInSlash,
    /// `.` and `..` are refused instead of leading elsewhere, even out of the key space.
    DotSegmentsRefused,
    /// A refresh with a value is refused here already; the server would do so with code 211.
    RefreshWithValueRefused,
    /// Comparing the value of a directory is refused instead of dropping the condition in silence.
    DirectoryValueRefused,
    /// Nothing comes after the greatest index; Go wraps around and waits from now on.
    LastIndexRefused,
    /// An endpoint with a query is refused instead of adding the query to every request.
    EndpointQueryRefused,
    /// An endpoint with a fragment is refused instead of ignoring it.
    EndpointFragmentRefused,
    /// An endpoint without a scheme is refused at once instead of by every call.
    NoSchemeRefused,
    /// User information in an endpoint is used instead of ignored.
    UserInfoUsed,
    /// A password without a user is refused instead of ignored.
    EmptyUserRefused,
    /// Names of users that are not exactly one segment are refused instead of leading elsewhere.
    UserNameRefused,
    /// A user without a password is refused here already.
    EmptyPasswordRefused,
    /// Granting nothing is refused; the server would take it for a change of the password.
    NoRolesRefused,
    /// What is no identity of a member is refused instead of leading elsewhere.
    MemberIdRefused,
    /// A bad peer URL is refused by the name of what it is.
    PeerUrlRefused,
    /// A request without a body does not announce a type for it.
    NoTypeWithoutBody,
}

use Deviation::{
    ConditionsInForm, DirectoryValueRefused, DotSegmentsRefused, EmptyPasswordRefused,
    EmptyUserRefused, EndpointFragmentRefused, EndpointQueryRefused, LastIndexRefused,
    MemberIdRefused, NoAcceptEncoding, NoFalseNoise, NoRolesRefused, NoSchemeRefused,
    NoTypeWithoutBody, OwnUserAgent, PeerUrlRefused, RefreshWithValueRefused, RootEndsInSlash,
    TtlRoundedUp, UserInfoUsed, UserNameRefused, WaitIndexZeroOmitted,
};

/// What every request has that is sent at all.
pub(super) const OF_EVERY_REQUEST: &[Deviation] = &[OwnUserAgent, NoAcceptEncoding];

/// The rows that differ, and how.
pub(super) const DEVIATIONS: &[(&str, &[Deviation])] = &[
    ("get_default", &[NoFalseNoise]),
    ("get_noslash", &[NoFalseNoise]),
    ("get_root", &[NoFalseNoise]),
    ("get_empty_key", &[NoFalseNoise, RootEndsInSlash]),
    ("get_trailing_slash", &[NoFalseNoise]),
    ("get_double_slash", &[NoFalseNoise]),
    ("get_dotdot", &[DotSegmentsRefused]),
    ("get_escape_prefix", &[DotSegmentsRefused]),
    ("get_dot", &[DotSegmentsRefused]),
    ("get_space", &[NoFalseNoise]),
    ("get_percent", &[NoFalseNoise]),
    ("get_percent41", &[NoFalseNoise]),
    ("get_pct2F", &[NoFalseNoise]),
    ("get_question", &[NoFalseNoise]),
    ("get_hash", &[NoFalseNoise]),
    ("get_plus", &[NoFalseNoise]),
    ("get_reserved", &[NoFalseNoise]),
    ("get_unsafe", &[NoFalseNoise]),
    ("get_unicode", &[NoFalseNoise]),
    ("get_ctrl", &[NoFalseNoise]),
    ("set_ttl_1500ms", &[TtlRoundedUp]),
    ("set_ttl_500ms", &[TtlRoundedUp]),
    ("set_all", &[ConditionsInForm]),
    ("set_refresh", &[ConditionsInForm]),
    ("set_refresh_with_value", &[RefreshWithValueRefused]),
    ("set_dir_ttl_prevexist", &[ConditionsInForm]),
    ("set_dir_prevvalue_ignored", &[DirectoryValueRefused]),
    ("create", &[ConditionsInForm]),
    ("update", &[ConditionsInForm]),
    ("delete_escape_prefix", &[DotSegmentsRefused]),
    ("watch_first", &[NoFalseNoise, WaitIndexZeroOmitted]),
    ("watch_second", &[NoFalseNoise]),
    ("watch_after_maxuint", &[LastIndexRefused]),
    ("prefix_noslash", &[NoFalseNoise]),
    ("ep_path_get", &[NoFalseNoise]),
    ("ep_path_slash_get", &[NoFalseNoise]),
    ("ep_query_get", &[EndpointQueryRefused]),
    ("ep_query_members", &[EndpointQueryRefused]),
    ("ep_fragment_get", &[EndpointFragmentRefused]),
    ("ep_fragment_members", &[EndpointFragmentRefused]),
    ("ep_userinfo_get", &[NoFalseNoise, UserInfoUsed]),
    ("ep_userinfo_members", &[UserInfoUsed]),
    ("ep_hostonly_get", &[NoSchemeRefused]),
    ("ep_hostonly_members", &[NoSchemeRefused]),
    ("basic_auth_get", &[NoFalseNoise]),
    ("basic_auth_empty_user", &[EmptyUserRefused]),
    ("get_version", &[NoFalseNoise]),
    ("members_add_bad", &[PeerUrlRefused]),
    ("members_remove_empty", &[MemberIdRefused]),
    ("members_remove_dotdot", &[MemberIdRefused]),
    ("user_list", &[NoTypeWithoutBody]),
    ("user_add_empty_pw", &[EmptyPasswordRefused]),
    ("user_remove_empty", &[UserNameRefused]),
    ("user_grant_none", &[NoRolesRefused]),
    ("user_dotdot", &[UserNameRefused]),
    ("role_list", &[NoTypeWithoutBody]),
    ("curl_set", &[ConditionsInForm]),
    ("curl_get", &[NoFalseNoise]),
];

impl Deviation {
    /// What Go says, with this difference.
    pub(super) fn apply(self, call: Call) -> Call {
        let refused_for = match self {
            DotSegmentsRefused => "key",
            RefreshWithValueRefused => "value",
            DirectoryValueRefused => "prevValue",
            LastIndexRefused => "waitIndex",
            EndpointQueryRefused | EndpointFragmentRefused | NoSchemeRefused => "endpoint",
            EmptyUserRefused | UserNameRefused => "user name",
            EmptyPasswordRefused => "password",
            NoRolesRefused => "roles",
            MemberIdRefused => "member id",
            PeerUrlRefused => "peer URL",
            _ => return call.map(|sent| self.change(sent)),
        };
        Err(refused_for.to_owned())
    }

    fn change(self, mut sent: Sent) -> Sent {
        match self {
            OwnUserAgent => {
                let name = concat!("etcd-v2-rust/", env!("CARGO_PKG_VERSION"));
                sent.headers.insert("user-agent".to_owned(), name.to_owned());
            }
            NoAcceptEncoding => drop(sent.headers.remove("accept-encoding")),
            NoFalseNoise => {
                let noise = ["quorum=false", "recursive=false", "sorted=false"];
                take_from_query(&mut sent, |pair| noise.contains(&pair));
            }
            WaitIndexZeroOmitted => {
                take_from_query(&mut sent, |pair| pair == "waitIndex=0");
            }
            ConditionsInForm => {
                let condition = |pair: &str| pair.starts_with("prev");
                let mut pairs = take_from_query(&mut sent, condition);
                pairs.extend(sent.body.split('&').map(str::to_owned));
                pairs.sort();
                sent.body = pairs.join("&");
            }
            TtlRoundedUp => {
                let pairs = sent.body.split('&').map(|pair| match pair.strip_prefix("ttl=") {
                    Some(ttl) => format!("ttl={}", ttl.parse::<u64>().unwrap() + 1),
                    None => pair.to_owned(),
                });
                sent.body = pairs.collect::<Vec<_>>().join("&");
            }
            RootEndsInSlash => {
                let end = sent.target.find('?').unwrap_or(sent.target.len());
                sent.target.insert(end, '/');
            }
            NoTypeWithoutBody => drop(sent.headers.remove("content-type")),
            UserInfoUsed => {
                // Of "user:p@ss".
                let value = "Basic dXNlcjpwQHNz".to_owned();
                sent.headers.insert("authorization".to_owned(), value);
            }
            _ => {}
        }
        sent
    }
}

/// Takes some pairs out of the query.
fn take_from_query(sent: &mut Sent, taken: impl Fn(&str) -> bool) -> Vec<String> {
    let Some((path, query)) = sent.target.split_once('?') else { return Vec::new() };
    let pairs = query.split('&').map(str::to_owned);
    let (taken, kept): (Vec<_>, Vec<_>) = pairs.partition(|pair| taken(pair));
    let separator = if kept.is_empty() { "" } else { "?" };
    sent.target = format!("{path}{separator}{}", kept.join("&"));
    taken
}
