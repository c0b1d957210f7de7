//! A request as a command, to be pasted into a shell.

mod quote;

use std::borrow::Cow;
use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use crate::encoding::FORM;
use crate::secrets::is_auth_path;
use crate::user_agent::UserAgent;
use quote::{is_for_pipe, print_format, quote};

/// A request as a `curl` command that does the same, quoted for any POSIX shell.
///
/// Passwords are not in it, unless [asked for](Self::with_secrets). To log in, the command names the
/// user, and curl asks for the password. The bodies of the auth API are `***`, which the server refuses;
/// so are other headers that are marked as sensitive, and user information. Values of keys are
/// shown, unless [that is switched off](Self::without_values).
///
/// Left out are the name of the program that asks, and how TLS is set up: add `--cacert`, `--cert` and
/// `--key` where they are needed. A body that is too long for an argument, or has a zero byte, goes through
/// a pipe.
///
/// ```
/// use etcd_v2_proto::Curl;
/// use etcd_v2_proto::bytes::Bytes;
/// use etcd_v2_proto::http::Request;
///
/// let request = Request::put("http://10.0.0.1:2379/v2/keys/motd?prevExist=true")
///     .header("Content-Type", "application/x-www-form-urlencoded")
///     .header("Authorization", "Basic cm9vdDpzZWNyZXQ=")
///     .body(Bytes::from("value=It%27s+late"))?;
/// assert_eq!(
///     Curl::new(&request).to_string(),
///     "curl -X PUT 'http://10.0.0.1:2379/v2/keys/motd?prevExist=true' \
///      -H 'Content-Type: application/x-www-form-urlencoded' -u root \
///      --data-raw 'value=It%27s+late'"
/// );
/// # Ok::<(), etcd_v2_proto::http::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Curl<'a> {
    request: &'a Request<Bytes>,
    secrets: bool,
    values: bool,
}

impl<'a> Curl<'a> {
    /// The command for a request with an absolute URI, as an [`Action`](crate::Action) has it.
    #[must_use]
    pub const fn new(request: &'a Request<Bytes>) -> Self {
        Self { request, secrets: false, values: true }
    }

    /// The same with everything that is secret. It is only for eyes that may see passwords.
    #[must_use]
    pub const fn with_secrets(mut self) -> Self {
        self.secrets = true;
        self
    }

    /// The same without the values of keys: `%***` stands for `value` and `prevValue`. Servers refuse that,
    /// so that pasting the command overwrites nothing.
    #[must_use]
    pub const fn without_values(mut self) -> Self {
        self.values = false;
        self
    }

    fn url(&self) -> String {
        let uri = self.request.uri();
        let scheme = uri.scheme_str().unwrap_or("http");
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let authority = match authority.rsplit_once('@') {
            Some((_, host)) if !self.secrets => format!("{HIDDEN}@{host}"),
            _ => authority.to_owned(),
        };
        let query = uri.query().map_or_else(String::new, |query| format!("?{}", self.pairs(query)));
        format!("{scheme}://{authority}{}{query}", uri.path())
    }

    /// A query or a form, with its values if they are to be shown.
    fn pairs<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.values {
            return text.into();
        }
        let hide = |pair: &'t str| match pair.split_once('=') {
            Some((name, _)) if matches!(&*decoded(name), "value" | "prevValue") => {
                format!("{name}=%{HIDDEN}").into()
            }
            _ => Cow::Borrowed(pair),
        };
        text.split('&').map(hide).collect::<Vec<_>>().join("&").into()
    }

    fn body(&self) -> Cow<'a, [u8]> {
        let body = &self.request.body()[..];
        let for_auth = is_auth_path(self.request.uri().path());
        if for_auth && !self.secrets && !body.is_empty() {
            return HIDDEN.as_bytes().into();
        }
        let content_type = self.request.headers().get(header::CONTENT_TYPE);
        let is_form = content_type.is_some_and(|own| own.as_bytes().starts_with(FORM.as_bytes()));
        if is_form && !self.values {
            let text = String::from_utf8_lossy(body);
            return self.pairs(&text).into_owned().into_bytes().into();
        }
        body.into()
    }

    /// The method, and what is said about the address.
    fn target(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.request.method() == Method::HEAD {
            // With a mere `-X HEAD`, curl waits for a body that does not come.
            f.write_str(" --head")?;
        } else {
            f.write_str(" -X ")?;
            quote(f, self.request.method().as_str().as_bytes())?;
        }
        let url = self.url();
        if url.contains(['[', ']', '{', '}']) {
            f.write_str(" --globoff")?;
        }
        let mut segments = self.request.uri().path().split('/');
        if segments.any(|segment| matches!(&*decoded(segment), "." | "..")) {
            f.write_str(" --path-as-is")?;
        }
        f.write_char(' ')?;
        quote(f, url.as_bytes())
    }

    fn header(
        &self,
        f: &mut fmt::Formatter<'_>,
        name: &HeaderName,
        value: &HeaderValue,
    ) -> fmt::Result {
        let authority = self.request.uri().authority().map_or("", |authority| authority.as_str());
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let said_anyway = match *name {
            header::HOST => value.as_bytes() == host.as_bytes(),
            header::USER_AGENT => value == UserAgent::default().header(),
            header::CONTENT_LENGTH => true,
            _ => false,
        };
        if said_anyway {
            return Ok(());
        }
        let secret = value.is_sensitive()
            || matches!(
                *name,
                header::AUTHORIZATION | header::PROXY_AUTHORIZATION | header::COOKIE
            );
        let hidden = secret && !self.secrets;
        if let Some(user) = user_of(name, value).filter(|_| hidden) {
            f.write_str(" -u ")?;
            return quote(f, user.as_bytes());
        }
        let value = if hidden { HIDDEN.as_bytes() } else { value.as_bytes() };
        // What curl takes for a header with nothing in it.
        let separator = if value.is_empty() { ";" } else { ": " };
        f.write_str(" -H ")?;
        quote(f, &[in_title_case(name).as_bytes(), separator.as_bytes(), value].concat())
    }

    fn data(&self, f: &mut fmt::Formatter<'_>, body: &[u8]) -> fmt::Result {
        let (headers, method) = (self.request.headers(), self.request.method());
        let typed = headers.contains_key(header::CONTENT_TYPE);
        let expected = matches!(*method, Method::PUT | Method::POST | Method::PATCH);
        let none = body.is_empty() && !typed && !expected;
        if none || *method == Method::HEAD {
            return Ok(());
        }
        if !typed {
            // Or else curl calls it a form.
            f.write_str(" -H Content-Type:")?;
        }
        if is_for_pipe(body) {
            return f.write_str(" --data-binary @-");
        }
        f.write_str(" --data-raw ")?;
        quote(f, body)
    }
}

impl fmt::Display for Curl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body();
        if is_for_pipe(&body) {
            f.write_str("printf '")?;
            print_format(f, &body)?;
            f.write_str("' | ")?;
        }
        f.write_str("curl")?;
        self.target(f)?;
        for (name, value) in self.request.headers() {
            self.header(f, name, value)?;
        }
        self.data(f, &body)
    }
}

/// The command: that of the request would show more.
impl fmt::Debug for Curl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Stands for what is not shown.
const HIDDEN: &str = "***";

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// The user that logs in with this header.
fn user_of(name: &HeaderName, value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok().filter(|_| *name == header::AUTHORIZATION)?;
    let clear = Zeroizing::new(STANDARD.decode(text.strip_prefix("Basic ")?).ok()?);
    let user = clear.split(|byte| *byte == b':').next().filter(|user| user.len() < clear.len())?;
    String::from_utf8(user.to_vec()).ok().filter(|user| !user.is_empty() && !user.contains('\0'))
}

fn in_title_case(name: &HeaderName) -> String {
    let mut begins = true;
    let letter = |letter: char| {
        let shown = if begins { letter.to_ascii_uppercase() } else { letter };
        begins = letter == '-';
        shown
    };
    name.as_str().chars().map(letter).collect()
}
