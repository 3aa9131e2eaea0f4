//! Devices that are weak in one thing, and devices that are so in nearly nothing: conversations byte by byte.
//!
//! In each a host asks for another every second, so that there is no silence. Sources: RFC 5246 (TLS), RFC 5280
//! (certificates), RFC 9110 and 7617 (HTTP and its logins), RFC 3416 (SNMP), RFC 854
//! (Telnet), RFC 959 (FTP), RFC 4253 (SSH), RFC 5321 (mail), MQTT 3.1.1, MS-CIFS and MS-SMB2 (SMB).

use super::acts::camera;
use super::capture::{Frame, SECOND};
use super::faults::{MS, Wire, host};
use super::wire::{self, End};

/// What a certificate is made of.
#[derive(Debug, Clone, Copy)]
struct Made {
    /// UTCTime, as `240101000000Z`.
    from: &'static [u8],
    until: &'static [u8],
    issuer: &'static [u8],
    /// The signature's object identifier.
    signature: &'static [u8],
    /// Bytes of the RSA key.
    key: usize,
    /// A byte that fills the key.
    fill: u8,
}

/// A certificate in which nothing is wrong on 2026-01-01.
const GOOD: Made = Made {
    from: b"250601000000Z",
    until: b"270601000000Z",
    issuer: b"authority",
    signature: SHA256_RSA,
    key: 256,
    fill: 0xa5,
};

/// sha256WithRSAEncryption and sha1WithRSAEncryption (RFC 8017, A.2.4).
const SHA256_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const SHA1_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5];
/// rsaEncryption.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// id-at-commonName (RFC 5280, A.1).
const COMMON_NAME: &[u8] = &[0x55, 4, 3];

/// 2026-01-01 in seconds since 1970.
const NEW_YEAR_S: i64 = 1_767_225_600;

/// TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, the same with RC4, and static RSA.
const MODERN: u16 = 0xc02f;
const RC4: u16 = 0xc011;
const STATIC: u16 = 0x009c;

/// A device with TLS 1.0; nearby with 1.2.
pub fn weak_tls_version(is_real: bool) -> Vec<Frame> {
    handshakes(&[(7, if is_real { 1 } else { 3 }, MODERN, GOOD)], b"camera")
}

/// A device with RC4; nearby with AES.
pub fn weak_tls_cipher(is_real: bool) -> Vec<Frame> {
    handshakes(&[(7, 3, if is_real { RC4 } else { MODERN }, GOOD)], b"camera")
}

/// A device whose sessions hang on its key; nearby they do not.
pub fn no_forward_secrecy(is_real: bool) -> Vec<Frame> {
    handshakes(&[(7, 3, if is_real { STATIC } else { MODERN }, GOOD)], b"camera")
}

/// A certificate that ended in the year before; nearby it ends in five months.
pub fn certificate_expired(is_real: bool) -> Vec<Frame> {
    certified(Made { until: if is_real { b"251231000000Z" } else { b"260601000000Z" }, ..GOOD })
}

/// A certificate that begins tomorrow; nearby it began now.
pub fn certificate_not_yet_valid(is_real: bool) -> Vec<Frame> {
    certified(Made { from: if is_real { b"260102120000Z" } else { b"260101000010Z" }, ..GOOD })
}

/// A certificate with three weeks left; nearby with five.
pub fn certificate_expiring(is_real: bool) -> Vec<Frame> {
    certified(Made { until: if is_real { b"260122000000Z" } else { b"260205000000Z" }, ..GOOD })
}

/// A key of 1024 bits; nearby of 2048.
pub fn certificate_weak_key(is_real: bool) -> Vec<Frame> {
    certified(Made { key: if is_real { 128 } else { 256 }, ..GOOD })
}

/// A certificate that an authority signed with SHA-1; nearby with SHA-256.
pub fn certificate_weak_signature(is_real: bool) -> Vec<Frame> {
    certified(Made { signature: if is_real { SHA1_RSA } else { SHA256_RSA }, ..GOOD })
}

/// A certificate for twenty years; nearby for nine.
pub fn certificate_long_lived(is_real: bool) -> Vec<Frame> {
    certified(Made { until: if is_real { b"450601000000Z" } else { b"340601000000Z" }, ..GOOD })
}

/// A certificate that its subject issued; nearby an authority did.
pub fn certificate_self_signed(is_real: bool) -> Vec<Frame> {
    certified(Made { issuer: if is_real { b"camera" } else { b"authority" }, ..GOOD })
}

/// A device that is asked for by another name than its certificate bears; nearby by that.
pub fn certificate_wrong_name(is_real: bool) -> Vec<Frame> {
    handshakes(&[(7, 3, MODERN, GOOD)], if is_real { b"door" } else { b"camera" })
}

/// One key on two devices; nearby one on each.
pub fn certificate_shared_key(is_real: bool) -> Vec<Frame> {
    let other = Made { fill: if is_real { GOOD.fill } else { 0xa7 }, ..GOOD };
    handshakes(&[(7, 3, MODERN, GOOD), (8, 3, MODERN, other)], b"camera")
}

/// A password that a device asks for and takes as it is; nearby it refuses the login.
pub fn cleartext_login(is_real: bool) -> Vec<Frame> {
    let asks = |login: &str| format!("GET /status HTTP/1.1\r\nHost: a\r\n{login}\r\n");
    let refuses = answer("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a\"");
    let answers = if is_real { answer("200 OK") } else { refuses.clone() };
    conversation(&[&asks(""), &refuses, &asks("Authorization: Basic YWRtaW46aHVudGVyMg==\r\n"), &answers])
}

/// A stream that is described and played to anybody; nearby a second client is refused.
pub fn no_authentication(is_real: bool) -> Vec<Frame> {
    let asks = |method: &str, more: &str| {
        format!("{method} rtsp://192.0.2.7/live RTSP/1.0\r\nCSeq: 1\r\n{more}\r\n")
    };
    let answers = |more: &str| format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\n{more}\r\n");
    let server = End { port: 554, ..host(7) };
    let description = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=live\r\nm=video 0 RTP/AVP 96\r\n";
    let described = format!(
        "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{description}",
        description.len()
    );
    let transport = "Session: 7\r\nTransport: RTP/AVP;unicast;client_port=6000-6001\r\n";
    let open = [
        asks("DESCRIBE", ""),
        answers(&described).strip_suffix("\r\n").unwrap_or_default().to_owned(),
        asks("SETUP", transport),
        answers(transport),
        asks("PLAY", "Session: 7\r\n"),
        answers("Session: 7\r\n"),
    ];
    let refused = [
        asks("DESCRIBE", ""),
        "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\n\r\n"
            .to_owned(),
    ];
    let mut wire = Wire::of(30);
    let blocks = |turns: &[String]| turns.iter().map(|turn| turn.as_bytes().to_vec()).collect::<Vec<_>>();
    dialogue(&mut wire, 5, server, &blocks(&open));
    dialogue(&mut wire, 9, server, &blocks(if is_real { &open } else { &refused }));
    dated(wire)
}

/// A camera of Hikvision's that accepts the password of its manual by Digest; nearby it refuses it.
pub fn default_password(is_real: bool) -> Vec<Frame> {
    digest_login("Server: Hikvision-Webs\r\n", DEFAULT, is_real)
}

/// A device of unknown make that accepts a password that everybody tries; nearby its own.
pub fn weak_password(is_real: bool) -> Vec<Frame> {
    digest_login("", if is_real { DEFAULT } else { OWN }, true)
}

/// What `admin` answers to the realm and the nonce of [`digest_login`] with the password 12345, and with another one; worked
/// out with Python's hashlib.
const DEFAULT: &str = "a362156fc75a5e54ef61fb000dfcda8b5be03b5f932bdc1905d264d55a6a881a";
const OWN: &str = "e0a94932fd4cc994f4354865fa9ae7a84ff2ecd235717a9e7f7a6abb2c728cac";

/// A challenge, and a login by Digest with SHA-256 that is accepted or refused; the server also says these headers.
fn digest_login(says: &str, response: &str, is_accepted: bool) -> Vec<Frame> {
    let asks = |login: &str| format!("GET /status HTTP/1.1\r\nHost: a\r\n{login}\r\n");
    let challenge = "Digest realm=\"a\", nonce=\"b\", algorithm=SHA-256";
    let refuses = answer(&format!("401 Unauthorized\r\n{says}WWW-Authenticate: {challenge}"));
    let login = format!(
        "Authorization: Digest username=\"admin\", realm=\"a\", nonce=\"b\", uri=\"/status\", algorithm=SHA-256, response=\"{response}\"\r\n"
    );
    let answers = if is_accepted { answer("200 OK") } else { refuses.clone() };
    conversation(&[&asks(""), &refuses, &asks(&login), &answers])
}

/// A login by Digest with MD5; nearby with SHA-256.
pub fn weak_authentication(is_real: bool) -> Vec<Frame> {
    let algorithm = if is_real { "MD5" } else { "SHA-256" };
    let request = format!(
        "GET /status HTTP/1.1\r\nHost: a\r\nAuthorization: Digest username=\"admin\", realm=\"a\", nonce=\"b\", uri=\"/status\", algorithm={algorithm}, response=\"00112233445566778899aabbccddeeff\"\r\n\r\n"
    );
    conversation(&[&request, &answer("200 OK")])
}

/// An ONVIF token with its password in clear text; nearby with a digest of it.
pub fn plaintext_token(is_real: bool) -> Vec<Frame> {
    let (form, secret) =
        if is_real { ("Text", "hunter2") } else { ("Digest", "tuOSpGlFlIXsozq4HFNeeGeFLEI=") };
    let profile = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";
    let body = format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Header><Security xmlns=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\"><UsernameToken><Username>admin</Username><Password Type=\"{profile}#Password{form}\">{secret}</Password></UsernameToken></Security></s:Header><s:Body><GetDeviceInformation xmlns=\"http://www.onvif.org/ver10/device/wsdl\"/></s:Body></s:Envelope>"
    );
    let request = format!(
        "POST /onvif/device_service HTTP/1.1\r\nHost: a\r\nContent-Type: application/soap+xml\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body><GetDeviceInformationResponse xmlns=\"http://www.onvif.org/ver10/device/wsdl\"/></s:Body></s:Envelope>";
    let head = format!("200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: {}", answer.len());
    conversation(&[&request, &format!("HTTP/1.1 {head}\r\n\r\n{answer}")])
}

/// An agent that answers version 2c; nearby it sends a trap of that version.
pub fn snmp_v1v2c(is_real: bool) -> Vec<Frame> {
    agent(b"a long word", if is_real { 161 } else { 50_000 })
}

/// An agent that answers to the community that all manuals have; nearby to another one.
pub fn snmp_default_community(is_real: bool) -> Vec<Frame> {
    agent(if is_real { b"public" } else { b"a long word" }, 161)
}

/// A server of Telnet that asks who comes and refuses him; nearby one of SSH on the same port.
pub fn telnet_open(is_real: bool) -> Vec<Frame> {
    let telnet: [&[u8]; 5] = [
        b"\xff\xfd\x18\xff\xfb\x01\r\ndoor login: ",
        b"root\r\n",
        b"root\r\nPassword: ",
        b"hunter2\r\n",
        b"\r\nLogin incorrect\r\ndoor login: ",
    ];
    greeted(23, if is_real { &telnet } else { &[b"SSH-2.0-OpenSSH_9.2\r\n"] })
}

/// A server of FTP that is asked for its system; nearby it begins TLS.
pub fn ftp_open(is_real: bool) -> Vec<Frame> {
    let chosen = [&[3, 3][..], &[7; 32], &[0], &MODERN.to_be_bytes(), &[0]].concat();
    let answer = record(&[handshake(2, &chosen), handshake(14, &[])].concat());
    let offers = [&[3, 3][..], &[7; 32], &[0], &[0, 2], &MODERN.to_be_bytes(), &[1, 0, 0, 0]].concat();
    let asked: [&[u8]; 3] = [b"220 ready\r\n", b"SYST\r\n", b"215 UNIX Type: L8\r\n"];
    let secured: [&[u8]; 5] =
        [b"220 ready\r\n", b"AUTH TLS\r\n", b"234 go on\r\n", &record(&handshake(1, &offers)), &answer];
    greeted(21, if is_real { &asked } else { &secured })
}

/// A server of SSH that offers `diffie-hellman-group1-sha1`; nearby `curve25519-sha256`.
pub fn legacy_ssh(is_real: bool) -> Vec<Frame> {
    let list = |names: &str| [&(names.len() as u32).to_be_bytes()[..], names.as_bytes()].concat();
    let keys = if is_real { "diffie-hellman-group1-sha1" } else { "curve25519-sha256" };
    let lists = [keys, "ssh-ed25519", "aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256", "none"];
    let lists = lists.iter().chain(&["none", "", ""]).flat_map(|names| list(names)).collect::<Vec<u8>>();
    let message = [&[4, 20][..], &[7; 16], &lists, &[0; 9]].concat();
    let packet = [&(message.len() as u32).to_be_bytes()[..], &message].concat();
    greeted(22, &[&[b"SSH-2.0-dropbear_2012.55\r\n", &packet[..]].concat()])
}

/// A server that takes the only dialect that it is offered, of SMB 1; nearby it answers with SMB 2.
pub fn smb1(is_real: bool) -> Vec<Frame> {
    let framed = |message: &[u8]| [&(message.len() as u32).to_be_bytes()[..], message].concat();
    let old =
        |flags: u8, body: &[u8]| framed(&[&b"\xffSMB\x72\0\0\0\0"[..], &[flags], &[0; 22], body].concat());
    let offers = old(0x18, b"\0\x0c\0\x02NT LM 0.12\0");
    let takes = old(0x98, &[&[17, 0, 0][..], &[0; 34]].concat());
    let revision = [&b"\xfeSMB\x40\0\0\0\0\0\0\0\0\0\x01\0\x01\0\0\0"[..], &[0; 44], &[65, 0, 1, 0, 0x10, 2]];
    let newer = framed(&[&revision.concat()[..], &[0; 58]].concat());
    let mut wire = Wire::of(30);
    dialogue(&mut wire, 5, End { port: 445, ..host(7) }, &[offers, if is_real { takes } else { newer }]);
    dated(wire)
}

/// What a server and a client say by turns, the server first.
fn greeted(port: u16, turns: &[&[u8]]) -> Vec<Frame> {
    let mut wire = Wire::of(30);
    let blocks: Vec<Vec<u8>> =
        std::iter::once(Vec::new()).chain(turns.iter().map(|it| it.to_vec())).collect();
    dialogue(&mut wire, 5, End { port, ..host(7) }, &blocks);
    dated(wire)
}

/// Logins whose password crosses the network as it is, by FTP, Telnet, mail and MQTT; nearby they are refused.
pub fn plain_logins(is_real: bool) -> Vec<Vec<Frame>> {
    let pick = |real: &'static [u8], near: &'static [u8]| if is_real { real } else { near };
    let ftp: [&[u8]; 5] = [
        b"220 ready\r\n",
        b"USER admin\r\n",
        b"331 go on\r\n",
        b"PASS hunter2\r\n",
        pick(b"230 ok\r\n", b"530 no\r\n"),
    ];
    let telnet: [&[u8]; 6] = [
        b"\xff\xfd\x18\xff\xfb\x01\r\ndoor login: ",
        b"admin\r\n",
        b"admin\r\nPassword: ",
        b"hunter2\r\n",
        pick(b"\r\nBusyBox\r\n# ", b"\r\nLogin incorrect\r\ndoor login: "),
        b"\r\n",
    ];
    let mail: [&[u8]; 5] = [
        b"220 mail ESMTP\r\n",
        b"EHLO a\r\n",
        b"250 AUTH PLAIN\r\n",
        b"AUTH PLAIN AGFkbWluAGh1bnRlcjI=\r\n",
        pick(b"235 ok\r\n", b"535 no\r\n"),
    ];
    let mut broker = Wire::of(30);
    let connect = b"\x10\x1c\0\x04MQTT\x04\xc2\0\x3c\0\x00\0\x05admin\0\x07hunter2".to_vec();
    let answer = [0x20, 2, 0, if is_real { 0 } else { 5 }].to_vec();
    dialogue(&mut broker, 5, End { port: 1883, ..host(7) }, &[connect, answer]);
    vec![greeted(21, &ftp), greeted(23, &telnet), greeted(25, &mail), dated(broker)]
}

/// A broker of MQTT that lets anybody in; nearby it refuses who has no account.
pub fn anonymous_broker(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(30);
    let connect = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a".to_vec();
    let answer = [0x20, 2, 0, if is_real { 0 } else { 5 }].to_vec();
    dialogue(&mut wire, 5, End { port: 1883, ..host(7) }, &[connect, answer]);
    dated(wire)
}

/// A door controller that pushes to its host over HTTP; nearby a client that asks for something else.
pub fn cleartext_panel_link(is_real: bool) -> Vec<Frame> {
    let path = if is_real { "/iclock/cdata?SN=1&options=all" } else { "/clock/cdata" };
    conversation(&[&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"), &answer("200 OK")])
}

/// A camera that is a broker of MQTT beside that; nearby it is not known as a camera.
pub fn unexpected_service(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(30);
    if is_real {
        wire = camera(wire, 7);
    }
    let connect = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a".to_vec();
    dialogue(&mut wire, 9, End { port: 1883, ..host(7) }, &[connect, vec![0x20, 2, 0, 5]]);
    dated(wire)
}

/// Media that is agreed on as RTP; nearby as SRTP.
pub fn cleartext_video(is_real: bool) -> Vec<Frame> {
    let profile = if is_real { "AVP" } else { "SAVP" };
    let transport = format!("Transport: RTP/{profile};unicast;client_port=6000-6001");
    let asked = format!(
        "SETUP rtsp://192.0.2.7/live RTSP/1.0\r\nCSeq: 1\r\nAuthorization: {LOGIN}\r\n{transport}\r\n\r\n"
    );
    let answered = format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: 7\r\n{transport}\r\n\r\n");
    let mut wire = Wire::of(30);
    dialogue(&mut wire, 5, End { port: 554, ..host(7) }, &[asked.into_bytes(), answered.into_bytes()]);
    dated(wire)
}

/// A server that takes a nonce and its count twice; nearby it takes the next count.
pub fn nonce_reuse(is_real: bool) -> Vec<Frame> {
    let mut wire = Wire::of(30);
    for (second, count) in [(5, 1), (8, if is_real { 1 } else { 2 })] {
        let asked = format!(
            "GET /status HTTP/1.1\r\nHost: a\r\nAuthorization: {LOGIN}, qop=auth, nc={count:08x}, cnonce=\"d\"\r\n\r\n"
        );
        let blocks = [asked.into_bytes(), answer("200 OK").into_bytes()];
        dialogue(&mut wire, second, End { port: 80, ..host(7) }, &blocks);
    }
    dated(wire)
}

/// A login by Digest with SHA-256, with no password that anybody knows.
const LOGIN: &str = "Digest username=\"guard\", realm=\"a\", nonce=\"b\", uri=\"/status\", algorithm=SHA-256, response=\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"";

/// A router that opens a way in for who asks for it (UPnP WANIPConnection:2, 2.5.16); nearby it refuses.
pub fn upnp_exposed(is_real: bool) -> Vec<Frame> {
    let body = "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><u:AddPortMapping xmlns:u=\"urn:schemas-upnp-org:service:WANIPConnection:1\"><NewRemoteHost></NewRemoteHost><NewExternalPort>8000</NewExternalPort><NewProtocol>TCP</NewProtocol><NewInternalPort>80</NewInternalPort><NewInternalClient>192.0.2.20</NewInternalClient><NewEnabled>1</NewEnabled><NewPortMappingDescription>cam</NewPortMappingDescription><NewLeaseDuration>0</NewLeaseDuration></u:AddPortMapping></s:Body></s:Envelope>";
    let asked = format!(
        "POST /ctl HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\nSOAPAction: \"urn:schemas-upnp-org:service:WANIPConnection:1#AddPortMapping\"\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    conversation(&[&asked, &answer(if is_real { "200 OK" } else { "500 Internal Server Error" })])
}

fn certified(made: Made) -> Vec<Frame> {
    handshakes(&[(7, 3, MODERN, made)], b"camera")
}

/// Hosts that answer a handshake: who, with which minor version and cipher suite, and which certificate.
fn handshakes(servers: &[(u8, u8, u16, Made)], asked: &[u8]) -> Vec<Frame> {
    let mut wire = Wire::of(30);
    for (index, (server, minor, cipher, made)) in servers.iter().enumerate() {
        let random = [7; 32];
        let name = [&length16(asked.len() + 3)[..], &[0], &length16(asked.len()), asked].concat();
        let extension = [&[0, 0][..], &length16(name.len()), &name].concat();
        let extensions = [&length16(extension.len())[..], &extension].concat();
        let offers =
            [&[3, 3][..], &random, &[0], &[0, 2], &cipher.to_be_bytes(), &[1, 0], &extensions].concat();
        let chosen = [&[3, *minor][..], &random, &[0], &cipher.to_be_bytes(), &[0]].concat();
        let shown = certificate(*made);
        let shown = [&length24(shown.len())[..], &shown].concat();
        let shown = [&length24(shown.len())[..], &shown].concat();
        let answer = [handshake(2, &chosen), handshake(11, &shown), handshake(14, &[])].concat();
        let blocks = [record(&handshake(1, &offers)), record(&answer)];
        dialogue(&mut wire, 5 + index as i64, End { port: 443, ..host(*server) }, &blocks);
    }
    dated(wire)
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &length24(body.len()), body].concat()
}

fn record(bytes: &[u8]) -> Vec<u8> {
    [&[22, 3, 1][..], &length16(bytes.len()), bytes].concat()
}

fn length16(length: usize) -> [u8; 2] {
    u16::try_from(length).expect("short").to_be_bytes()
}

fn length24(length: usize) -> [u8; 3] {
    let [_, bytes @ ..] = u32::try_from(length).expect("short").to_be_bytes();
    bytes
}

/// A certificate for `camera` (RFC 5280, 4.1); its signature is nothing.
fn certificate(made: Made) -> Vec<u8> {
    let algorithm = |oid: &[u8]| der(0x30, &[der(6, oid), der(5, &[])].concat());
    let name = |common: &[u8]| {
        let pair = der(0x30, &[der(6, COMMON_NAME), der(0x0c, common)].concat());
        der(0x30, &der(0x31, &pair))
    };
    let modulus = [&[0][..], &vec![made.fill; made.key]].concat();
    let key = der(0x30, &[der(2, &modulus), der(2, &[1, 0, 1])].concat());
    let key = der(0x30, &[algorithm(RSA), der(3, &[&[0][..], &key].concat())].concat());
    let signed = der(
        0x30,
        &[
            der(0xa0, &der(2, &[2])),
            der(2, &[made.fill & 0x7f]),
            algorithm(made.signature),
            name(made.issuer),
            der(0x30, &[der(0x17, made.from), der(0x17, made.until)].concat()),
            name(b"camera"),
            key,
        ]
        .concat(),
    );
    der(0x30, &[signed, algorithm(made.signature), der(3, &[0; 33])].concat())
}

/// A value of the distinguished encoding (X.690, 8.1).
fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let [high, low] = length16(value.len());
    let length = match value.len() {
        ..0x80 => vec![low],
        0x80..0x100 => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag][..], &length, value].concat()
}

pub(super) fn answer(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok")
}

/// What a client and a server say by turns.
pub(super) fn conversation(turns: &[&str]) -> Vec<Frame> {
    let mut wire = Wire::of(30);
    let blocks: Vec<Vec<u8>> = turns.iter().map(|turn| turn.as_bytes().to_vec()).collect();
    dialogue(&mut wire, 5, End { port: 80, ..host(7) }, &blocks);
    dated(wire)
}

/// A connection of host 20 to a server: what both say by turns, the client first; who has nothing to say is passed over.
pub(super) fn dialogue(wire: &mut Wire, second: i64, server: End, blocks: &[Vec<u8>]) {
    const SYN: u8 = 2;
    const ACK: u8 = 16;
    let client = End { port: 40_000 + second as u16, ..host(20) };
    wire.claims(second * SECOND, client);
    wire.claims(second * SECOND + MS, server);
    let mut at = second * SECOND + 2 * MS;
    let mut say = |wire: &mut Wire, is_client: bool, flags, numbers, bytes: &[u8]| {
        let (from, to) = if is_client { (client, server) } else { (server, client) };
        wire.at(at, wire::tcp(from, to, flags, numbers, bytes));
        at += MS;
    };
    say(wire, true, SYN, [99, 0], &[]);
    say(wire, false, SYN | ACK, [199, 100], &[]);
    say(wire, true, ACK, [100, 200], &[]);
    let mut sent = [100_u32, 200];
    for (turn, block) in blocks.iter().enumerate() {
        let is_client = turn % 2 == 0;
        for part in block.chunks(1_400) {
            let [own, other] = if is_client { sent } else { [sent[1], sent[0]] };
            say(wire, is_client, ACK, [own, other], part);
            sent[usize::from(!is_client)] += part.len() as u32;
            let [own, other] = if is_client { [sent[1], sent[0]] } else { sent };
            say(wire, !is_client, ACK, [own, other], &[]);
        }
    }
}

/// An answer of an agent about its name, in version 2c (RFC 3416, 4.2.4), from a port.
fn agent(community: &[u8], port: u16) -> Vec<Frame> {
    let mut wire = Wire::of(30);
    let agent = End { port, ..host(7) };
    wire.claims(5 * SECOND, agent);
    let name = der(0x30, &[der(6, &[0x2b, 6, 1, 2, 1, 1, 5, 0]), der(4, b"door")].concat());
    let zero = der(2, &[0]);
    let is_trap = port != 161;
    let pdu = [der(2, &[7]), zero.clone(), zero, der(0x30, &name)].concat();
    let message = [der(2, &[1]), der(4, community), der(if is_trap { 0xa7 } else { 0xa2 }, &pdu)].concat();
    let manager = End { port: if is_trap { 162 } else { 40_000 }, ..host(20) };
    wire.at(5 * SECOND + MS, wire::udp(agent, manager, 1, &der(0x30, &message)));
    dated(wire)
}

/// The frames, on 2026-01-01.
pub(super) fn dated(wire: Wire) -> Vec<Frame> {
    let mut frames = wire.frames();
    for frame in &mut frames {
        frame.at += NEW_YEAR_S * SECOND;
    }
    frames
}
