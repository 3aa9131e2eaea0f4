//! SSDP in tshark's words.

use spanwatch_parsers::Malformed;
use spanwatch_parsers::protocols::ssdp::{Kind, Message};

use super::{As, Column, Said};

pub const COLUMNS: &[Column] = &[
    (&["http.request.method"], As::Shown),
    (&["http.response.code"], As::Shown),
    (&["http.host"], As::Shown),
    (&["http.cache_control"], As::Shown),
    (&["http.location"], As::Shown),
    (&["http.server"], As::Shown),
    (&["http.user_agent"], As::Shown),
];

pub fn said(bytes: &[u8]) -> Result<Said, Malformed> {
    let message = Message::parse(bytes)?;
    let mut said = vec![match message.kind {
        Kind::Notify => ("http.request.method", "NOTIFY".to_owned()),
        Kind::Search => ("http.request.method", "M-SEARCH".to_owned()),
        Kind::Answer => ("http.response.code", String::from_utf8_lossy(&bytes[9..12]).into_owned()),
    }];
    for (name, value) in &message.headers {
        let column = match &*name.to_ascii_lowercase() {
            b"host" => "http.host",
            b"cache-control" => "http.cache_control",
            b"location" => "http.location",
            b"server" => "http.server",
            b"user-agent" => "http.user_agent",
            _ => continue,
        };
        said.push((column, String::from_utf8_lossy(value).into_owned()));
    }
    Ok(said)
}
