//! What a session description offers, and which of it was set up.
//!
//! A SETUP names one media section of an SDP by its control URL: the section's
//! `a=control`, appended to `Content-Base`, `Content-Location` or the URL that was
//! described, whichever comes first. Hosts differ behind address translation and
//! clients differ in slashes, so paths are compared, then their ends.
//!
//! Source: RFC 2326, C.1; RFC 7826, D.1; ONVIF Streaming Specification, 5.3 (the
//! back channel, whose `a=sendonly` says that the *client* sends).

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::protocols::rtsp::transport::Transport;
use crate::protocols::rtsp::url;
use crate::protocols::sdp::{Description, Section};
use crate::vocabulary::{StreamAnnounced, StreamTransport, Text};

/// Media of one connection.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    /// Oldest first.
    described: VecDeque<Track>,
    /// Oldest first.
    set_up: VecDeque<SetUp>,
}

/// One media section.
#[derive(Debug)]
struct Track {
    base: Vec<u8>,
    control: Vec<u8>,
    payload_type: Option<u8>,
    codec: Option<Text>,
    clock_hz: Option<u32>,
    group: Option<IpAddr>,
    is_encrypted: bool,
    is_back_channel: bool,
}

/// One SETUP that succeeded.
#[derive(Debug)]
struct SetUp {
    path: Vec<u8>,
    channels: Option<(u8, Option<u8>)>,
    ssrc: Option<u32>,
    is_encrypted: bool,
    sent_by_client: bool,
}

/// What travels in an interleaved channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Media; encrypted or not, its header reads the same.
    Rtp,
    /// Reports in clear.
    Rtcp,
    /// Reports that do not read.
    EncryptedRtcp,
}

/// A stream that was ended, and who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TornDown {
    pub(super) ssrc: Option<u32>,
    pub(super) sent_by_client: bool,
}

impl Tracks {
    /// Takes a description of what is found below the URL `base`.
    pub(super) fn describe(&mut self, base: &[u8], description: &Description<'_>, has_back_channel: bool) {
        let base = trimmed(base).to_vec();
        self.described.retain(|track| track.base != base);
        for section in &description.sections {
            if self.described.len() >= TRACKS_MAX {
                self.described.pop_front();
            }
            self.described.reserve_exact(1);
            self.described.push_back(Track::new(&base, section, description, has_back_channel));
        }
    }

    /// Takes a SETUP of `url` that succeeded; the stream, and whether the client sends it.
    pub(super) fn set_up(&mut self, url: &[u8], transport: &Transport) -> (StreamAnnounced, bool) {
        let path = trimmed(url);
        let track = self.track(path);
        let sent_by_client = transport.is_record || track.is_some_and(|track| track.is_back_channel);
        let is_encrypted = transport.is_encrypted || track.is_some_and(|track| track.is_encrypted);
        let is_udp = transport.by == StreamTransport::Udp;
        let is_group = transport.by == StreamTransport::Multicast;
        let (mut source_port, mut destination_port) =
            (transport.server_port.filter(|_| is_udp), transport.client_port.filter(|_| is_udp));
        if sent_by_client {
            (source_port, destination_port) = (destination_port, source_port);
        }
        if is_group {
            destination_port = transport.port.or(transport.client_port);
        }
        let group = track.and_then(|track| track.group).filter(|_| is_group);
        let stream = StreamAnnounced {
            transport: transport.by,
            destination: transport.destination.or(group),
            source_port,
            destination_port,
            channel: transport.channels.map(|(rtp, _)| rtp),
            ssrc: transport.ssrc,
            payload_type: track.and_then(|track| track.payload_type),
            codec: track.and_then(|track| track.codec.clone()),
            clock_hz: track.and_then(|track| track.clock_hz),
            is_encrypted,
        };
        self.set_up.retain(|set_up| set_up.path != path);
        if self.set_up.len() >= SET_UP_MAX {
            self.set_up.pop_front();
        }
        let (channels, ssrc) = (transport.channels, transport.ssrc);
        self.set_up.reserve_exact(1);
        self.set_up.push_back(SetUp { path: path.to_vec(), channels, ssrc, is_encrypted, sent_by_client });
        (stream, sent_by_client)
    }

    /// Takes a TEARDOWN of `url` that succeeded: of one track, or of all below it.
    pub(super) fn tear_down(&mut self, url: &[u8]) -> Vec<TornDown> {
        let path = trimmed(url);
        let is_named = self.set_up.iter().any(|set_up| set_up.path.starts_with(path));
        let mut ended = Vec::new();
        self.set_up.retain(|set_up| {
            let ends = !is_named || set_up.path.starts_with(path);
            if ends {
                ended.push(TornDown { ssrc: set_up.ssrc, sent_by_client: set_up.sent_by_client });
            }
            !ends
        });
        ended
    }

    /// What travels in `channel`, where a SETUP said so.
    pub(super) fn role(&self, channel: u8) -> Option<Role> {
        self.set_up.iter().rev().find_map(|set_up| {
            let (rtp, rtcp) = set_up.channels?;
            match () {
                () if rtp == channel => Some(Role::Rtp),
                () if rtcp == Some(channel) && set_up.is_encrypted => Some(Role::EncryptedRtcp),
                () if rtcp == Some(channel) => Some(Role::Rtcp),
                () => None,
            }
        })
    }

    /// Whether any channel is known.
    pub(super) fn has_channels(&self) -> bool {
        self.set_up.iter().any(|set_up| set_up.channels.is_some())
    }

    fn track(&self, path: &[u8]) -> Option<&Track> {
        let newest_first = || self.described.iter().rev();
        let exact = newest_first().find(|track| track.is_at(path));
        let by_end = || newest_first().find(|track| track.ends(path));
        let only = || {
            let newest = self.described.back()?;
            let of_newest = newest_first().filter(|track| track.base == newest.base);
            (of_newest.count() == 1).then_some(newest)
        };
        exact.or_else(by_end).or_else(only)
    }
}

impl Track {
    fn new(
        base: &[u8],
        section: &Section<'_>,
        description: &Description<'_>,
        has_back_channel: bool,
    ) -> Self {
        let control = section.attribute(b"control").filter(|control| *control != b"*").unwrap_or_default();
        let payload_type = section.payload_type();
        let encoding = payload_type.and_then(|payload_type| section.encoding(payload_type));
        let group = section.connection.or(description.connection).filter(IpAddr::is_multicast);
        Self {
            base: base.to_vec(),
            control: trimmed(&url::without_secrets(control)).to_vec(),
            payload_type,
            codec: encoding.and_then(|(name, _)| Text::some(name)),
            clock_hz: encoding.map(|(_, clock)| clock),
            group,
            is_encrypted: section.is_encrypted(),
            is_back_channel: has_back_channel && section.has(b"sendonly"),
        }
    }

    fn is_at(&self, path: &[u8]) -> bool {
        let appended = || [&self.base[..], &self.control[..]].join(&b'/');
        path == self.control || (self.control.is_empty() && path == self.base) || path == trimmed(&appended())
    }

    fn ends(&self, path: &[u8]) -> bool {
        let before = path.strip_suffix(&self.control[..]);
        !self.control.is_empty()
            && before.is_some_and(|before| {
                before.is_empty() || before.ends_with(b"/") || self.control.starts_with(b"/")
            })
    }
}

/// The path of a URL without slashes at its end.
fn trimmed(url: &[u8]) -> &[u8] {
    let mut path = url::path(url);
    while let Some(shorter) = path.strip_suffix(b"/") {
        path = shorter;
    }
    path
}

/// Sections that are remembered; a recorder's connection describes one channel after another.
const TRACKS_MAX: usize = 64;

/// Streams of one connection that are followed; interleaved there can be 128 at most.
const SET_UP_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &[u8] = b"v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H265/90000\na=control:trackID=1\n\
        m=audio 0 RTP/AVP 8\na=control:rtsp://10.0.0.1/other/trackID=2\n\
        m=audio 0 RTP/AVP 0\na=control:trackID=3\na=sendonly\n";

    fn tracks() -> Tracks {
        let mut tracks = Tracks::default();
        tracks.describe(b"rtsp://192.0.2.7/cam?channel=1/", &Description::parse(SDP), true);
        tracks
    }

    fn set_up(tracks: &mut Tracks, url: &str, transport: &str) -> (StreamAnnounced, bool) {
        tracks.set_up(url.as_bytes(), &Transport::parse_all(transport.as_bytes())[0])
    }

    fn codec(url: &str) -> Option<String> {
        set_up(&mut tracks(), url, "RTP/AVP").0.codec.map(|codec| codec.to_string())
    }

    #[test]
    fn section_is_found_by_its_control_url() {
        assert_eq!(codec("rtsp://192.0.2.7/cam?channel=1/trackID=1"), Some("H265".into()));
        assert_eq!(codec("rtsp://198.51.100.1:8554/cam?channel=1/trackID=1/"), Some("H265".into()));
        assert_eq!(codec("rtsp://192.0.2.7/other/trackID=2"), Some("PCMA".into()));
        assert_eq!(codec("rtsp://192.0.2.7/elsewhere/trackID=1"), Some("H265".into()));
        assert_eq!(codec("rtsp://192.0.2.7/cam?channel=1/xtrackID=1"), None);
    }

    #[test]
    fn only_section_needs_no_name() {
        let mut tracks = Tracks::default();
        let sdp = Description::parse(b"v=0\nc=IN IP4 239.1.2.3/4\nm=video 0 RTP/SAVP 26\n");
        tracks.describe(b"rtsp://192.0.2.7/x", &sdp, false);
        let (stream, _) =
            set_up(&mut tracks, "rtsp://192.0.2.7/x/whatever", "RTP/AVP;multicast;port=5000-5001");
        assert_eq!(stream.codec, Some("JPEG".into()));
        assert_eq!(stream.destination, Some([239, 1, 2, 3].into()));
        assert_eq!((stream.source_port, stream.destination_port), (None, Some(5000)));
        assert!(stream.is_encrypted);
    }

    #[test]
    fn back_channel_is_sent_by_the_client() {
        let transport = "RTP/AVP;client_port=5000-5001;server_port=6000-6001";
        let (stream, by_client) =
            set_up(&mut tracks(), "rtsp://192.0.2.7/cam?channel=1/trackID=3", transport);
        assert!(by_client);
        assert_eq!((stream.source_port, stream.destination_port), (Some(5000), Some(6000)));
        let (stream, by_client) =
            set_up(&mut tracks(), "rtsp://192.0.2.7/cam?channel=1/trackID=1", transport);
        assert!(!by_client);
        assert_eq!((stream.source_port, stream.destination_port), (Some(6000), Some(5000)));
    }

    #[test]
    fn channels_have_roles_until_the_teardown() {
        let mut tracks = tracks();
        assert!(!tracks.has_channels());
        set_up(&mut tracks, "rtsp://192.0.2.7/cam/trackID=1", "RTP/AVP/TCP;interleaved=0-1;ssrc=00000007");
        set_up(&mut tracks, "rtsp://192.0.2.7/cam/trackID=2", "RTP/SAVP/TCP;interleaved=2-3");
        let roles = [0, 1, 2, 3, 4].map(|channel| tracks.role(channel));
        use Role::{EncryptedRtcp, Rtcp, Rtp};
        assert_eq!(roles, [Some(Rtp), Some(Rtcp), Some(Rtp), Some(EncryptedRtcp), None]);
        let ended = tracks.tear_down(b"rtsp://192.0.2.7/cam/trackID=1");
        assert_eq!(ended, [TornDown { ssrc: Some(7), sent_by_client: false }]);
        assert_eq!(tracks.tear_down(b"rtsp://192.0.2.7/cam").len(), 1);
        assert!(!tracks.has_channels());
    }

    #[test]
    fn memory_is_bounded() {
        let mut tracks = Tracks::default();
        for n in 0..500 {
            tracks.describe(format!("/{n}").as_bytes(), &Description::parse(SDP), false);
            set_up(&mut tracks, &format!("/{n}/trackID=1"), "RTP/AVP");
        }
        assert_eq!((tracks.described.len(), tracks.set_up.len()), (TRACKS_MAX, SET_UP_MAX));
    }
}
