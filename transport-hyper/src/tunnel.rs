//! Getting through a proxy to a server behind it.

use etcd_v2_proto::proxy::Tunnel;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::connect::BoxError;

/// Has the proxy connect the stream with its target.
///
/// # Errors
/// When the proxy does not, with words that say why.
pub(crate) async fn pass_through<S>(mut tunnel: Tunnel, stream: S) -> Result<S, BoxError>
where
    S: Read + Write + Unpin,
{
    let mut stream = TokioIo::new(stream);
    stream.write_all(tunnel.request()).await?;
    stream.flush().await?;
    let mut buffer = [0; 1024];
    loop {
        let amount = stream.read(&mut buffer).await?;
        if amount == 0 {
            return Err(tunnel.closed().into());
        }
        if tunnel.receive(&buffer[..amount])? {
            return Ok(stream.into_inner());
        }
    }
}
