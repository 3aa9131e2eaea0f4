//! HTTP/1.1 messages (RFC 9112, 2).
//!
//! ```text
//! POST /onvif/device_service HTTP/1.1\r\n         HTTP/1.1 200 OK\r\n
//! Host: 192.0.2.7\r\n                             name: value\r\n ...
//! name: value\r\n ...  \r\n  body                 Content-Length: 9\r\n\r\n and the body
//! ```

use super::head;

/// A request; a body brings its length along.
#[must_use]
pub fn request(method: &str, path: &str, host: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let mut all = vec![("Host", host)];
    all.extend_from_slice(headers);
    if !body.is_empty() {
        all.push(("Content-Length", &length));
    }
    head::message(&format!("{method} {path} HTTP/1.1"), &all, body)
}

/// A response with its length, even where that is 0 (RFC 9110, 8.6 names the codes that have none).
#[must_use]
pub fn response(code: u16, reason: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let mut all = headers.to_vec();
    if !matches!(code, 100..=199 | 204 | 304) {
        all.push(("Content-Length", &length));
    }
    head::message(&format!("HTTP/1.1 {code} {reason}"), &all, body)
}
