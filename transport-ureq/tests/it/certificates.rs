//! Transports that trust a CA of the test.

use etcd_v2_proto::tls::Tls;
use transport_ureq::UreqTransport;
use xtask::certificates::Authority;

/// What those who trust a CA get from it.
pub(crate) trait Trusted {
    /// Settings that trust this CA and no other.
    fn tls(&self) -> Tls;

    /// A transport with these settings.
    fn transport(&self) -> UreqTransport {
        transport(self.tls())
    }
}

impl Trusted for Authority {
    fn tls(&self) -> Tls {
        Tls::new().only_ca_pem(self.pem())
    }
}

/// A CA like any other.
pub(crate) fn authority() -> Authority {
    Authority::new("CA of the test").unwrap()
}

/// A transport with these settings.
pub(crate) fn transport(tls: Tls) -> UreqTransport {
    UreqTransport::builder().tls(tls).unwrap().build()
}
