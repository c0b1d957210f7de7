//! As whom requests are sent, and by which name, where that changes between them.

#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use etcd_v2_proto::keys::{Get, Set, Wait};
use etcd_v2_proto::{
    Action, Cluster, Conversation, Credentials, CredentialsProvider, Endpoint, Error, ErrorKind,
    Event, Exchange, Failure, Outcome, Policy, UserAgent, Watch,
};

const NOW: Duration = Duration::ZERO;

/// Answers with one password after the other, then fails; an empty one stands for nobody.
fn series(passwords: &[&str]) -> Arc<dyn CredentialsProvider> {
    let left: VecDeque<String> = passwords.iter().map(|text| (*text).to_owned()).collect();
    let left = Mutex::new(left);
    Arc::new(move || {
        let password = left.lock().unwrap().pop_front().ok_or("the vault is sealed")?;
        if password.is_empty() {
            return Ok(None);
        }
        Ok(Some(Credentials::new("app", &password)?))
    })
}

fn cluster(urls: &str, provider: Arc<dyn CredentialsProvider>) -> Cluster {
    Cluster::parse([urls]).unwrap().with_provider(provider).unwrap()
}

/// The password that a request goes out with.
fn password<T>(action: Action<T>) -> Option<String> {
    let Action::Send { request, .. } = action else { panic!("not sending") };
    let header = request.headers().get("authorization")?.to_str().unwrap().to_owned();
    let pair = STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap();
    let pair = String::from_utf8(pair).unwrap();
    Some(pair.strip_prefix("app:").unwrap().to_owned())
}

fn exchange(cluster: &Cluster) -> Exchange<Get> {
    Exchange::new(Get::new("/a"), cluster.route(), Arc::new(Policy::default()), 1, NOW)
}

fn error<C: Conversation>(mut talk: C) -> Error {
    let Action::Finish(Err(error)) = talk.poll(NOW) else { panic!("no error") };
    error
}

#[test]
fn each_call_asks_the_provider_and_all_its_attempts_keep_the_answer() {
    let cluster = cluster("http://a:1,http://b:2", series(&["first", "second"]));
    let mut first = exchange(&cluster);
    assert_eq!(password(first.poll(NOW)).as_deref(), Some("first"));
    let mut second = exchange(&cluster);
    first.handle(NOW, Event::Failed(Failure::before_send("refused")));
    assert_eq!(password(first.poll(NOW)).as_deref(), Some("first"));
    assert_eq!(password(second.poll(NOW)).as_deref(), Some("second"));
}

#[test]
fn a_provider_may_answer_that_it_is_nobody() {
    let cluster = cluster("http://a:1", series(&["", "known"]));
    assert_eq!(password(exchange(&cluster).poll(NOW)), None);
    assert_eq!(password(exchange(&cluster).poll(NOW)).as_deref(), Some("known"));
}

#[test]
fn nothing_is_sent_while_a_provider_fails() {
    let cluster = cluster("http://a:1", series(&[]));
    let (route, policy) = (cluster.route(), Arc::new(Policy::default()));
    for error in [
        error(exchange(&cluster)),
        error(Exchange::new(Set::new("/a", "1"), route, policy, 1, NOW)),
    ] {
        assert!(matches!(error.kind(), ErrorKind::NoCredentials(_)), "{error:?}");
        assert_eq!(error.outcome(), Outcome::NotSent);
        assert!(!error.may_have_applied());
        assert!(error.to_string().contains("the vault is sealed"), "{error}");
    }
}

#[test]
fn an_impossible_user_of_a_provider_is_an_error_of_the_call() {
    for user in ["", "a:b", "a\nb"] {
        let provider = move || Ok(Some(Credentials::new(user, "hunter2")?));
        let cluster = cluster("http://a:1", Arc::new(provider));
        let error = error(exchange(&cluster));
        assert!(matches!(error.kind(), ErrorKind::NoCredentials(_)), "{error:?}");
        let text = format!("{error} {error:?} {error:#?}");
        assert!(text.contains("user name") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn requests_that_make_no_sense_do_not_bother_the_provider() {
    let cluster = cluster("http://a:1", series(&["only"]));
    let (route, policy) = (cluster.route(), Arc::new(Policy::default()));
    let error = error(Exchange::new(Get::new("/../a"), route, policy, 1, NOW));
    assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error:?}");
    assert_eq!(password(exchange(&cluster).poll(NOW)).as_deref(), Some("only"));
}

#[test]
fn each_wait_of_a_watch_asks_the_provider() {
    let cluster = cluster("http://a:1", series(&["first", "second"]));
    let policy = Arc::new(Policy::default());
    let mut watch = Watch::new(Wait::new("/a").after(3), cluster.route(), policy, 1);
    assert_eq!(password(watch.poll(NOW)).as_deref(), Some("first"));
    let (head, ()) = http::Response::new(()).into_parts();
    // An empty answer is how some intermediaries end a wait; the watch tells nobody of it.
    watch.handle(NOW, Event::Head(head));
    watch.handle(NOW, Event::End);
    assert!(matches!(watch.poll(NOW), Action::Wait(_)));
    watch.handle(NOW, Event::Elapsed);
    assert_eq!(password(watch.poll(NOW)).as_deref(), Some("second"));
}

#[test]
fn a_watch_outlives_a_provider_that_fails_for_a_while() {
    let answers = Mutex::new(VecDeque::from([Err("sealed"), Ok("open")]));
    let provider = move || match answers.lock().unwrap().pop_front() {
        Some(Ok(password)) => Ok(Some(Credentials::new("app", password)?)),
        _ => Err("sealed".into()),
    };
    let cluster = cluster("http://a:1", Arc::new(provider));
    let policy = Arc::new(Policy::default());
    let mut watch = Watch::new(Wait::new("/a"), cluster.route(), policy, 1);
    let Action::Yield(Err(error)) = watch.poll(NOW) else { panic!("no error") };
    assert!(matches!(error.kind(), ErrorKind::NoCredentials(_)), "{error:?}");
    assert!(matches!(watch.poll(NOW), Action::Wait(_)));
    watch.handle(NOW, Event::Elapsed);
    assert_eq!(password(watch.poll(NOW)).as_deref(), Some("open"));
}

#[test]
fn a_foreign_server_does_not_learn_what_a_provider_answers() {
    let cluster = cluster("http://a:1", series(&["secret"]));
    let mut policy = Policy::default();
    policy.foreign_redirects = true;
    let mut exchange = Exchange::new(Get::new("/a"), cluster.route(), Arc::new(policy), 1, NOW);
    assert_eq!(password(exchange.poll(NOW)).as_deref(), Some("secret"));
    let head = http::Response::builder().status(307).header("Location", "http://foreign:9/");
    exchange.handle(NOW, Event::Head(head.body(()).unwrap().into_parts().0));
    assert_eq!(password(exchange.poll(NOW)), None);
}

#[test]
fn a_cluster_has_one_source_of_credentials() {
    let provided = || cluster("http://a:1", series(&["p"]));
    let user = || Credentials::new("app", "hunter2").unwrap();
    let with_user = Cluster::parse(["http://app:hunter2@a:1"]).unwrap();
    for error in [
        with_user.with_provider(series(&[])).unwrap_err(),
        provided().with_provider(series(&[])).unwrap_err(),
        provided().with_credentials(user()).unwrap_err(),
        provided().replace(Endpoint::parse_list(["http://app:hunter2@b:2"]).unwrap()).unwrap_err(),
    ] {
        let ErrorKind::Invalid(invalid) = &error else { panic!("{error:?}") };
        assert_eq!(invalid.field, "credentials");
        assert!(invalid.reason.contains("provider") && !invalid.reason.contains("hunter2"));
    }
    let mut provided = provided();
    provided.replace(Endpoint::parse_list(["http://b:2"]).unwrap()).unwrap();
    assert_eq!(password(exchange(&provided).poll(NOW)).as_deref(), Some("p"), "it stays");
    assert_eq!(provided.credentials(), None);
}

#[test]
fn whatever_a_provider_holds_is_not_shown() {
    let cluster = cluster("http://a:1", series(&["hunter2", "hunter2"]));
    let mut exchange = exchange(&cluster);
    let action = exchange.poll(NOW);
    let shown = format!("{cluster:?} {:?} {exchange:?} {action:?}", cluster.route());
    assert!(shown.contains("provider"), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains(&STANDARD.encode("app:hunter2")[..12]));
}

#[test]
fn a_shared_provider_is_one_too() {
    let shared = series(&["first", "second"]);
    let again: Arc<dyn CredentialsProvider> = Arc::new(Arc::clone(&shared));
    assert_eq!(
        password(exchange(&cluster("http://a:1", again)).poll(NOW)).as_deref(),
        Some("first")
    );
    assert!(shared.credentials().unwrap().is_some());
}

#[test]
fn the_name_of_the_policy_is_sent_wherever_a_call_goes() {
    let cluster = Cluster::parse(["http://a:1,http://b:2"]).unwrap();
    let mut policy = Policy::default();
    policy.foreign_redirects = true;
    policy.user_agent = UserAgent::new("inventory/1.0 (blue)").unwrap();
    let mut exchange = Exchange::new(Get::new("/a"), cluster.route(), Arc::new(policy), 1, NOW);
    let redirect = |to: &str| {
        let head = http::Response::builder().status(307).header("Location", to);
        Event::Head(head.body(()).unwrap().into_parts().0)
    };
    for event in [redirect("http://b:2/a"), redirect("http://foreign/"), Event::End] {
        let Action::Send { request, .. } = exchange.poll(NOW) else { panic!("not sending") };
        let names: Vec<_> = request.headers().get_all("user-agent").iter().collect();
        assert_eq!(names, ["inventory/1.0 (blue)"]);
        exchange.handle(NOW, event);
    }
}
