//! Ways to a server: straight or through a proxy, secured or not.

use std::io;

use etcd_v2_proto::proxy::{Proxies, Proxy};
#[cfg(feature = "tls")]
use etcd_v2_proto::tls::Security;
use http::Uri;
use http::uri::Scheme;

use crate::call::Call;
use crate::dial::Dialer;
use crate::socket::Socket;
#[cfg(feature = "tls")]
use crate::tls::Session;
use crate::wire::Wire;

/// How to reach the host of a URI.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    pub(crate) dialer: Dialer,
    pub(crate) proxies: Proxies,
    #[cfg(feature = "tls")]
    pub(crate) security: Security,
}

impl Reach {
    /// Makes a connection that is ready for requests to the host of this URI.
    ///
    /// # Errors
    /// When there is no way, or the call has to be given up.
    pub(crate) fn connect(&self, uri: &Uri, call: &mut Call) -> io::Result<Wire> {
        let is_https = is_https(uri);
        if is_https && cfg!(not(feature = "tls")) {
            let text = "this transport was built without TLS, so https cannot be used";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        let host = uri.host().unwrap_or_default();
        let socket = match self.proxies.proxy_for(uri).map_err(io::Error::other)? {
            None => {
                let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
                Socket::new(self.dialer.dial(host, port, call)?, self.dialer.user_timeout)
            }
            Some(proxy) => {
                let mut socket = self.connect_to(proxy, call)?;
                if is_https {
                    call.while_tunnelling(|call| pass_through(proxy, uri, &mut socket, call))?;
                }
                socket
            }
        };
        call.note_connected();
        #[cfg(feature = "tls")]
        if is_https {
            let session = Session::begin(&self.security, host, socket, call)?;
            return Ok(Wire::Secured(Box::new(session)));
        }
        Ok(Wire::Plain(socket))
    }

    /// Where a proxy has to be told for whom the requests on a connection to this URI are: the part
    /// of the URI that comes before the path.
    pub(crate) fn origin(&self, uri: &Uri) -> Option<Box<str>> {
        if is_https(uri) || !matches!(self.proxies.proxy_for(uri), Ok(Some(_))) {
            return None;
        }
        let host = uri.host().unwrap_or_default();
        let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
        Some(format!("http://{host}{port}").into())
    }

    fn connect_to(&self, proxy: &Proxy, call: &mut Call) -> io::Result<Socket> {
        let stream = self.dialer.dial(proxy.host(), proxy.port(), call).map_err(|error| {
            let text = format!("cannot connect to the proxy {proxy}: {error}");
            io::Error::new(error.kind(), text)
        })?;
        Ok(Socket::new(stream, self.dialer.user_timeout))
    }
}

/// Has a proxy connect the socket with the host of a URI.
fn pass_through(proxy: &Proxy, uri: &Uri, socket: &mut Socket, call: &mut Call) -> io::Result<()> {
    let mut tunnel = proxy.tunnel(uri);
    socket.write(tunnel.request(), call)?;
    let mut buffer = [0; 1024];
    loop {
        let amount = socket.read(&mut buffer, call)?;
        if amount == 0 {
            return Err(io::Error::other(tunnel.closed()));
        }
        if tunnel.receive(&buffer[..amount]).map_err(io::Error::other)? {
            return Ok(());
        }
    }
}

fn is_https(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTPS)
}
