//! A request as it leaves: in origin form, or whole for a proxy, with a body that knows its length.

use std::convert::Infallible;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use etcd_v2_proto::proxy::Proxy;
use http::header::{CONTENT_LENGTH, HeaderValue, PROXY_AUTHORIZATION};
use http::uri::PathAndQuery;
use http::{Method, Request, Uri, Version};
use hyper::body::{Body, Frame, SizeHint};

use crate::connection::Origin;

/// The body of a request, in one piece.
#[derive(Debug)]
pub(crate) struct Outgoing(Bytes);

/// Tells where a request goes to, and makes of it what is written there, or to that proxy.
///
/// # Errors
/// When the URI is not an absolute one.
pub(crate) fn split(
    request: Request<Bytes>,
    proxy: Option<&Proxy>,
) -> io::Result<(Origin, Request<Outgoing>)> {
    // Changed in place: a request is large, and taking it apart and together again moves it twice.
    let mut request = request.map(Outgoing);
    let uri = request.uri_mut();
    let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the URI is not absolute"));
    };
    let origin = Origin { scheme: scheme.clone(), authority: authority.clone() };
    match proxy {
        // A tunnel leads to the server itself; otherwise the proxy has to be told all of the URI.
        Some(proxy) if !origin.is_https() => {
            if let Some(authorization) = proxy.authorization() {
                request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
            }
        }
        _ => {
            let path = mem::take(uri).into_parts().path_and_query;
            *uri = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        }
    }
    *request.version_mut() = Version::HTTP_11;
    // The server has to be told that nothing follows where it expects something. hyper says how long
    // a body is, but takes an empty one for none.
    let takes_body = request.method() == Method::PUT || request.method() == Method::POST;
    if takes_body && request.body().is_end_stream() {
        request.headers_mut().insert(CONTENT_LENGTH, const { HeaderValue::from_static("0") });
    }
    Ok((origin, request))
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = mem::take(&mut self.get_mut().0);
        Poll::Ready((!data.is_empty()).then(|| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}
