//! Video and its control.

use std::net::{IpAddr, Ipv4Addr};

use spanwatch_simulator::frame::Data;
use spanwatch_simulator::wire::rtcp::{self, Block, Sender};
use spanwatch_simulator::wire::rtsp::{self, Login};
use spanwatch_simulator::wire::sdp::{self, Media};
use spanwatch_simulator::wire::{h264, rtp};

use crate::capture::{CAMERA, Capture, shared};

pub fn frames(capture: &mut Capture) {
    rtp(capture);
    rtcp(capture);
    rtsp(capture);
}

fn rtp(capture: &mut Capture) {
    let header = rtp::header(96, true, 65_535, 0xfedc_ba98, 0x1122_3344);
    capture
        .udp("rtp", (50_000, 50_000), [&header[..], &[0x65; 100]].concat())
        .shows("rtp.version", 2)
        .shows("rtp.p_type", 96)
        .shows("rtp.marker", 1)
        .shows("rtp.seq", 65_535)
        .shows("rtp.timestamp", 0xfedc_ba98_u32)
        .shows("rtp.ssrc", "0x11223344");
}

fn rtcp(capture: &mut Capture) {
    let sender = Sender {
        ssrc: 0x1122_3344,
        clock_ns: 1_750_000_000_500_000_000,
        timestamp: 90_000,
        packets: 250,
        octets: 300_000,
    };
    capture
        .udp("sender report", (50_001, 50_001), rtcp::sender_report(&sender, "cam@192.0.2.7"))
        .shows("rtcp.pt", "200|202")
        .shows("rtcp.senderssrc", "0x11223344")
        .shows("rtcp.timestamp.ntp.msw", 1_750_000_000_u32.wrapping_add(2_208_988_800))
        .shows("rtcp.timestamp.ntp.lsw", 1_u32 << 31)
        .shows("rtcp.timestamp.rtp", 90_000)
        .shows("rtcp.sender.packetcount", 250)
        .shows("rtcp.sender.octetcount", 300_000)
        .shows("rtcp.sdes.text", "cam@192.0.2.7")
        .shows("rtcp.length_check", 1);
    let block = Block {
        ssrc: 0x1122_3344,
        fraction_lost: 64,
        lost: -3,
        highest: 0x0001_ffff,
        jitter: 450,
        last_sr: rtcp::middle(sender.clock_ns),
        delay_since: 65_536,
    };
    capture
        .udp("receiver report", (50_001, 50_001), rtcp::receiver_report(7, &[block, block], "viewer"))
        .shows("rtcp.pt", "201|202")
        .shows("rtcp.ssrc.identifier", "0x11223344|0x11223344|0x00000007")
        .shows("rtcp.ssrc.fraction", "64|64")
        .shows("rtcp.ssrc.cum_nr", "-3|-3")
        .shows("rtcp.ssrc.high_seq", "65535|65535")
        .shows("rtcp.ssrc.high_cycles", "1|1")
        .shows("rtcp.ssrc.jitter", "450|450")
        .shows("rtcp.ssrc.dlsr", "65536|65536")
        .shows("rtcp.length_check", 1);
    for name in ["", "a", "ab", "abc"] {
        capture
            .udp("sender bye", (50_001, 50_001), rtcp::sender_bye(&sender, name))
            .shows("rtcp.pt", "200|202|203")
            .shows("rtcp.length_check", 1);
    }
    capture
        .udp("receiver bye", (50_001, 50_001), rtcp::receiver_bye(7, "viewer"))
        .shows("rtcp.pt", "201|202|203")
        .shows("rtcp.length_check", 1);
}

fn rtsp(capture: &mut Capture) {
    let (ports, url) = ((40_000, 554), "rtsp://192.0.2.7/1");
    let login = Login { user: "viewer", password: "secret", realm: "cam", nonce: "0a1b" };
    capture.open(ports);
    capture
        .tcp("describe", false, ports, rtsp::request("DESCRIBE", url, 2, &[("Accept", "application/sdp")]))
        .shows("rtsp.method", "DESCRIBE")
        .shows("rtsp.url", url);
    let challenge = rtsp::challenge("cam", "0a1b");
    capture
        .tcp(
            "unauthorized",
            true,
            ports,
            rtsp::response(401, "Unauthorized", 2, &[("WWW-Authenticate", &challenge)], b""),
        )
        .shows("rtsp.status", 401);
    let digest = login.digest("DESCRIBE", url);
    capture.tcp("login", false, ports, rtsp::request("DESCRIBE", url, 3, &[("Authorization", &digest)]));

    let video = Media {
        kind: "video",
        port: 0,
        payload_type: 96,
        encoding: "H264/90000".into(),
        fmtp: Some(h264::fmtp(1_920, 1_080)),
        control: "trackID=1".into(),
        is_secure: false,
        connection: None,
    };
    let group = Media {
        port: 50_000,
        is_secure: true,
        connection: Some((IpAddr::V4(Ipv4Addr::new(239, 1, 2, 3)), 16)),
        ..video.clone()
    };
    let body = sdp::description(CAMERA, "Example", &["control:*", "range:npt=now-"], &[video, group]);
    let headers = [("Server", "Example/1.0"), ("Content-Type", "application/sdp")];
    capture
        .tcp("sdp", true, ports, rtsp::response(200, "OK", 3, &headers, &body))
        .shows("rtsp.status", 200)
        .shows("rtsp.content-type", "application/sdp")
        .shows("rtsp.content-length", body.len())
        .shows("sdp.version", 0)
        .shows("sdp.session_name", "Example")
        .shows("sdp.media.port", "0|50000")
        .shows("sdp.media.proto", "RTP/AVP|RTP/SAVP")
        .shows("sdp.connection_info.address", "0.0.0.0|239.1.2.3")
        .shows("sdp.connection_info.ttl", 16)
        .shows("sdp.mime.type", "H264|H264")
        .shows("sdp.sample_rate", "90000|90000")
        .shows("sdp.owner.address", CAMERA)
        .shows("h264.pic_width_in_mbs_minus1", "119|119")
        .shows("h264.frame_crop_bottom_offset", "4|4");
    let header = rtp::header(96, false, 7, 1, 0x1122_3344);
    let head = [&rtsp::interleaved(0, 212)[..], &header].concat();
    capture
        .stream("interleaved", true, ports, Data::Filled(shared(&head), 200))
        .shows("rtsp.magic", "0x24")
        .shows("rtsp.channel", "0x00")
        .shows("rtsp.length", 212);
}
