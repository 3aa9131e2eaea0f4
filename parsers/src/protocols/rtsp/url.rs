//! RTSP URLs, as far as they may be shown: `rtsp://user:password@host:554/path?query`.
//!
//! Cut out, each in the forms that cameras and their clients really use:
//!
//! - everything before the `@` of the authority, also where the password holds an
//!   unescaped `/`, `?`, `#` or `@`;
//! - what may be secret in path and query, see `parameters`.
//!
//! Where it is unclear how far a secret goes, more is cut rather than less.
//!
//! Source: RFC 2326, 3.2; RFC 3986, 3.2.1.

use super::parameters;
pub use super::parameters::is_secret_name;

/// The URL with secrets cut out; any bytes will do.
#[must_use]
pub fn without_secrets(url: &[u8]) -> Vec<u8> {
    let (scheme, rest) = split_scheme(url);
    let (userless, has_authority) = match scheme {
        b"" => (rest, false),
        _ => (without_user(rest), true),
    };
    let mut out = scheme.to_vec();
    let (authority, path) =
        if has_authority { userless.split_at(authority_length(userless)) } else { (&[][..], userless) };
    out.extend_from_slice(authority);
    parameters::copy_harmless(path.get(..URL_MAX).unwrap_or(path), &mut out);
    out.truncate(URL_MAX);
    out
}

/// The URL with stars over its secrets, as many as they are long; any bytes will do.
#[must_use]
pub fn starred(url: &[u8]) -> Vec<u8> {
    let (scheme, rest) = split_scheme(url);
    let userless = if scheme.is_empty() { rest } else { without_user(rest) };
    let mut out = scheme.to_vec();
    let user = rest.len().saturating_sub(userless.len());
    if let Some(stars) = user.checked_sub(1) {
        out.resize(out.len().saturating_add(stars), b'*');
        out.push(b'@');
    }
    let length = if scheme.is_empty() { 0 } else { authority_length(userless) };
    let (authority, path) = userless.split_at(length);
    out.extend_from_slice(authority);
    parameters::copy_starred(path, &mut out);
    out
}

/// A word of a session description with secrets cut out: parameters of codecs stay.
#[must_use]
pub fn word_without_secrets(word: &[u8]) -> Vec<u8> {
    if !split_scheme(word).0.is_empty() {
        return without_secrets(word);
    }
    let mut out = Vec::with_capacity(word.len());
    parameters::copy_without_secrets(word.get(..URL_MAX).unwrap_or(word), &mut out);
    out.truncate(URL_MAX);
    out
}

/// Path and query of a URL; the URL itself where it has no scheme.
#[must_use]
pub fn path(url: &[u8]) -> &[u8] {
    let (scheme, rest) = split_scheme(url);
    if scheme.is_empty() { url } else { rest.get(authority_length(rest)..).unwrap_or_default() }
}

/// The scheme with its `://`, empty where there is none, and what follows.
fn split_scheme(url: &[u8]) -> (&[u8], &[u8]) {
    let end = url.windows(3).take(SCHEME_MAX).position(|window| window == b"://");
    match end {
        Some(end) if end > 0 && url.iter().take(end).all(u8::is_ascii_alphanumeric) => {
            url.split_at(end.saturating_add(3))
        }
        _ => (&[], url),
    }
}

fn authority_length(rest: &[u8]) -> usize {
    rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len())
}

/// `rest` is what follows the scheme.
fn without_user(mut rest: &[u8]) -> &[u8] {
    while let Some(behind) = behind_user(rest) {
        rest = behind;
    }
    rest
}

fn behind_user(rest: &[u8]) -> Option<&[u8]> {
    let authority = rest.get(..authority_length(rest)).unwrap_or_default();
    let last_at = |bytes: &[u8]| bytes.iter().rposition(|&byte| byte == b'@');
    let is_host = is_host_and_port(authority);
    let at = match last_at(rest) {
        // user:pass/word@host
        Some(at) if !is_host && !authority.contains(&b'@') => Some(at),
        // user:12/34@192.0.2.1, which reads like a host and a port
        Some(at) if is_address(rest.get(at.saturating_add(1)..).unwrap_or_default()) => Some(at),
        _ => last_at(authority),
    };
    rest.get(at?.saturating_add(1)..)
}

fn is_host_and_port(authority: &[u8]) -> bool {
    if authority.first() == Some(&b'[') {
        return true;
    }
    let mut parts = authority.splitn(2, |&byte| byte == b':');
    let _host = parts.next();
    parts.next().is_none_or(|port| port.iter().all(u8::is_ascii_digit))
}

/// Whether an IP address with or without a port comes first.
fn is_address(rest: &[u8]) -> bool {
    let authority = rest.get(..authority_length(rest)).unwrap_or_default();
    let host = authority.split(|&byte| byte == b':').next().unwrap_or_default();
    authority.first() == Some(&b'[')
        || std::str::from_utf8(host).is_ok_and(|host| host.parse::<std::net::Ipv4Addr>().is_ok())
}

/// What is left of a longer URL is cut: no camera needs more.
const URL_MAX: usize = 2048;

/// `rtspu` and the like.
const SCHEME_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(url: &str) -> String {
        String::from_utf8(without_secrets(url.as_bytes())).unwrap()
    }

    #[test]
    fn stars_are_as_many_as_the_secret_is_long() {
        for (url, with_stars) in [
            ("rtsp://u:p/w@192.0.2.1/live?channel=1&pwd=x1", "rtsp://*****@192.0.2.1/live?channel=1&pwd=**"),
            ("/admin/x1/ch0", "/admin/**/ch0"),
            ("rtsp://192.0.2.1:554/live", "rtsp://192.0.2.1:554/live"),
            ("/l?pwd=", "/l?pwd="),
        ] {
            assert_eq!(String::from_utf8(starred(url.as_bytes())).unwrap(), with_stars);
        }
    }

    #[test]
    fn url_without_secrets_stays_as_it_is() {
        for url in [
            "rtsp://192.0.2.1:554/cam/realmonitor?channel=1&subtype=0",
            "rtsp://[2001:db8::1]:554/live",
            "rtsp://camera.example",
            "rtsp://192.0.2.1/stream@main",
            "/live/ch0",
            "*",
            "",
        ] {
            assert_eq!(shown(url), url);
        }
    }

    #[test]
    fn user_and_password_before_the_host_go() {
        for user in
            ["admin:secret@", "admin@", "admin:a@b@", "admin:a/b@", "admin:a?b#c@", "admin:12/34@", ":@"]
        {
            assert_eq!(shown(&format!("rtsp://{user}192.0.2.1:554/x")), "rtsp://192.0.2.1:554/x", "{user}");
        }
        assert_eq!(shown("rtsp://u:p@[2001:db8::1]/x"), "rtsp://[2001:db8::1]/x");
        assert_eq!(shown("rtsp://u:p/q@camera.example/x"), "rtsp://camera.example/x");
    }

    #[test]
    fn password_parameters_go_wherever_they_stand() {
        assert_eq!(
            shown("rtsp://h/l?user=admin&PassWord=a/b?c&ch=1"),
            "rtsp://h/l?user=admin&PassWord=***&ch=1"
        );
        assert_eq!(
            shown("/user=admin_password=t_Jw_channel=1_stream=0.sdp?real_stream"),
            "/user=admin_password=***_channel=1_stream=0.sdp?real_stream"
        );
        assert_eq!(shown("/user=admin&password=&channel=1"), "/user=admin&password=***&channel=1");
        assert_eq!(shown("/l?pwd=x"), "/l?pwd=***");
        assert_eq!(shown("/l?access_token=x;apikey=y"), "/l?access_token=***;apikey=***");
    }

    #[test]
    fn path_is_what_follows_the_host() {
        assert_eq!(path(b"rtsp://192.0.2.1:554/a/b?c=d"), b"/a/b?c=d");
        assert_eq!(path(b"rtsp://192.0.2.1"), b"");
        assert_eq!(path(b"/a"), b"/a");
        assert_eq!(path(b"*"), b"*");
    }

    proptest! {
        #[test]
        fn cutting_twice_is_cutting_once(url in "rtsp://[a-z:@/?&=_.0-9]{0,60}") {
            let once = without_secrets(url.as_bytes());
            prop_assert_eq!(without_secrets(&once), once.clone());
        }

        #[test]
        fn a_password_never_shows(password in "[!-~]{0,12}Zq7[!-~]{0,12}", host in "192\\.0\\.2\\.[0-9]") {
            prop_assume!(!password.contains('@'));
            let url = format!("rtsp://admin:{password}@{host}:554/live");
            prop_assert!(!shown(&url).contains("Zq7"), "{} {}", url, shown(&url));
        }
    }
}
