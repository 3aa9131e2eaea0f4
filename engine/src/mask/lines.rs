//! What of a line may be seen: header values, logins, URLs, lines of session descriptions.
//!
//! What is named here is seen; all else is overwritten.
//!
//! Source: RFC 7616 (Digest), RFC 3261, 19.1.1 (SIP URIs), RFC 8866 (SDP).

use spanwatch_parsers::protocols::rtsp::url;

use super::cover;

/// What is done with a header's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    Seen,
    /// Words that may be URLs.
    Urls,
    /// A scheme, and parameters.
    Login,
    Covered,
}

/// What of a header's value is seen; `name` in lower case.
pub(super) fn treatment(name: &[u8]) -> Value {
    let is_in = |names: &str| names.split(' ').any(|it| it.as_bytes() == name);
    match () {
        () if is_in(LOGINS) => Value::Login,
        () if is_in(WITH_URLS) => Value::Urls,
        () if is_in(SEEN) => Value::Seen,
        () => Value::Covered,
    }
}

/// Overwrites the parameters of a login but for those that are no secret.
pub(super) fn cover_login(value: &mut [u8]) {
    let start = value.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let (_, value) = value.split_at_mut(start);
    let scheme = value.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let (scheme, parameters) = value.split_at_mut(scheme);
    let is_scheme = SCHEMES.split(' ').any(|it| it.as_bytes().eq_ignore_ascii_case(scheme));
    if !is_scheme || !parameters.starts_with(b" ") {
        cover_text(scheme);
        cover_text(parameters);
        return;
    }
    if !scheme.eq_ignore_ascii_case(b"Digest") && !parameters.trim_ascii_start().starts_with(b"realm=") {
        cover_text(parameters.get_mut(1..).unwrap_or_default());
        return;
    }
    let mut is_quoted = false;
    let is_end = |byte: &u8| {
        is_quoted ^= *byte == b'"';
        *byte == b',' && !is_quoted
    };
    for parameter in parameters.split_inclusive_mut(is_end) {
        let equals = parameter.iter().position(|byte| *byte == b'=');
        let Some(equals) = equals else {
            cover_text(parameter);
            continue;
        };
        let (name, value) = parameter.split_at_mut(equals);
        let name = name.trim_ascii().to_ascii_lowercase();
        let value = value.get_mut(1..).unwrap_or_default();
        if name == b"uri" {
            cover_urls(value);
        } else if !LOGIN_SEEN.split(' ').any(|it| it.as_bytes() == name) {
            value.iter_mut().filter(|byte| !b"\",\r\n".contains(byte)).for_each(|byte| *byte = b'*');
        }
    }
}

/// Overwrites secrets in words that may be URLs.
pub(super) fn cover_urls(value: &mut [u8]) {
    for word in value.split_mut(|byte| byte.is_ascii_whitespace() || b"<>\"".contains(byte)) {
        cover_url(word);
    }
}

/// Overwrites secrets in a URL, of HTTP, RTSP or SIP.
pub(super) fn cover_url(word: &mut [u8]) {
    let is_sip = ["sip:", "sips:"]
        .iter()
        .any(|scheme| word.get(..scheme.len()).is_some_and(|it| it.eq_ignore_ascii_case(scheme.as_bytes())));
    if !is_sip {
        let starred = url::starred(word);
        return show(&starred, word);
    }
    // RFC 3261, 19.1.1: sip:user:password@host;parameters?headers
    let host = word.iter().rposition(|byte| *byte == b'@').unwrap_or_default();
    let (user, host) = word.split_at_mut(host);
    if let Some(secret) = user.splitn_mut(3, |byte| *byte == b':').nth(2) {
        cover(secret);
    }
    if let Some(headers) = host.splitn_mut(2, |byte| *byte == b'?').nth(1) {
        cover(headers);
    }
}

/// Overwrites what may be secret in a line of a session description (RFC 8866, 5).
pub(super) fn of_description(line: &mut [u8]) {
    match *line {
        [b'v' | b'o' | b's' | b't' | b'c' | b'b' | b'm', b'=', ..] => {}
        [b'a', b'=', ..] => {
            let name = line.get(2..).unwrap_or_default();
            let name = name.split(|byte| b":\r\n".contains(byte)).next().unwrap_or_default();
            let is_seen = ATTRIBUTES.split(' ').any(|it| it.as_bytes() == name);
            let behind = name.len().saturating_add(3).min(line.len());
            let is_url = name == b"control";
            let (_, value) = line.split_at_mut(behind);
            if is_url {
                cover_urls(value);
            } else if !is_seen {
                cover_text(value);
            }
        }
        _ => cover_text(line),
    }
}

/// Overwrites all but the end of a line.
pub(super) fn cover_text(line: &mut [u8]) {
    line.iter_mut().filter(|byte| !b"\r\n".contains(byte)).for_each(|byte| *byte = b'*');
}

/// Copies the end of `judged` to where it came from.
pub(super) fn show(judged: &[u8], here: &mut [u8]) {
    match judged.len().checked_sub(here.len()).and_then(|from| judged.get(from..)) {
        Some(tail) => here.copy_from_slice(tail),
        None => cover(here),
    }
}

/// Headers of logins and of what asks for them.
const LOGINS: &str = "authorization proxy-authenticate proxy-authorization www-authenticate";

/// Headers of URLs.
const WITH_URLS: &str =
    "contact content-base content-location from location record-route route rtp-info soapaction to";

/// Headers whose values nobody logs in with.
const SEEN: &str = "\
    01-nls accept accept-charset accept-encoding accept-language accept-ranges age allow bandwidth blocksize \
    cache-control call-id connection content-encoding content-language content-length content-range content-type cseq \
    date etag expires ext host if-modified-since keep-alive last-modified man max-forwards mime-version min-se mx nt \
    nts opt pragma public range require retry-after scale server session-expires speed st supported timestamp \
    transfer-encoding transport unsupported upgrade user-agent usn vary via";

/// Ways to log in, and the parameters of Digest that an eavesdropper has no use for.
const SCHEMES: &str = "Basic Bearer Digest Negotiate NTLM";
const LOGIN_SEEN: &str = "algorithm charset nc nonce opaque qop realm stale userhash username";

/// Attributes of session descriptions without keys.
const ATTRIBUTES: &str = "\
    charset framerate framesize fmtp inactive maxptime mediaclk ptime range recvonly rtcp rtcp-mux rtpmap sendonly sendrecv ssrc \
    tool ts-refclk type x-dimensions";
