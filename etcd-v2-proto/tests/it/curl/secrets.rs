//! What is not shown of a request, unless it is asked for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use etcd_v2_proto::auth::roles::{self, Access};
use etcd_v2_proto::auth::users;
use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::http::{HeaderValue, Request as HttpRequest};
use etcd_v2_proto::keys::{Delete, Get, Set};
use etcd_v2_proto::{Curl, members};
use proptest::prelude::{prop_assert, prop_assume, proptest};

use super::{sent, with_body};

#[test]
fn the_body_of_the_auth_api_is_hidden_unless_asked_for() {
    for endpoint in ["http://host:1", "http://host:1/v2/keys/behind"] {
        let request = sent(endpoint, users::Put::new("alice", "hunter2"));
        let hidden = Curl::new(&request).to_string();
        assert!(
            hidden.ends_with(
                "/v2/auth/users/alice -H 'Content-Type: application/json' --data-raw '***'"
            ),
            "{hidden}"
        );
        let shown = Curl::new(&request).with_secrets().to_string();
        assert!(shown.contains(r#""password":"hunter2""#), "{shown}");
        assert_eq!(format!("{:?}", Curl::new(&request)), hidden);
    }
    let grant = sent("http://host:1", roles::Grant::new("r", ["/secret/*"], Access::Read));
    assert!(!Curl::new(&grant).to_string().contains("secret"));
    for path in ["/v2/%61uth/users/a", "/v2%2Fauth/users/a", "/base/v2/auth"] {
        let uri = format!("http://host{path}");
        let request = HttpRequest::put(uri).body(Bytes::from("password=hunter2")).unwrap();
        assert!(!Curl::new(&request).to_string().contains("hunter2"), "{path}");
    }
}

#[test]
fn who_asks_is_named_and_the_password_is_asked_for() {
    let request = sent("http://us'er:hunter2@host:1", Get::new("/a"));
    let command = Curl::new(&request).to_string();
    assert!(command.ends_with(r" -u 'us'\''er'"), "{command}");
    let basic = STANDARD.encode("us'er:hunter2");
    let shown = Curl::new(&request).with_secrets().to_string();
    assert!(shown.ends_with(&format!("-H 'Authorization: Basic {basic}'")), "{shown}");
}

#[test]
fn other_secret_headers_are_hidden() {
    let bases = [
        "Basic !",
        "Bearer hunter2",
        "Basic aHVudGVyMg==",
        "Basic OmE=",
        "basic YTpi",
        "Basic AGE6Yg==",
    ];
    for value in bases {
        let request =
            HttpRequest::get("http://host/").header("Authorization", value).body(Bytes::new());
        let command = Curl::new(&request.unwrap()).to_string();
        assert_eq!(command, "curl -X GET http://host/ -H 'Authorization: ***'", "{value}");
    }
    let mut sensitive = HeaderValue::from_static("hunter2");
    sensitive.set_sensitive(true);
    let request = HttpRequest::get("http://us:hunter2@host/")
        .header("X-Token", sensitive)
        .header("Cookie", "hunter2")
        .header("Proxy-Authorization", "hunter2")
        .body(Bytes::new())
        .unwrap();
    assert_eq!(
        Curl::new(&request).to_string(),
        "curl -X GET 'http://***@host/' -H 'X-Token: ***' -H 'Cookie: ***' \
         -H 'Proxy-Authorization: ***'"
    );
    assert_eq!(Curl::new(&request).with_secrets().to_string().matches("hunter2").count(), 4);
}

#[test]
fn values_are_hidden_if_that_is_asked_for() {
    let set = sent("http://host", Set::new("/a", "swordfish").if_value("sesame").if_exists());
    let shown = Curl::new(&set).to_string();
    assert!(shown.contains("value=swordfish") && shown.contains("prevValue=sesame"), "{shown}");
    assert_eq!(
        Curl::new(&set).without_values().to_string(),
        "curl -X PUT http://host/v2/keys/a \
         -H 'Content-Type: application/x-www-form-urlencoded' --data-raw 'prevExist=true&prevValue=%***&value=%***'"
    );
    let delete = sent("http://host", Delete::new("/a").if_value("sesame").recursive());
    let hidden = Curl::new(&delete).without_values().with_secrets().to_string();
    assert!(!hidden.contains("sesame") && hidden.contains("recursive=true"), "{hidden}");
    let odd = with_body(b"x=1&v%61lue=swordfish&value=sesame&ttl=5");
    let odd = Curl::new(&odd).without_values().to_string();
    assert!(odd.ends_with("'x=1&v%61lue=%***&value=%***&ttl=5'"), "{odd}");
    let members = sent("http://host", members::Add::new(["http://peer:2380"]));
    let members = Curl::new(&members).without_values().to_string();
    assert!(members.contains("http://peer:2380"), "no value of a key");
}

proptest! {
    #![proptest_config(crate::properties::cases(200))]

    #[test]
    fn no_secret_is_in_a_command(secret in "[a-zA-Z0-9'\" $!%&=:/é-]{8,24}") {
        let written = format!("{secret:?}");
        let escaped = written.trim_matches('"');
        let commands = |secret: &str| {
            let with_user = format!(
                "http://root:{}@host:1",
                percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC)
            );
            let login = sent(&with_user, Get::new("/a"));
            let put = sent(&with_user, users::Put::new("alice", secret));
            let set = sent(&with_user, Set::new("/a", secret).if_value(secret));
            [Curl::new(&login).to_string(), format!("{:?}", Curl::new(&put)),
             Curl::new(&set).without_values().to_string()].concat()
        };
        let text = commands(&secret);
        prop_assume!(!commands("another").contains(&secret));
        let basic = STANDARD.encode(format!("root:{secret}"));
        let form = percent_encoding::utf8_percent_encode(&secret, percent_encoding::NON_ALPHANUMERIC).to_string();
        for secret in [&secret, escaped, &basic, &form, &secret.replace('\'', r"'\''")] {
            prop_assert!(!text.contains(secret), "{} in {}", secret, text);
        }
    }
}
