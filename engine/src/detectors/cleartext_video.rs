//! `cleartext-video`: pictures cross the network without encryption.
//!
//! ## What it says
//! A camera, recorder or another device of physical security agreed over RTSP in clear to send media as plain RTP, and not as SRTP. From three devices on it is the rule of
//! the site and told once.
//!
//! ## Why it matters
//! Whoever can listen on the way sees what the cameras see, and hears what they hear.
//!
//! ## Where it is wrong
//! It is how nearly all cameras are used; in a network of their own that nobody else gets into it may be accepted. Makers' own protocols are not read.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::{Fact, StreamTransport};

use super::weakness::{Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::ledger::device::Device;
use crate::observation::Observation;

/// The kind.
pub const KIND: Kind = Kind {
    id: "cleartext-video",
    category: "weakness",
    severity: Severity::Info,
    source: include_str!("cleartext_video.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 95,
    is_common: true,
    reads: |fact| matches!(fact, Fact::StreamAnnounced(_)),
    applies,
};

fn see(seen: &Observation) -> Option<Sight> {
    let Fact::StreamAnnounced(announced) = &seen.fact else { return None };
    let how = match announced.transport {
        StreamTransport::Udp => "RTP over UDP",
        StreamTransport::Interleaved => "RTP inside RTSP",
        StreamTransport::Multicast => "RTP to a group",
    };
    (!announced.is_encrypted && seen.source == "rtsp").then(|| Sight::of(seen, how))
}

fn applies(_: &[u16], device: &Device) -> bool {
    device.is_guarded_surely()
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("Pictures of {who} cross the network in clear"),
        summary: format!(
            "Whoever can listen in the network sees the pictures of {who}. {turn}, where that is not accepted: switch encryption on, or keep the cameras in a network of their own."
        ),
        detail: format!("Media agreed on as {what}, without SRTP (RFC 3711) and without TLS."),
        remedy: "Use SRTP or RTSPS where cameras and recorder both know it (ONVIF Media2, \"RtspsUnicast\"); else keep cameras and recorder in a VLAN of their own, with 802.1X at the ports.".to_owned(),
        verify: "New streams are agreed on as RTP/SAVP, or inside TLS.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use spanwatch_parsers::StreamAnnounced;

    use super::super::bench::{Bench, mac, party, s};
    use super::*;
    use crate::finding::Finding;
    use crate::observation::Party;

    fn found(devices: u8, is_encrypted: bool) -> Vec<Finding> {
        let mut bench = Bench::new();
        for host in 1..=devices {
            let own = Party { port: 554, ..party(mac(host), &format!("192.0.2.{host}"), None) };
            let peer = Party { port: 40_000, ..party(mac(99), "192.0.2.99", None) };
            let announced = StreamAnnounced {
                transport: StreamTransport::Interleaved,
                destination: None,
                source_port: None,
                destination_port: None,
                channel: Some(0),
                ssrc: None,
                payload_type: None,
                codec: None,
                clock_hz: None,
                is_encrypted,
            };
            bench.sees_in("rtsp", s(1), (own, peer), Fact::Service { protocol: "rtsp" });
            bench.sees_in("rtsp", s(2), (own, peer), Fact::StreamAnnounced(Box::new(announced)));
        }
        bench.of(&KIND)
    }

    #[test]
    fn media_in_clear_is_told_of_the_device_and_once_where_it_is_the_rule() {
        assert_eq!(found(1, false)[0].evidence[0].text, "RTP inside RTSP");
        let [of_all] = &found(5, false)[..] else { panic!("one finding") };
        assert_eq!(of_all.devices.len(), 5);
    }

    #[test]
    fn srtp_is_none() {
        assert!(found(1, true).is_empty());
    }
}
