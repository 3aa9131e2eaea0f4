//! Media: agreed on, sent, received.

use std::net::IpAddr;

use super::{Key, Text};
use crate::time::{Span, Time};

/// Media that was agreed on (RTSP SETUP with its SDP).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAnnounced {
    /// How it travels.
    pub transport: StreamTransport,
    /// Where the media goes: the group, or the client where it was named.
    pub destination: Option<IpAddr>,
    /// The sender's RTP port; `None` where not said.
    pub source_port: Option<u16>,
    /// The receiver's RTP port, or the group's.
    pub destination_port: Option<u16>,
    /// The interleaved RTP channel.
    pub channel: Option<u8>,
    /// SSRC, where it was announced.
    pub ssrc: Option<u32>,
    /// RTP payload type, where the SDP was seen.
    pub payload_type: Option<u8>,
    /// Encoding name of the `rtpmap` or of the static table, as `H264`.
    pub codec: Option<Text>,
    /// RTP clock rate in Hz.
    pub clock_hz: Option<u32>,
    /// Whether the profile is SAVP or SAVPF.
    pub is_encrypted: bool,
}

/// Who a server says that media comes from which it passes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// His address.
    pub ip: IpAddr,
    /// What is said of him beside that.
    pub attributes: Vec<(Key, Text)>,
    /// Where it is said: `sdp.origin`, `isapi.channels`, `dahua.channels`.
    pub by: &'static str,
}

/// How media travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamTransport {
    /// RTP over UDP to one receiver.
    Udp,
    /// RTP inside the RTSP connection (RFC 2326, 10.12).
    Interleaved,
    /// RTP over UDP to a group.
    Multicast,
}

/// One report block (RFC 3550, 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverReport {
    /// The reported source.
    pub ssrc: u32,
    /// Loss since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Loss since the start; negative where duplicates outnumber losses.
    pub lost: i32,
    /// Highest sequence number received, with its cycles.
    pub highest_sequence: u32,
    /// Interarrival jitter in RTP ticks.
    pub jitter_ticks: u32,
}

/// A sender report's pair of clocks (RFC 3550, 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The source.
    pub ssrc: u32,
    /// NTP seconds (1900) in the upper, fraction in the lower 32 bits.
    pub ntp: u64,
    /// The same moment in RTP ticks.
    pub rtp_ticks: u32,
}

/// How a stream was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ended {
    /// RTCP BYE by the sender.
    Bye,
    /// The client asked for TEARDOWN.
    Teardown,
}

/// Media of one stream within one second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamActivity {
    /// The stream's number: its first frame's global number and its place among the streams of it.
    pub stream: (u64, u32),
    /// How it travels.
    pub transport: StreamTransport,
    /// Who receives it.
    pub destination: IpAddr,
    /// Sender's and receiver's port.
    pub ports: (u16, u16),
    /// Interleaved channel.
    pub channel: Option<u8>,
    /// Synchronization source.
    pub ssrc: u32,
    /// Payload type.
    pub payload_type: u8,
    /// First packet's time.
    pub first: Time,
    /// Where the first packet is: its input, and its number in it.
    pub first_frame: (u32, u64),
    /// Last packet's time.
    pub last: Time,
    /// Packets seen, copies of the mirror not counted.
    pub packets: u64,
    /// RTP bytes, header included.
    pub bytes: u64,
    /// The highest sequence number so far.
    pub sequence: u16,
    /// Packets that never came, since the stream began (RFC 3550, A.3), never negative.
    pub lost: u64,
    /// Packets that came late, since the stream began.
    pub out_of_order: u64,
    /// Packets that came twice, since the stream began.
    pub duplicates: u64,
    /// Frames, that is time stamps (RFC 3550, 5.1), since the stream began.
    pub frames: u32,
    /// Jitter in RTP ticks times 16 (RFC 3550, A.8), at the end of this second.
    pub jitter_16ticks: u64,
    /// Longest time between two packets, the one before the first included.
    pub longest_gap: Span,
}

/// One RTP packet, less its payload. It takes its own way through the engine
/// ([`Sink::media`]), for it is by far the most frequent thing there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media {
    /// Interleaved channel; `None` over UDP.
    pub channel: Option<u8>,
    /// Payload type.
    pub payload_type: u8,
    /// Marker bit: for video the last packet of a picture.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Time stamp in ticks.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
    /// RTP bytes, header included.
    pub bytes: u32,
}

/// One way in which a device is set to send pictures (ONVIF, GetProfiles). What is absent it did not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaProfile {
    /// What its device knows it by; empty where it tells none.
    pub token: Text,
    /// What people know it by.
    pub name: Option<Text>,
    /// As `H264`, in the device's own spelling.
    pub codec: Option<Text>,
    /// In pixels.
    pub width: Option<u32>,
    /// In pixels.
    pub height: Option<u32>,
    /// At most so many pictures a second.
    pub frame_rate: Option<u32>,
    /// At most so many kbit/s.
    pub bitrate_kbps: Option<u32>,
}
