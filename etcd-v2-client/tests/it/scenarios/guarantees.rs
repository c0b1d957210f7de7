//! What the compiler can check, and what needs no server.

use std::fmt::Debug;

use etcd_v2_client::keys::{Change, Delete, Get, KeysRequest, Node, NodeRef, Push, Set, Wait};
use etcd_v2_client::{
    ApiError, AsyncTransport, Attempt, AutoSync, BlockingTransport, Builder, Client, Consistency,
    Credentials, CredentialsProvider, Endpoint, Error, ErrorKind, EtcdError, Failure, Interrupt,
    Keys, Meta, Policy, Request, Timeout, UserAgent, Watch, blocking,
};
use futures_util::stream::FusedStream;

const fn shareable<T: Send + Sync + 'static>() {}
const fn cloneable<T: Clone + Debug + Send + Sync + 'static>() {}
const fn movable<T: Send + 'static>() {}
fn is_send<T: Send>(value: T) -> T {
    value
}

const _: () = {
    cloneable::<Client>();
    cloneable::<blocking::Client>();
    cloneable::<Keys>();
    cloneable::<blocking::Keys>();
    cloneable::<Policy>();
    cloneable::<Endpoint>();
    cloneable::<Credentials>();
    cloneable::<Interrupt>();
    cloneable::<UserAgent>();
    cloneable::<Meta>();
    cloneable::<EtcdError>();
    cloneable::<ApiError>();
    cloneable::<Change>();
    cloneable::<NodeRef>();
    cloneable::<Node<'static>>();
    cloneable::<Get>();
    cloneable::<Set>();
    cloneable::<Push>();
    cloneable::<Delete>();
    cloneable::<Wait>();
    shareable::<Error>();
    shareable::<ErrorKind>();
    shareable::<Attempt>();
    shareable::<Failure>();
    movable::<AutoSync>();
    movable::<blocking::AutoSync>();
    movable::<Box<dyn CredentialsProvider>>();
    movable::<Watch>();
    movable::<blocking::Watch>();
    movable::<Builder<dyn AsyncTransport>>();
    movable::<Builder<dyn BlockingTransport>>();
};

/// A `Result` is no larger than what it holds.
const _: () = assert!(size_of::<Result<(), Error>>() == size_of::<usize>());

/// Never called: that it compiles is the point. The futures of all methods can be spawned.
#[expect(dead_code, reason = "only the compiler looks at it")]
fn all_futures_are_send(client: &'static Client, keys: &'static Keys, mut watch: Watch) {
    let ttl = std::time::Duration::from_secs(1);
    drop((
        is_send(client.send(Get::new("/a"))),
        is_send(keys.send(Set::new("/a", "1"))),
        is_send(keys.get("/a")),
        is_send(keys.list("/a")),
        is_send(keys.set("/a", "1")),
        is_send(keys.set_for("/a", "1", ttl)),
        is_send(keys.create("/a", "1")),
        is_send(keys.update("/a", "1")),
        is_send(keys.compare_and_swap("/a", 1, "1")),
        is_send(keys.push("/a", "1")),
        is_send(keys.mkdir("/a")),
    ));
    drop((
        is_send(keys.refresh("/a", ttl)),
        is_send(keys.delete("/a")),
        is_send(keys.compare_and_delete("/a", 1)),
        is_send(keys.delete_dir("/a")),
        is_send(keys.delete_all("/a")),
        is_send(keys.wait("/a")),
    ));
    drop(is_send(watch.next()));
}

/// The same for requests of somebody else.
#[expect(dead_code, reason = "only the compiler looks at it")]
fn futures_of_any_request_are_send<R: KeysRequest + Send>(client: &Client, request: R)
where
    R::Output: Send,
{
    drop(is_send(client.send(request)));
}

#[expect(dead_code, reason = "only the compiler looks at it")]
fn watches_are_streams_and_iterators(watch: Watch, blocking: blocking::Watch) {
    fn stream(_: impl FusedStream<Item = Result<Change, Error>> + Unpin) {}
    fn iterator(_: impl Iterator<Item = Result<Change, Error>>) {}
    stream(watch);
    iterator(blocking);
}

#[expect(dead_code, reason = "only the compiler looks at it")]
fn requests_are_sent_by_reference_too(client: &'static blocking::Client, request: &Get) {
    fn any<R: Request>(_: R) {}
    any(request);
    drop(client.send(request));
}

#[cfg(not(feature = "hyper"))]
#[test]
fn missing_transport_of_the_async_client_is_explained() {
    let error = Client::builder().endpoints(["http://127.0.0.1:1"]).build().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("transport") && text.contains("\"hyper\""), "{text}");
}

#[cfg(not(feature = "ureq"))]
#[test]
fn missing_transport_of_the_blocking_client_is_explained() {
    let error = blocking::Client::builder().endpoints(["http://127.0.0.1:1"]).build().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("transport") && text.contains("\"ureq\""), "{text}");
}

#[test]
fn policy_is_what_the_documentation_says() {
    let policy = Policy::default();
    let millis = |limit: Option<std::time::Duration>| limit.map(|limit| limit.as_millis());
    assert_eq!(millis(policy.read_deadline), Some(5000));
    assert_eq!(millis(policy.write_deadline), Some(8000));
    assert_eq!(millis(policy.connect), Some(1000));
    assert_eq!(millis(policy.handshake), Some(3000));
    let ms = std::time::Duration::from_millis;
    let adaptive = |floor, ceiling| Some(Timeout::adaptive(ms(floor), ms(ceiling)));
    assert_eq!(policy.read_head, adaptive(100, 2000));
    assert_eq!(policy.listing_head, adaptive(1000, 5000));
    assert_eq!(policy.quorum_head, adaptive(100, 2000));
    assert_eq!(policy.guarded_head, adaptive(1000, 7000));
    assert_eq!(millis(policy.write_head), Some(7000));
    assert_eq!(millis(policy.wait_head), Some(5000));
    assert_eq!(millis(policy.diagnosis_deadline), Some(3000));
    assert_eq!(millis(policy.watch_idle), Some(30_000));
    assert_eq!(millis(Some(policy.watch_pause)), Some(1000));
    assert_eq!(millis(Some(policy.auth_allowance)), Some(300));
    assert_eq!(millis(policy.silence), Some(10_000));
    assert_eq!((policy.max_answer, policy.max_error_body), (64 << 20, 64 << 10));
    assert_eq!((policy.max_redirects, policy.passes), (10, None));
    assert!(!policy.at_least_once && !policy.foreign_redirects);
    assert!(!policy.any_cluster && !policy.local_urls && !policy.require_leader);
    assert_eq!(policy.consistency, Consistency::Local);
    assert!(policy.map_url.is_none() && policy.check_redirect.is_none());
}
