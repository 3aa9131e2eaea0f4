//! The heads of lines that HTTP, RTSP, SIP and SSDP share, and the body behind (RFC 9112, 2.1).
//!
//! ```text
//! first line\r\n  name: value\r\n ...  \r\n  body
//! ```

/// A message; nothing is added to what is given.
pub(super) fn message(first: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{first}\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    let mut out = head.into_bytes();
    out.extend_from_slice(body);
    out
}
