//! Ways to a server: straight or through a proxy, secured or not.

use std::io;

use etcd_v2_proto::proxy::{Proxies, Proxy};
#[cfg(feature = "tls")]
use etcd_v2_proto::tls::Security;
use etcd_v2_proto::{Connected, Failure};
use http::Uri;
use http::uri::{Authority, InvalidUriParts, Parts, PathAndQuery, Scheme};
use hyper::client::conn::http1;
use tokio::runtime::Handle;

use crate::connect::{BoxError, Connect, Plan};
use crate::connection::{Connection, Origin};
use crate::failure::HeadLimits;
use crate::patience::Patience;
#[cfg(feature = "tls")]
use crate::tls::Session;

/// How to reach an origin.
#[derive(Debug)]
pub(crate) struct Reach {
    pub(crate) connector: Box<dyn Connect>,
    /// Whether the connector takes care of `https` all by itself.
    pub(crate) connector_secures: bool,
    pub(crate) proxies: Proxies,
    #[cfg(feature = "tls")]
    pub(crate) security: Security,
    pub(crate) http: http1::Builder,
    /// Those of `http`.
    pub(crate) head_limits: HeadLimits,
}

impl Reach {
    /// The proxy on the way to an absolute URI, if there is one.
    ///
    /// # Errors
    /// When there should be one, but it is none.
    pub(crate) fn proxy_for(&self, uri: &Uri) -> Result<Option<&Proxy>, Failure> {
        if self.connector_secures && uri.scheme() == Some(&Scheme::HTTPS) {
            return Ok(None);
        }
        self.proxies.proxy_for(uri).map_err(Failure::before_send)
    }

    /// Makes a connection that is ready for requests to the origin, and says how long that took.
    ///
    /// # Errors
    /// When there is no way, or the call has to be given up.
    pub(crate) async fn connect(
        &self,
        origin: Origin,
        proxy: Option<&Proxy>,
        runtime: Handle,
        patience: &mut Patience<'_>,
    ) -> Result<(Box<Connection>, Connected), Failure> {
        // What is wrong with the plan, is so another time, too.
        let plan = self.plan(origin, proxy, runtime).map_err(Failure::unsupported)?;
        self.connector.connect(plan, patience).await
    }

    fn plan<'a>(
        &'a self,
        origin: Origin,
        proxy: Option<&'a Proxy>,
        runtime: Handle,
    ) -> Result<Plan<'a>, BoxError> {
        let secures = origin.is_https() && !self.connector_secures;
        if secures && cfg!(not(feature = "tls")) {
            let text = "this transport was built without TLS, so https cannot be used";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text).into());
        }
        let (uri, tunnel) = match proxy {
            Some(proxy) => {
                let tunnel = if secures { Some(proxy.tunnel(&uri(&origin)?)) } else { None };
                (format!("{proxy}/").try_into()?, tunnel)
            }
            None if secures => (uri(&underneath(&origin)?)?, None),
            None => (uri(&origin)?, None),
        };
        #[cfg(feature = "tls")]
        let session = if secures {
            Some(Session::to(origin.authority.host(), &self.security)?)
        } else {
            None
        };
        Ok(Plan {
            uri,
            proxy,
            tunnel,
            #[cfg(feature = "tls")]
            session,
            http: &self.http,
            runtime,
            origin,
        })
    }
}

/// What a connector is asked for that need not know about TLS.
fn underneath(origin: &Origin) -> Result<Origin, BoxError> {
    let authority = match origin.authority.port() {
        Some(_) => origin.authority.clone(),
        None => Authority::try_from(format!("{}:443", origin.authority.host()))?,
    };
    Ok(Origin { scheme: Scheme::HTTP, authority })
}

fn uri(origin: &Origin) -> Result<Uri, InvalidUriParts> {
    let mut parts = Parts::default();
    parts.scheme = Some(origin.scheme.clone());
    parts.authority = Some(origin.authority.clone());
    parts.path_and_query = Some(PathAndQuery::from_static("/"));
    Uri::from_parts(parts)
}
