//! What servers answer.

use super::Seen;

/// A whole response with these lines between the first and the body.
pub(crate) fn response(status: u16, headers: &[&str], body: &str) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    format!("HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
}

/// A success of the keys API.
pub(crate) fn etcd(body: &str) -> String {
    let headers = [
        "Content-Type: application/json",
        "X-Etcd-Cluster-Id: cdf818194e3a8c32",
        "X-Etcd-Index: 7",
        "X-Raft-Index: 21",
        "X-Raft-Term: 2",
    ];
    response(200, &headers, body)
}

/// A refusal of the keys API.
pub(crate) fn refusal(status: u16, code: u16, message: &str) -> String {
    let body = format!(
        "{{\"errorCode\":{code},\"message\":\"{message}\",\"cause\":\"/why\",\"index\":7}}\n"
    );
    response(status, &["Content-Type: application/json", "X-Etcd-Index: 7"], &body)
}

/// What something answers that is not an etcd.
pub(crate) fn html(status: u16) -> String {
    let body = "<html><body><h1>It works!</h1></body></html>";
    response(status, &["Content-Type: text/html"], body)
}

/// The document of a change.
pub(crate) fn change(action: &str, key: &str, value: &str, index: u64) -> String {
    format!(
        "{{\"action\":\"{action}\",\"node\":{{\"key\":\"{key}\",\"value\":\"{value}\",\
         \"modifiedIndex\":{index},\"createdIndex\":{index}}}}}\n"
    )
}

/// A success that suits the request.
pub(crate) fn plausible(seen: &Seen) -> String {
    let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
    let key = path.split_once("/v2/keys").map_or(path, |(_, key)| key);
    // Keys in responses have no final slash.
    let key = if key == "/" { key } else { key.trim_end_matches('/') };
    if query.contains("wait=true") {
        let index = query.split_once("waitIndex=").map_or("8", |(_, index)| index);
        return etcd(&change("set", key, "changed", index.parse().unwrap()));
    }
    let key = &decoded(key);
    let given = format!("{query}&{}", seen.body);
    let gives = |name: &str| given.split('&').any(|pair| pair.starts_with(name));
    let conditional = gives("prevValue=") || gives("prevIndex=");
    let (action, key, value) = match seen.method.as_str() {
        "PUT" if gives("prevExist=false") => ("create", key.clone(), "written"),
        "PUT" if conditional => ("compareAndSwap", key.clone(), "written"),
        "PUT" if gives("prevExist=true") => ("update", key.clone(), "written"),
        "PUT" => ("set", key.clone(), "written"),
        "POST" => ("create", format!("{key}/00000000000000000007"), "pushed"),
        "DELETE" if conditional => ("compareAndDelete", key.clone(), ""),
        "DELETE" => ("delete", key.clone(), ""),
        _ => ("get", key.clone(), "read"),
    };
    etcd(&change(action, &key, value, 7))
}

/// The key that a path is for, as JSON has it.
fn decoded(path: &str) -> String {
    let mut pieces = path.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    let escaped = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_ascii_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    String::from_utf8_lossy(&bytes).chars().map(escaped).collect()
}
