//! Answers that no etcd gives, and who is likely to have given them.

use std::fmt;

use http::StatusCode;

use super::{printable, quoted};

/// An answer that no etcd gives to such a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unexpected {
    /// The HTTP status.
    pub status: StatusCode,
    /// The `Content-Type`, or `no content type`.
    pub content_type: String,
    /// The beginning of the body.
    pub excerpt: String,
    /// Whether the body broke off. What it would have said is not known then, so a watch asks again.
    pub is_cut: bool,
    /// How the response contradicts the request, if that is what is wrong with it: it is about another key,
    /// or another action. The excerpt is empty then.
    pub mismatch: Option<String>,
}

/// Who is likely to have given an answer that is not etcd's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likely {
    /// A server that expected TLS.
    TlsPort,
    /// A proxy on the way that wants to know who asks.
    Login,
    /// A member without a leader, or a proxy that reaches no member.
    NoLeader,
    /// A server of web pages.
    Pages,
    Somebody,
}

impl Unexpected {
    /// How many bytes of the body the excerpt has.
    pub(crate) const EXCERPT: usize = 200;

    /// A success that is one of another request.
    pub(crate) fn contradicting(status: StatusCode, mismatch: String) -> Self {
        Self { mismatch: Some(mismatch), ..Self::new(status, String::new(), &[]) }
    }

    /// A response with this type and this body.
    pub(crate) fn new(status: StatusCode, content_type: String, body: &[u8]) -> Self {
        let excerpt = &body[..body.len().min(Self::EXCERPT)];
        let excerpt = String::from_utf8_lossy(excerpt).into_owned();
        Self { status, content_type, excerpt, is_cut: false, mismatch: None }
    }

    /// Whether it says that there is no leader, as status 503 does unless a body says otherwise.
    pub(crate) fn is_no_leader(&self) -> bool {
        let is_empty = self.excerpt.trim().is_empty() && !self.is_cut;
        self.status == StatusCode::SERVICE_UNAVAILABLE && is_empty
    }

    pub(crate) fn likely(&self) -> Likely {
        /// What servers write in Go, nginx and Apache.
        const TLS_PORTS: [&str; 3] = [
            "Client sent an HTTP request to an HTTPS server",
            "The plain HTTP request was sent to HTTPS port",
            "speaking plain HTTP to an SSL-enabled server port",
        ];
        let says = |text: &&str| self.excerpt.contains(*text);
        let begins = self.excerpt.trim_start().get(..5).unwrap_or_default().to_ascii_lowercase();
        if self.status == StatusCode::BAD_REQUEST && TLS_PORTS.iter().any(says) {
            Likely::TlsPort
        } else if self.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            Likely::Login
        } else if self.is_no_leader() {
            Likely::NoLeader
        } else if is_page(&self.content_type) || matches!(begins.as_str(), "<html" | "<!doc") {
            Likely::Pages
        } else {
            Likely::Somebody
        }
    }
}

/// Whether this type of content is that of web pages.
pub(crate) fn is_page(content_type: &str) -> bool {
    const PAGE: &str = "text/html";
    let content_type = content_type.trim_start();
    content_type.split_at_checked(PAGE.len()).is_some_and(|(name, rest)| {
        let rest = rest.trim_start();
        name.eq_ignore_ascii_case(PAGE) && (rest.is_empty() || rest.starts_with(';'))
    })
}

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, content_type, excerpt, is_cut, mismatch } = self;
        if let Some(mismatch) = mismatch {
            return write!(
                f,
                "the response is not that of the request: {mismatch}; a server or a proxy mixes up \
                 responses, so use etcd's own port"
            );
        }
        let content_type = printable(content_type);
        match self.likely() {
            Likely::TlsPort => write!(
                f,
                "the server speaks TLS on this port, says its answer ({status}): use https://"
            ),
            Likely::Login => write!(
                f,
                "a proxy on the way wants a user name and a password, or others ({status}): put them \
                 into its URL"
            ),
            Likely::NoLeader => write!(
                f,
                "{status} without a body: the member has no leader at the moment, or a proxy on the way \
                 reaches no member"
            ),
            Likely::Pages => {
                write!(f, "a web page came instead of an answer of etcd's ({status}")?;
                match title(excerpt) {
                    Some(title) => write!(f, ", {content_type}, {})", quoted(title))?,
                    None => write!(f, ", {content_type})")?,
                }
                f.write_str(
                    ": it comes from a proxy, a load balancer or another server; ask etcd's own port",
                )
            }
            Likely::Somebody => write!(
                f,
                "unexpected answer with status {status} ({content_type}), is that an etcd?: \
                 {}{}",
                quoted(excerpt),
                if *is_cut { ", and it broke off" } else { "" }
            ),
        }
    }
}

impl std::error::Error for Unexpected {}

/// The title of a page, if it is within the beginning that is known.
fn title(excerpt: &str) -> Option<&str> {
    let (_, rest) = excerpt.split_once("<title>").or_else(|| excerpt.split_once("<TITLE>"))?;
    let (title, _) = rest.split_once("</")?;
    Some(title.trim()).filter(|title| !title.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, content_type: &str, excerpt: &str) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        let (content_type, excerpt) = (content_type.to_owned(), excerpt.to_owned());
        let (is_cut, mismatch) = (false, None);
        Unexpected { status, content_type, excerpt, is_cut, mismatch }.to_string()
    }

    #[test]
    fn answers_of_others_are_told_by_status_type_and_body() {
        let nginx = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>";
        let tls =
            "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title>";
        for (status, content_type, body, says) in [
            (
                400,
                "no content type",
                "Client sent an HTTP request to an HTTPS server.\n",
                "https://",
            ),
            (400, "text/html", tls, "https://"),
            (407, "text/html", "<html>", "a proxy on the way wants a user name"),
            (
                502,
                "text/html; charset=utf-8",
                nginx,
                "text/html; charset=utf-8, \"502 Bad Gateway\")",
            ),
            (200, "Text/HTML", "", "(200 OK, Text/HTML): it comes from a proxy"),
            (403, "no content type", " <!DOCTYPE html><p>", "a web page came"),
            (400, "text/plain", "bad", "400 Bad Request (text/plain), is that an etcd?: \"bad\""),
            (400, "text/htmlx", "é", "is that an etcd?"),
            (410, "text/\tx", "", "410 Gone (text/\\tx)"),
        ] {
            let told = told(status, content_type, body);
            assert!(told.contains(says), "{told}");
        }
    }
}
