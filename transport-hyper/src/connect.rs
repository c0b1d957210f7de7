//! Making connections, with connectors of any type behind one object.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use etcd_v2_proto::proxy::{Proxy, Tunnel};
use etcd_v2_proto::{Connected, Failure, Stage};
use http::Uri;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use tokio::runtime::Handle;
use tower_service::Service;

use crate::connection::{Connection, Origin};
use crate::patience::{Patience, Step};
use crate::plain::Plain;
use crate::socket::{Socket, SocketState};
use crate::tcp::TcpConnector;
#[cfg(feature = "tls")]
use crate::tls::Session;
use crate::tunnel;

/// Makes connections.
pub(crate) trait Connect: fmt::Debug + Send + Sync {
    /// Makes a connection as planned, and says how long that took.
    fn connect<'a>(&'a self, plan: Plan<'a>, patience: &'a mut Patience<'_>) -> MakeConnection<'a>;
}

/// What kind of connection to make.
pub(crate) struct Plan<'a> {
    pub(crate) origin: Origin,
    /// What to ask the connector for.
    pub(crate) uri: Uri,
    /// What the connector leads to, unless that is the origin itself.
    pub(crate) proxy: Option<&'a Proxy>,
    /// What to ask the proxy for.
    pub(crate) tunnel: Option<Tunnel>,
    /// How to secure the connection, unless the connector does, or nobody.
    #[cfg(feature = "tls")]
    pub(crate) session: Option<Session>,
    pub(crate) http: &'a http1::Builder,
    pub(crate) runtime: Handle,
}

type MakeConnection<'a> =
    Pin<Box<dyn Future<Output = Result<(Box<Connection>, Connected), Failure>> + Send + 'a>>;
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// Forgets the type of a connector.
pub(crate) fn erase<C>(connector: C) -> Box<dyn Connect>
where
    C: Service<Uri> + Clone + Send + 'static,
    C::Response: Read + Write + Unpin + Send + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
{
    Box::new(Erased { template: Mutex::new(connector), within: |connector, _| connector })
}

/// The same for the connector that can use the limit for connecting.
pub(crate) fn erase_tcp(connector: TcpConnector) -> Box<dyn Connect> {
    Box::new(Erased { template: Mutex::new(connector), within: TcpConnector::within })
}

/// A connector to take clones of; the lock makes up for connectors that are not `Sync`.
struct Erased<C> {
    template: Mutex<C>,
    /// Says how long there is left to connect.
    within: fn(C, Option<Duration>) -> C,
}

impl<C> Connect for Erased<C>
where
    C: Service<Uri> + Clone + Send + 'static,
    C::Response: Read + Write + Unpin + Send + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
{
    fn connect<'a>(&'a self, plan: Plan<'a>, patience: &'a mut Patience<'_>) -> MakeConnection<'a> {
        let connector = self.template.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let connector = (self.within)(connector, patience.left_to_connect());
        Box::pin(async move {
            let Plan { origin, uri, proxy, tunnel, http, runtime, .. } = plan;
            let opening = pin!(open(connector, uri, proxy, tunnel));
            let opened = patience.wait(Step::Connecting, opening).await?;
            let stream = opened.map_err(Failure::before_send)?;
            let connecting = patience.elapsed();
            let socket = stream.inner().state();
            patience.check(Stage::BeforeSend)?;
            #[cfg(feature = "tls")]
            if let Some(session) = plan.session {
                patience.begin_handshake(connecting);
                let shaking = pin!(session.begin(stream));
                let shaken = patience.wait(Step::Handshake, shaking).await?;
                let stream = shaken.map_err(Failure::before_send)?;
                let connected = Connected::new(connecting, patience.elapsed());
                patience.check(Stage::BeforeSend)?;
                let connection = speak(stream, socket, origin, http, runtime).await?;
                return Ok((connection, connected));
            }
            let stream = Plain::new(stream, origin.is_https());
            let connection = speak(stream, socket, origin, http, runtime).await?;
            Ok((connection, Connected::new(connecting, connecting)))
        })
    }
}

/// Has the connector connect, and the proxy after it.
async fn open<C>(
    mut connector: C,
    uri: Uri,
    proxy: Option<&Proxy>,
    tunnel: Option<Tunnel>,
) -> Result<TokioIo<Socket<C::Response>>, BoxError>
where
    C: Service<Uri>,
    C::Response: Read + Write + Unpin + 'static,
    C::Error: Into<BoxError>,
{
    let connecting = async {
        poll_fn(|context| connector.poll_ready(context)).await?;
        connector.call(uri).await.map(Socket::new)
    };
    let stream = connecting.await.map_err(|error| {
        let error = error.into();
        match proxy {
            None => error,
            Some(proxy) => format!("cannot connect to the proxy {proxy}: {error}").into(),
        }
    })?;
    match tunnel {
        None => Ok(stream),
        Some(tunnel) => tunnel::pass_through(tunnel, stream).await,
    }
}

/// Speaks HTTP over the stream.
async fn speak<S>(
    stream: S,
    socket: Arc<SocketState>,
    origin: Origin,
    http: &http1::Builder,
    runtime: Handle,
) -> Result<Box<Connection>, Failure>
where
    S: Read + Write + Unpin + Send + 'static,
{
    let (sender, speaker) = http.handshake(stream).await.map_err(Failure::before_send)?;
    Ok(Connection::new(origin, runtime, socket, sender, Box::pin(speaker)))
}

impl<C> fmt::Debug for Erased<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}
