//! Settings that a client refuses to be built with.

use etcd_v2_client::{Client, Error, Outcome, blocking};

use super::{ANNA, CA, STRANGER, Tls, trusting};

/// What both builders say, or those that can be had.
fn refusals(tls: &Tls) -> Vec<Error> {
    vec![
        #[cfg(feature = "hyper")]
        Client::builder().endpoints(["https://localhost"]).tls(tls.clone()).build().unwrap_err(),
        #[cfg(feature = "ureq")]
        blocking::Client::builder()
            .endpoints(["https://localhost"])
            .tls(tls.clone())
            .build()
            .unwrap_err(),
    ]
}

#[test]
fn settings_that_make_no_sense_build_no_client() {
    let other = STRANGER.for_user("anna").unwrap();
    for (tls, culprit) in [
        (Tls::new().only_ca_pem("nonsense"), "CA certificate"),
        (trusting().identity_pem(&ANNA.certificate, &other.key), "client key"),
        (trusting().identity_pem(CA.pem(), "nonsense"), "client key"),
        (trusting().server_name("not a name"), "server name"),
    ] {
        for error in refusals(&tls) {
            assert!(error.to_string().contains(&format!("invalid {culprit}: ")), "{error}");
            assert_eq!(error.outcome(), Outcome::NotSent);
            let shown = format!("{error} {error:?}");
            assert!(other.key.lines().skip(1).all(|line| !shown.contains(line)), "{error}");
        }
    }
}

#[test]
fn a_transport_of_ones_own_has_to_be_told_itself() {
    let text = "invalid TLS settings: are for the transport that a feature brings";
    #[cfg(feature = "hyper")]
    {
        let transport = std::sync::Arc::new(etcd_v2_client::hyper::HyperTransport::new());
        let builder = Client::builder().endpoints(["https://localhost"]).transport(transport);
        let error = builder.tls(trusting()).build().unwrap_err();
        assert!(error.to_string().starts_with(text), "{error}");
    }
    #[cfg(feature = "ureq")]
    {
        let transport = std::sync::Arc::new(etcd_v2_client::ureq::UreqTransport::new());
        let builder = blocking::Client::builder().endpoints(["https://localhost"]);
        let error = builder.transport(transport).tls(trusting()).build().unwrap_err();
        assert!(error.to_string().starts_with(text), "{error}");
    }
    // Without a transport, that is what is missing.
    #[cfg(not(feature = "ureq"))]
    {
        let builder = blocking::Client::builder().endpoints(["https://localhost"]);
        let error = builder.tls(trusting()).build().unwrap_err();
        assert!(error.to_string().starts_with("invalid transport: is missing"), "{error}");
    }
    #[cfg(not(feature = "hyper"))]
    {
        let builder = Client::builder().endpoints(["https://localhost"]);
        let error = builder.tls(trusting()).build().unwrap_err();
        assert!(error.to_string().starts_with("invalid transport: is missing"), "{error}");
    }
}
