//! Values and conditions of any kind arrive as they were given; endpoints are usable or refused.

#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not what they share")]

use std::sync::Arc;
use std::time::Duration;

use etcd_v2_proto::keys::{Delete, Push, Set, Wait};
use etcd_v2_proto::{Action, Cluster, Conversation, Encoded, Endpoint, Exchange, Policy, Request};
use proptest::option;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use url::form_urlencoded;

use super::{cases, text};

type Pairs = Vec<(String, String)>;

fn decoded(text: &str) -> Pairs {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~+%&=".contains(&byte);
    assert!(text.bytes().all(legal), "{text}");
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

fn form(encoded: &Encoded) -> Pairs {
    let (content_type, body) = encoded.body.as_ref().unwrap();
    assert_eq!(*content_type, "application/x-www-form-urlencoded");
    decoded(std::str::from_utf8(body).unwrap())
}

fn query(encoded: &Encoded) -> Pairs {
    encoded.path_and_query.query().map_or_else(Vec::new, decoded)
}

/// The pairs that are there, by name.
fn pairs<const N: usize>(pairs: [(&str, Option<String>); N]) -> Pairs {
    let pairs = pairs.into_iter();
    pairs.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn flag(set: bool) -> Option<String> {
    set.then(|| "true".to_owned())
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn a_set_says_what_was_given(
        value in text(),
        prev_value in option::of(text()),
        prev_index in option::of(any::<u64>()),
        exists in any::<bool>(),
        no_value in any::<bool>(),
        millis in option::of(1_u64..10_000_000),
    ) {
        let mut set = Set::new("/a", value.as_str());
        if let Some(value) = &prev_value {
            set = set.if_value(value.as_str());
        }
        if let Some(index) = prev_index {
            set = set.if_index(index);
        }
        if exists {
            set = set.if_exists();
        }
        if no_value {
            set = set.no_value_on_success();
        }
        if let Some(millis) = millis {
            set = set.ttl(Duration::from_millis(millis));
        }
        match set.encode() {
            Ok(encoded) => {
                prop_assert!(prev_value.as_deref() != Some("") && prev_index != Some(0));
                let expected = pairs([
                    ("prevExist", flag(exists)),
                    ("prevIndex", prev_index.map(|index| index.to_string())),
                    ("prevValue", prev_value),
                    ("ttl", millis.map(|millis| millis.div_ceil(1000).to_string())),
                    ("value", Some(value)),
                ]);
                prop_assert_eq!(form(&encoded), expected);
                let expected = pairs([("noValueOnSuccess", flag(no_value))]);
                prop_assert_eq!(query(&encoded), expected);
            }
            Err(invalid) => {
                let empty = prev_value.as_deref() == Some("");
                prop_assert!(empty || prev_index == Some(0));
                prop_assert_eq!(invalid.field, if empty { "prevValue" } else { "prevIndex" });
            }
        }
    }

    #[test]
    fn a_push_says_what_was_given(value in text()) {
        let encoded = Push::new("/a", value.as_str()).encode().unwrap();
        prop_assert_eq!(form(&encoded), pairs([("value", Some(value))]));
        prop_assert_eq!(encoded.path_and_query.as_str(), "/v2/keys/a");
    }

    #[test]
    fn a_delete_says_what_was_given(
        prev_value in option::of(text()),
        prev_index in option::of(any::<u64>()),
        directory in any::<bool>(),
        recursive in any::<bool>(),
    ) {
        let mut delete = Delete::new("/a");
        if let Some(value) = &prev_value {
            delete = delete.if_value(value.as_str());
        }
        if let Some(index) = prev_index {
            delete = delete.if_index(index);
        }
        if directory {
            delete = delete.directory();
        }
        if recursive {
            delete = delete.recursive();
        }
        match delete.encode() {
            Ok(encoded) => {
                prop_assert!(prev_value.as_deref() != Some("") && prev_index != Some(0));
                let expected = pairs([
                    ("dir", flag(directory)),
                    ("prevIndex", prev_index.map(|index| index.to_string())),
                    ("prevValue", prev_value),
                    ("recursive", flag(recursive)),
                ]);
                prop_assert_eq!(query(&encoded), expected);
                prop_assert_eq!(form(&encoded), Vec::new());
            }
            Err(_) => prop_assert!(prev_value.as_deref() == Some("") || prev_index == Some(0)),
        }
    }

    #[test]
    fn a_wait_says_what_was_given(after in option::of(any::<u64>()), recursive in any::<bool>()) {
        let mut wait = Wait::new("/a");
        if let Some(after) = after {
            wait = wait.after(after);
        }
        if recursive {
            wait = wait.recursive();
        }
        match wait.encode() {
            Ok(encoded) => {
                let expected = pairs([
                    ("recursive", flag(recursive)),
                    ("wait", flag(true)),
                    ("waitIndex", after.map(|after| (after + 1).to_string())),
                ]);
                prop_assert_eq!(query(&encoded), expected);
            }
            Err(_) => prop_assert_eq!(after, Some(u64::MAX)),
        }
    }

    #[test]
    fn an_endpoint_is_usable_or_refused(text in text(), scheme in any::<bool>()) {
        let text = if scheme { format!("http://{text}") } else { text };
        let Ok(endpoint) = text.parse::<Endpoint>() else { return Ok(()) };
        let shown = endpoint.to_string();
        prop_assert!(shown.starts_with("http://") || shown.starts_with("https://"));
        prop_assert!(!shown.ends_with('/'), "{}", shown);
        prop_assert_eq!(&shown.parse::<Endpoint>().unwrap(), &endpoint, "{}", shown);

        let cluster = Cluster::new([endpoint]).unwrap();
        let (policy, now) = (Arc::new(Policy::default()), Duration::ZERO);
        let mut exchange = Exchange::new(Push::new("/a", ""), cluster.route(), policy, 1, now);
        let Action::Send { request, .. } = exchange.poll(now) else {
            panic!("{shown} is taken, but not used")
        };
        prop_assert_eq!(request.uri().to_string(), format!("{shown}/v2/keys/a"));
        let authority = request.uri().authority().unwrap();
        prop_assert_eq!(request.headers()["host"].to_str().unwrap(), authority.as_str());
    }
}
