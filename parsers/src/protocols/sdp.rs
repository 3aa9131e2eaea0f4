//! Session Description Protocol (SDP), the body of RTSP's DESCRIBE answers and ANNOUNCE requests.
//!
//! ```text
//! v=0                                        lines `x=value`, CR LF or LF at their end
//! o=- 1 1 IN IP4 192.0.2.7                   whose it is: a name, two numbers, an address or a host name
//! s=name
//! c=IN IP4 239.0.0.1/16
//! a=name or a=name:value
//! m=video 0 RTP/AVP 96                       begins a section; c= and a= after it are its own
//! a=rtpmap:96 H264/90000
//! a=control:trackID=1
//! ```
//!
//! Reading is lenient, for cameras are: a line that breaks the grammar is stepped
//! over and the first one remembered in [`Description::fault`].
//!
//! Source: RFC 8866 and RFC 4566; `control` from RFC 2326, C.1.1; keys, which are
//! cut out, from RFC 4567, RFC 4568 and RFC 8839.
//! Left out: times, bandwidths, e-mail and phone.

use std::net::IpAddr;

use crate::protocols::rtp;
use crate::protocols::rtsp::url;
use crate::vocabulary::{Key, Malformed};

/// A description, borrowed from the body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description<'a> {
    /// The address in `o=`, where there is one: many write 0.0.0.0, a host name or nonsense there.
    pub origin: Option<IpAddr>,
    /// `s=`.
    pub name: Option<&'a [u8]>,
    /// The address of the session's `c=`.
    pub connection: Option<IpAddr>,
    /// The session's attributes.
    pub attributes: Vec<Attribute<'a>>,
    /// The media, in order.
    pub sections: Vec<Section<'a>>,
    /// The first break of the grammar.
    pub fault: Option<Malformed>,
}

/// One `m=` and what belongs to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section<'a> {
    /// The value of the `m=` line.
    pub line: &'a [u8],
    /// `video`, `audio`, `application`, …
    pub media: &'a [u8],
    /// The port; mostly 0 in RTSP.
    pub port: u16,
    /// `RTP/AVP` or another.
    pub profile: &'a [u8],
    /// The formats; of an RTP profile payload types.
    pub formats: Vec<&'a [u8]>,
    /// The address of its own `c=`.
    pub connection: Option<IpAddr>,
    /// Its attributes.
    pub attributes: Vec<Attribute<'a>>,
}

/// One `a=` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// What stands before the colon.
    pub name: &'a [u8],
    /// What stands after it.
    pub value: Option<&'a [u8]>,
}

impl<'a> Description<'a> {
    /// Reads a body; never fails, see [`Description::fault`].
    #[must_use]
    pub fn parse(body: &'a [u8]) -> Self {
        let mut description = Self::default();
        let mut is_first = true;
        // Some cameras count a terminating zero into the body.
        let body = body.split(|&byte| byte == 0).next().unwrap_or_default();
        for line in body.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)) {
            if line.is_empty() {
                continue;
            }
            if let Err(fault) = description.add(line, is_first) {
                description.fault = description.fault.or(Some(fault));
            }
            is_first = false;
        }
        if is_first {
            description.fault = Some(Malformed::Truncated { field: "v=" });
        }
        description
    }

    fn add(&mut self, line: &'a [u8], is_first: bool) -> Result<(), Malformed> {
        let [kind, b'=', value @ ..] = line else { return Err(Malformed::Invalid { field: "line" }) };
        if is_first && (*kind, value) != (b'v', b"0") {
            return Err(Malformed::Invalid { field: "v=" });
        }
        match kind {
            b'o' => self.origin = self.origin.or_else(|| address_after(value, ORIGIN_FIELDS)),
            b's' if self.name.is_none() => self.name = Some(value),
            b'c' => {
                let address = address(value).ok_or(Malformed::Invalid { field: "c=" })?;
                match self.sections.last_mut() {
                    Some(section) => section.connection = section.connection.or(Some(address)),
                    None => self.connection = self.connection.or(Some(address)),
                }
            }
            b'm' if self.sections.len() < SECTIONS_MAX => self.sections.push(Section::parse(value)?),
            b'a' => {
                let attribute = Attribute::parse(value);
                let attributes = match self.sections.last_mut() {
                    Some(section) => &mut section.attributes,
                    None => &mut self.attributes,
                };
                if attributes.len() < ATTRIBUTES_MAX {
                    attributes.push(attribute);
                }
                attribute.check()?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Gives every property worth keeping to `out`, keys and passwords cut out.
    pub fn properties(&self, mut out: impl FnMut(Key, &[u8])) {
        if let Some(name) = self.name {
            out(Key::SdpSession, &[b"s=", name].concat());
        }
        for section in &self.sections {
            let mut text = [b"m=", section.line].concat();
            for map in section.attributes.iter().filter(|attribute| attribute.name == b"rtpmap") {
                text.extend_from_slice(b" + a=rtpmap:");
                text.extend_from_slice(map.value.unwrap_or_default());
            }
            out(Key::SdpMedia, &text);
        }
        let of_sections = self.sections.iter().flat_map(|section| &section.attributes);
        let all = self.attributes.iter().chain(of_sections);
        for attribute in all.filter(|attribute| attribute.name != b"rtpmap").take(PROPERTIES_MAX) {
            out(Key::SdpAttribute, &attribute.shown());
        }
    }
}

impl<'a> Section<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = line.split(|&byte| byte == b' ').filter(|field| !field.is_empty());
        let mut next = || fields.next().ok_or(Malformed::Truncated { field: "m=" });
        let (media, port, profile) = (next()?, next()?, next()?);
        let port = port.split(|&byte| byte == b'/').next().unwrap_or_default();
        let port = number(port)
            .and_then(|port| u16::try_from(port).ok())
            .ok_or(Malformed::Invalid { field: "port" })?;
        let formats = fields.take(FORMATS_MAX).collect();
        Ok(Self { line, media, port, profile, formats, ..Self::default() })
    }

    /// The value of the first attribute of this name.
    #[must_use]
    pub fn attribute(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.attributes.iter().find(|attribute| attribute.name == name)?.value
    }

    /// Whether an attribute of this name is there.
    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        self.attributes.iter().any(|attribute| attribute.name == name)
    }

    /// The first payload type.
    #[must_use]
    pub fn payload_type(&self) -> Option<u8> {
        let number = number(self.formats.first()?)?;
        u8::try_from(number).ok().filter(|&number| number < 128)
    }

    /// Encoding name and clock rate of a payload type, of its `rtpmap` or of the static table.
    #[must_use]
    pub fn encoding(&self, payload_type: u8) -> Option<(&'a [u8], u32)> {
        let maps = self.attributes.iter().filter(|attribute| attribute.name == b"rtpmap");
        let map = maps.filter_map(|attribute| rtpmap(attribute.value?));
        let mut own = map.filter(|&(number, _, _)| number == u32::from(payload_type));
        match own.next() {
            Some((_, name, clock)) => Some((name, clock)),
            None => rtp::static_type(payload_type).map(|(name, clock)| (name.as_bytes(), clock)),
        }
    }

    /// Whether the profile is encrypted (RFC 3711, 12; RFC 5124).
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.profile.windows(4).any(|window| window == b"SAVP")
    }
}

impl<'a> Attribute<'a> {
    fn parse(value: &'a [u8]) -> Self {
        let mut parts = value.splitn(2, |&byte| byte == b':');
        let name = parts.next().unwrap_or_default();
        Self { name, value: parts.next() }
    }

    fn check(&self) -> Result<(), Malformed> {
        if self.name == b"rtpmap" && self.value.and_then(rtpmap).is_none() {
            return Err(Malformed::Invalid { field: "rtpmap" });
        }
        Ok(())
    }

    /// The whole line, keys and passwords cut out.
    fn shown(&self) -> Vec<u8> {
        let mut text = [b"a=", self.name].concat();
        let Some(value) = self.value else { return text };
        text.push(b':');
        if self.name == b"crypto" {
            // crypto:tag suite key-params
            let public: Vec<_> = value.split(|&byte| byte == b' ').take(2).collect();
            text.extend_from_slice(&public.join(&b' '));
        } else if self.name == b"key-mgmt" || url::is_secret_name(self.name) {
            text.extend_from_slice(b"***");
        } else if self.name == b"control" {
            text.extend_from_slice(&url::without_secrets(value));
        } else {
            let words: Vec<_> = value.split(|&byte| byte == b' ').map(url::word_without_secrets).collect();
            text.extend_from_slice(&words.join(&b' '));
        }
        text
    }
}

/// Payload type, encoding name and clock rate.
fn rtpmap(value: &[u8]) -> Option<(u32, &[u8], u32)> {
    let mut fields = value.split(|&byte| byte == b' ').filter(|field| !field.is_empty());
    let number_of_type = number(fields.next()?)?;
    let mut encoding = fields.next()?.split(|&byte| byte == b'/');
    let name = encoding.next()?;
    let clock = number(encoding.next()?)?;
    Some((number_of_type, name, clock))
}

/// The address of `IN IP4 address/ttl/count`.
fn address(value: &[u8]) -> Option<IpAddr> {
    address_after(value, CONNECTION_FIELDS)
}

/// The address behind so many fields.
fn address_after(value: &[u8], fields: usize) -> Option<IpAddr> {
    let field = value.split(|&byte| byte == b' ').filter(|field| !field.is_empty()).nth(fields)?;
    let address = field.split(|&byte| byte == b'/').next()?;
    std::str::from_utf8(address).ok()?.trim().parse().ok()
}

/// Decimal digits alone.
pub(crate) fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Before the address stand network and address type; in an origin name, id and version before those.
const CONNECTION_FIELDS: usize = 2;
const ORIGIN_FIELDS: usize = 5;

/// Media sections of one description that are kept; a recorder's largest have about ten.
pub const SECTIONS_MAX: usize = 32;

/// Attributes of one section that are kept.
pub const ATTRIBUTES_MAX: usize = 64;

/// Formats of one section that are kept; there are only 128 payload types.
pub const FORMATS_MAX: usize = 128;

/// Attributes of one description that are given on; the largest camera's has about fifty.
pub const PROPERTIES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAMERA: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=Media Presentation\r\n\
        c=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\na=range:npt=now-\r\n\
        m=video 0 RTP/AVP 96\r\nc=IN IP4 239.1.2.3/16\r\na=rtpmap:96 H264/90000\r\n\
        a=control:rtsp://admin:pw@192.0.2.7/trackID=1\r\na=recvonly\r\n\
        m=audio 0 RTP/SAVP 0 98\na=rtpmap:98 mpeg4-generic/16000/1\na=control:trackID=2\n";

    fn properties(body: &[u8]) -> Vec<(Key, String)> {
        let mut out = Vec::new();
        Description::parse(body)
            .properties(|key, value| out.push((key, String::from_utf8_lossy(value).into())));
        out
    }

    #[test]
    fn sections_have_their_own_attributes() {
        let description = Description::parse(CAMERA);
        assert_eq!(description.fault, None);
        assert_eq!(description.name, Some(&b"Media Presentation"[..]));
        let [video, audio] = &description.sections[..] else { panic!("two sections") };
        assert_eq!((video.payload_type(), video.encoding(96)), (Some(96), Some((&b"H264"[..], 90_000))));
        assert_eq!(video.connection, Some(IpAddr::from([239, 1, 2, 3])));
        assert!(video.has(b"recvonly") && !video.is_encrypted());
        assert_eq!((audio.payload_type(), audio.encoding(0)), (Some(0), Some((&b"PCMU"[..], 8_000))));
        assert_eq!(audio.encoding(98), Some((&b"mpeg4-generic"[..], 16_000)));
        assert_eq!(audio.attribute(b"control"), Some(&b"trackID=2"[..]));
        assert!(audio.is_encrypted());
    }

    #[test]
    fn properties_hold_no_secret() {
        let shown = properties(CAMERA);
        assert_eq!(
            shown[..3],
            [
                (Key::SdpSession, "s=Media Presentation".into()),
                (Key::SdpMedia, "m=video 0 RTP/AVP 96 + a=rtpmap:96 H264/90000".into()),
                (Key::SdpMedia, "m=audio 0 RTP/SAVP 0 98 + a=rtpmap:98 mpeg4-generic/16000/1".into()),
            ]
        );
        assert!(shown.contains(&(Key::SdpAttribute, "a=control:rtsp://192.0.2.7/trackID=1".into())));
        let keys = b"v=0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0\na=key-mgmt:mikey c2VjcmV0\na=ice-pwd:c2VjcmV0";
        let shown = properties(keys);
        assert_eq!(shown[0].1, "a=crypto:1 AES_CM_128_HMAC_SHA1_80");
        assert!(shown.iter().all(|(_, text)| !text.contains("c2Vj")));
    }

    #[test]
    fn empty_body_is_truncated() {
        for body in [&b""[..], b"\r\n\n", b"\0"] {
            assert_eq!(Description::parse(body).fault, Some(Malformed::Truncated { field: "v=" }));
        }
    }

    #[test]
    fn broken_line_is_stepped_over_and_told() {
        let cases: [(&[u8], Malformed); 6] = [
            (b"s=x\nm=video 0 RTP/AVP 96", Malformed::Invalid { field: "v=" }),
            (b"v=0\nnonsense\nm=video 0 RTP/AVP 96", Malformed::Invalid { field: "line" }),
            (b"v=0\nm=video 0\nm=video 0 RTP/AVP 96", Malformed::Truncated { field: "m=" }),
            (b"v=0\nm=video x RTP/AVP\nm=video 0 RTP/AVP 96", Malformed::Invalid { field: "port" }),
            (b"v=0\nc=IN IP4 here\nm=video 0 RTP/AVP 96", Malformed::Invalid { field: "c=" }),
            (b"v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96", Malformed::Invalid { field: "rtpmap" }),
        ];
        for (body, fault) in cases {
            let description = Description::parse(body);
            assert_eq!(description.fault, Some(fault));
            assert_eq!(description.sections.last().and_then(Section::payload_type), Some(96));
        }
    }

    #[test]
    fn sections_and_attributes_are_bounded() {
        let mut body = b"v=0\n".to_vec();
        for _ in 0..1000 {
            body.extend(b"a=x\n");
        }
        for _ in 0..1000 {
            body.extend(b"m=video 0 RTP/AVP 96\n");
        }
        let description = Description::parse(&body);
        assert_eq!(description.attributes.len(), ATTRIBUTES_MAX);
        assert_eq!(description.sections.len(), SECTIONS_MAX);
    }

    #[test]
    fn every_prefix_is_answered_without_panic() {
        for end in 0..CAMERA.len() {
            let _ = properties(&CAMERA[..end]);
        }
    }

    proptest! {
        #[test]
        fn any_lines_are_answered_without_panic(lines in "([vcsma]=[ -~]{0,20}\n|[ -~\n]{0,9}){0,20}") {
            let _ = properties(lines.as_bytes());
        }
    }
}
