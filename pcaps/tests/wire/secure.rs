//! TLS and its certificates.

use std::process::{Command, Stdio};

use spanwatch_simulator::frame::Data;
use spanwatch_simulator::wire::certificate::Certificate;
use spanwatch_simulator::wire::tls::{self, Offer, Session};

use crate::capture::{Capture, shared};

pub fn frames(capture: &mut Capture) {
    up_to_12(capture);
    version_13(capture);
    refused(capture);
}

fn up_to_12(capture: &mut Capture) {
    let cases = [
        (40_400, tls::TLS_1_2, tls::ECDHE_RSA_AES_128_GCM, "2|11|12|14"),
        (40_401, tls::TLS_1_2, tls::RSA_AES_128_CBC_SHA, "2|11|14"),
        (40_402, tls::TLS_1_0, tls::RSA_AES_128_CBC_SHA, "2|11|14"),
        (40_403, tls::TLS_1_0, 0xc014, "2|11|12|14"),
    ];
    for (port, version, cipher, messages) in cases {
        let (ports, session) = ((port, 443), Session { version, cipher, seed: u64::from(port) });
        let offer = Offer { ciphers: &[cipher, 0x000a], sni: Some("cam-07.example"), alpn: &["http/1.1"] };
        let in_words = format!("0x{version:04x}");
        capture.open(ports);
        capture
            .tcp("client hello", false, ports, session.client_hello(&offer))
            .shows("tls.handshake.type", 1)
            .shows("tls.handshake.version", &in_words)
            .shows("tls.handshake.ciphersuite", format!("0x{cipher:04x}|0x000a"))
            .shows("tls.handshake.extensions_server_name", "cam-07.example")
            .shows("tls.handshake.extensions_alpn_str", "http/1.1");
        let certificate = CERTIFICATE.der();
        capture
            .tcp("server flight", true, ports, session.server_flight(&certificate))
            .shows("tls.handshake.type", messages)
            .shows("tls.record.version", vec![in_words.as_str(); messages.split('|').count()].join("|"))
            .shows("tls.handshake.version", &in_words)
            .shows("tls.handshake.ciphersuite", format!("0x{cipher:04x}"))
            .shows("tls.handshake.certificate_length", certificate.len())
            .shows("x509sat.uTF8String", "Example|cam-07|Example|cam-07")
            .shows("x509af.serialNumber", "00fedcba9876543210")
            .shows("x509af.algorithm.id", "1.2.840.113549.1.1.11|1.2.840.113549.1.1.1|1.2.840.113549.1.1.11")
            .shows("x509af.utcTime", "2025-06-15 15:06:40 (UTC)|2035-06-13 15:06:40 (UTC)");
        capture
            .tcp("client finish", false, ports, session.client_finish())
            .shows("tls.record.content_type", "22|20|22");
        capture
            .tcp("server finish", true, ports, session.server_finish())
            .shows("tls.record.content_type", "20|22");
        let header = session.application(1_000);
        capture
            .stream("application", false, ports, Data::Filled(shared(&header), 1_000))
            .shows("tls.record.content_type", 23)
            .shows("tls.record.length", 1_000)
            .shows("tls.record.version", &in_words);
        capture.tcp("close", false, ports, session.close_notify()).shows("tls.record.content_type", 21);
    }
}

fn version_13(capture: &mut Capture) {
    let (ports, session) =
        ((40_410, 443), Session { version: tls::TLS_1_3, cipher: tls::AES_128_GCM, seed: 13 });
    let offer = Offer {
        ciphers: &[tls::AES_128_GCM, tls::AES_256_GCM, tls::ECDHE_RSA_AES_128_GCM],
        sni: None,
        alpn: &[],
    };
    capture.open(ports);
    capture
        .tcp("client hello 1.3", false, ports, session.client_hello(&offer))
        .shows("tls.handshake.version", "0x0303")
        .shows("tls.handshake.extensions.supported_version", "0x0304|0x0303")
        .shows("tls.handshake.extensions_key_share_group", 29)
        .shows("tls.handshake.session_id_length", 32)
        .shows("tls.handshake.extensions_server_name", "");
    capture
        .tcp("server flight 1.3", true, ports, session.server_flight(&CERTIFICATE.der()))
        .shows("tls.handshake.type", 2)
        .shows("tls.handshake.ciphersuite", "0x1301")
        .shows("tls.handshake.extensions.supported_version", "0x0304")
        .shows("tls.record.opaque_type", "23|23|23|23");
    capture
        .tcp("client finish 1.3", false, ports, session.client_finish())
        .shows("tls.record.content_type", "20")
        .shows("tls.record.opaque_type", "23");
    capture.tcp("ticket 1.3", true, ports, session.server_finish()).shows("tls.record.opaque_type", 23);
    capture.tcp("close 1.3", false, ports, session.close_notify()).shows("tls.record.length", 19);
}

fn refused(capture: &mut Capture) {
    let (ports, session) =
        ((40_420, 443), Session { version: tls::TLS_1_2, cipher: tls::ECDHE_RSA_AES_256_GCM, seed: 9 });
    let offer = Offer { ciphers: &[session.cipher], sni: None, alpn: &[] };
    capture.open(ports);
    capture.tcp("client hello", false, ports, session.client_hello(&offer));
    capture
        .tcp("alert", true, ports, session.alert(40))
        .shows("tls.alert_message.level", 2)
        .shows("tls.alert_message.desc", 40);
}

#[test]
fn openssl_reads_certificates() {
    let cases = [
        (CERTIFICATE, "sha256WithRSAEncryption", "(2048 bit)", "Jun 13 15:06:40 2035 GMT"),
        (
            Certificate {
                is_sha1: true,
                key_bits: 1_024,
                serial: 1,
                organization: "",
                not_after_s: 2_556_144_000,
                ..CERTIFICATE
            },
            "sha1WithRSAEncryption",
            "(1024 bit)",
            "Jan  1 00:00:00 2051 GMT",
        ),
    ];
    for (certificate, algorithm, key, end) in cases {
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{algorithm}.der"));
        std::fs::write(&path, certificate.der()).expect("the target directory can be written");
        let mut openssl = Command::new("openssl");
        openssl.args(["x509", "-inform", "der", "-noout", "-text", "-in"]).arg(path).stderr(Stdio::inherit());
        let Some(output) = crate::output(&mut openssl) else { return };
        let text = String::from_utf8_lossy(&output);
        for wanted in [algorithm, key, end, "CN = cam-07", "CA:TRUE", "Jun 15 15:06:40 2025 GMT"] {
            assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
        }
    }
}

const CERTIFICATE: Certificate = Certificate {
    common_name: "cam-07",
    organization: "Example",
    serial: 0xfedc_ba98_7654_3210,
    not_before_s: 1_750_000_000,
    not_after_s: 2_065_360_000,
    key_bits: 2_048,
    is_sha1: false,
};
