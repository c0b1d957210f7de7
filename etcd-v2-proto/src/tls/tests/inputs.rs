//! What is wrong with the settings.

use rustls::pki_types::PrivateKeyDer;

use super::*;

fn error(tls: &Tls) -> String {
    tls.client_config().unwrap_err().to_string()
}

#[test]
fn errors_name_the_input_and_what_is_in_it_instead() {
    let authority = Authority::new("test CA");
    let (chain, key) = authority.issue(&["client"]);
    let (_, foreign) = authority.issue(&["other"]);
    let cut = &chain[..chain.len() - 30];
    let damaged = chain.replacen("MII", "M!!", 1);
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
    let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let empty = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let no_certificate = "there is no certificate in it (`-----BEGIN CERTIFICATE-----`), ";
    let no_key = "there is no private key in it (`-----BEGIN PRIVATE KEY-----`), ";
    for (tls, expected) in [
        (Tls::new().add_ca_pem(""), format!("CA certificate: {no_certificate}it is empty")),
        (
            Tls::new().add_ca_pem([0x30, 0x82]),
            format!("CA certificate: {no_certificate}it is not PEM"),
        ),
        (
            Tls::new().only_ca_pem(&key),
            format!("CA certificate: {no_certificate}only a private key"),
        ),
        (Tls::new().only_ca_pem(cut), "CA certificate: is cut off".into()),
        (Tls::new().only_ca_pem(damaged), "CA certificate: is damaged".into()),
        (Tls::new().only_ca_pem(hollow), "CA certificate: cannot be used".into()),
        (identity(&key, &key), format!("client certificate: {no_certificate}only a private key")),
        (identity("\n", &key), format!("client certificate: {no_certificate}it is empty")),
        (identity(&chain, &chain), format!("client key: {no_key}only a certificate")),
        (
            identity(&chain, "-----BEGIN X-----\nAAAA\n-----END X-----\n"),
            format!("client key: {no_key}only PEM of another"),
        ),
        (identity(&chain, &encrypted), "client key: is encrypted".into()),
        (identity(&chain, old), "client key: is encrypted".into()),
        (identity(&chain, empty), "client key: cannot be used".into()),
        (identity(&chain, &foreign), "client key: does not belong to the client certif".into()),
        (Tls::new().server_name("not a name"), "server name: \"not a name\" is neither".into()),
        (Tls::new().server_name(""), "server name: \"\" is neither".into()),
    ] {
        let text = error(&tls);
        assert!(text.starts_with(&format!("invalid {expected}")), "{text}\n{expected}");
    }
}

fn identity(chain: &str, key: &str) -> Tls {
    Tls::new().danger_accept_any_certificate().identity_pem(chain, key)
}

#[test]
fn keys_of_three_kinds_are_read() {
    for (label, number) in [("PRIVATE KEY", 8), ("RSA PRIVATE KEY", 1), ("EC PRIVATE KEY", 0)] {
        let text = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        let found = match pem::private_key("key", text.as_bytes()).unwrap() {
            PrivateKeyDer::Pkcs8(_) => 8,
            PrivateKeyDer::Pkcs1(_) => 1,
            _ => 0,
        };
        assert_eq!(found, number);
    }
}

#[test]
fn endpoints_without_a_name_to_check_are_refused() {
    let tls = Tls::new();
    for host in ["", "a b", "[::1", "[etcd]", "-"] {
        assert!(tls.server_name_for(host).is_err(), "{host}");
    }
    for host in ["etcd", "etcd.example", "10.0.0.1", "[::1]", "::1", "xn--bcher-kva.example", "a_b"]
    {
        assert!(tls.server_name_for(host).is_ok(), "{host}");
    }
    assert!(tls.server_name("etcd").server_name_for("a b").is_ok());
}

#[test]
fn keys_are_never_shown() {
    let (chain, key) = Authority::new("test CA").issue(&["client"]);
    let tls = Tls::new().identity_pem(&chain, &key).server_name("etcd").add_ca_pem(&chain);
    let shown = format!("{tls:?} {tls:#?}");
    assert!(shown.contains("identity: Some(***)"), "{shown}");
    for line in key.lines().chain(chain.lines()) {
        assert!(!shown.contains(line));
    }
    let swapped = Tls::new().danger_accept_any_certificate().identity_pem(&key, &chain);
    for text in [error(&swapped), error(&identity(&chain, &key[..key.len() - 9]))] {
        assert!(!key.lines().any(|line| line.len() > 40 && text.contains(line)), "{text}");
    }
}

#[test]
fn danger_is_visible() {
    let safe = format!("{:?}", Tls::new());
    let danger = format!("{:?}", Tls::new().danger_accept_any_certificate());
    assert!(safe.contains("accepts_any_certificate: false"), "{safe}");
    assert!(danger.contains("accepts_any_certificate: true"), "{danger}");
}

#[test]
fn settings_are_looked_at_once() {
    let security = Security::new(Tls::new().danger_accept_any_certificate()).unwrap();
    let copy = security.clone();
    let (config, name) = security.for_host("[::1]").unwrap();
    assert_eq!(name, ServerName::from("::1".parse::<IpAddr>().unwrap()));
    for security in [&security, &copy] {
        let (again, name) = security.for_host("etcd.test").unwrap();
        assert!(Arc::ptr_eq(&config, &again));
        assert_eq!(name, ServerName::try_from("etcd.test").unwrap());
    }
    assert_eq!(security.for_host("no name").unwrap_err().field, "server name");

    let nonsense = Security::new(Tls::new().only_ca_pem("nonsense"));
    assert_eq!(nonsense.unwrap_err().field, "CA certificate");
}

#[test]
fn what_editors_and_configuration_files_add_does_not_matter() {
    let authority = Authority::new("test CA");
    let (chain, key) = authority.issue(&["client"]);
    let server = server(BOTH, &authority.issue(&["etcd.test"]), Some(&authority));
    let indented = |text: &str| text.lines().map(|line| format!("  \t{line}  \n")).collect();
    let changes: [&dyn Fn(&str) -> String; 6] = [
        &|text| format!("\u{feff}{text}"),
        &indented,
        &|text| format!("\u{feff}{}", indented(text)),
        &|text| text.replace('\n', "\r\n"),
        &|text| format!("\u{feff}{}", text.replace('\n', "  \r\n  ")),
        &|text| text.trim_end().to_owned(),
    ];
    for change in changes {
        let tls = Tls::new().only_ca_pem(change(authority.pem()));
        let tls = tls.identity_pem(change(&chain), change(&key));
        shake(&tls, "etcd.test", &server).unwrap();
    }
    for (order, mark) in [(u16::to_le_bytes as fn(u16) -> [u8; 2], 0), (u16::to_be_bytes, 1)] {
        let wide = format!("\u{feff}{}", authority.pem());
        let wide: Vec<u8> = wide.encode_utf16().flat_map(order).collect();
        assert_eq!(wide[mark], 0xff);
        assert!(error(&Tls::new().only_ca_pem(wide)).contains("UTF-16: store it as UTF-8"));
    }
}

#[test]
fn client_keys_of_a_size_that_is_not_accepted_are_named() {
    let tls = identity(include_str!("pem/short.pem"), include_str!("pem/short.key"));
    let text = error(&tls);
    assert!(text.contains("client key: has 1024 bits"), "{text}");
}
