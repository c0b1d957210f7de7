//! What both clients do on scripted servers.
//!
//! Each scenario is a function that is given a colour, and is run as `async_` and as `blocking`. It
//! looks at what the caller is told (result, kind, outcome, attempts, pin) and at what the servers
//! saw: how many requests on how many connections, their lines, headers and bodies, and who closed.
//!
//! | module | what happens | what has to come of it |
//! |---|---|---|
//! | [`basics`] | nothing goes wrong | each verb as etcd wants it, on one kept connection |
//! | [`failover`] | endpoints refuse, or hang | reads go on and the pin moves; writes are sent once |
//! | [`resets`] | the connection breaks, at each stage | reads go on; writes are unknown, or applied after a 2xx |
//! | [`kept`] | something happens to an idle connection | it is replaced, or the write is unknown; answers are never mixed up |
//! | [`once`] | the connection ends once a write was received | no library sends it again by itself |
//! | [`slowness`] | heads and bodies are late, or drip | limits hold, each by itself and the deadline over all |
//! | [`sizes`] | bodies, heads, trailers without an end | a limit and a bounded number of bytes |
//! | [`garbage`] | answers that no etcd gives | no panic, no mistaken success, nothing sent twice |
//! | [`evidence`] | successes that etcd did not send, or sent for another request | never applied, never an item; reads and guarded writes go on |
//! | [`redirects`] | answers that send elsewhere in the cluster | followed with method and body, ten times at most |
//! | [`targets`] | redirects of every status to every kind of place | the cluster, or nowhere, or without credentials |
//! | [`poisoned`] | members that are not there, or that are others | no outage, no stranger believed |
//! | [`traversal`] | keys that try to lead out of the key space | none does, or nothing is sent |
//! | [`foreign`] | answers that send out of the cluster | no byte, or no credentials if the caller allows it |
//! | [`credentials`] | endpoints that want to know who asks | all are told, nobody else ever sees it |
//! | [`identity`] | who asks changes, or goes by another name | each request as of its beginning; nothing to strangers |
//! | [`auto_sync`] | members come, go and fail | the endpoints follow; only a drop or a stop is an end |
//! | [`freshness`] | members are behind, or without a leader | left where the policy asks for more; told why |
//! | [`clusters`] | endpoints lead to different clusters | told with both ids, unless the policy takes all |
//! | [`proxies`] | requests go through a proxy, or not | as the builder says |
//! | [`refusals`] | servers say no, or that they cannot | final, or asked elsewhere, by what was said |
//! | [`backing_off`] | servers ask the client to wait: 408, 429, `Retry-After` | retried within the deadline, as the outcome allows |
//! | [`error_texts`] | servers fail in many ways | the error names the cause, and shows no secret |
//! | [`outages`] | nobody answers | an end in time, few attempts, all of them told |
//! | [`diagnoses`] | something else answers, or nobody | each is named, within one deadline |
//! | [`endpoints`] | lists of endpoints, good and bad | refused with a remedy; shared by all clones |
//! | [`interrupts`] | calls are stopped in each stage | at once, with the right outcome |
//! | [`retries`] | many calls meet endpoints that are down | all are asked, and then seldom, all calls together |
//! | [`liveness`] | servers hang, are cut off, have no leader | probes tell, and those who wait in vain go on elsewhere |
//! | [`stalled`] | servers begin an answer and are gone | the same; reads go on elsewhere by themselves |
//! | [`elections`] | a leader goes, and another one comes | what was sent to the first is left; quorum reads, too |
//! | [`adaptive`] | requests time out | slow endpoints regain their position, dead ones are the last choice |
//! | [`cut_off_leaders`] | a leader is cut off and goes on naming itself | it is left once a majority of the endpoints names another one |
//! | [`monitors`] | clients, runtimes and tasks come and go | probes go on as long as they are needed, and end |
//! | [`watches`] | waits are cut, empty, late, refused | resumed from the right index, without spinning |
//! | [`watch_silence`] | waits hear nothing, streams stall, clusters change | asked anew or elsewhere in time; gaps are told |
//! | [`watch_progress`] | responses bring no progress, or come late | few requests; gaps where changes may be missing |
//! | [`watch_ends`] | watches end | for good reasons only, and nothing stays open |
//! | [`streams`] | what only one colour has | streams race timers; iterators move to threads |
//! | [`observing`] | anything | an observer is told of each attempt, pin and sync, with its outcome |
//! | [`commands`] | requests are shown as commands | all of them, by all clones, without passwords |
//! | [`transports`] | the caller brings the transport | it carries all calls |
//! | [`guarantees`] | nothing, at run time | what the compiler can check |

#[cfg(any(feature = "hyper", feature = "ureq"))]
mod adaptive;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod auto_sync;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod backing_off;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod basics;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod clusters;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod commands;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod credentials;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod cut_off_leaders;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod diagnoses;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod elections;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod endpoints;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod error_texts;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod evidence;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod failover;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod foreign;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod freshness;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod garbage;
mod guarantees;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod identity;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod interrupts;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod kept;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod liveness;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod monitors;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod observing;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod once;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod outages;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod poisoned;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod proxies;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod redirecting;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod redirects;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod refusals;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod resets;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod retries;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod sizes;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod slowness;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod stalled;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod streams;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod targets;
mod transports;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod traversal;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod watch_ends;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod watch_progress;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod watch_silence;
#[cfg(any(feature = "hyper", feature = "ureq"))]
mod watches;
