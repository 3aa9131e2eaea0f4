//! Frames made here, for what no public capture shows: every option and TLV that we read.

/// What tshark calls its layers; nothing else that is asked for has only these.
pub const MARKER_PROTOCOLS: &str = "eth:ethertype:data";

/// A frame that occurs nowhere: EtherType 0x88b5 is for experiments (IEEE 802, 9.2.3).
pub fn marker() -> Vec<u8> {
    let mut frame = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x88\xb5".to_vec();
    frame.resize(60, 0);
    frame
}

/// The frames as a capture file.
pub fn capture(frames: &[Vec<u8>]) -> Vec<u8> {
    // Magic, version 2.4, no zone, no accuracy, snaplen 65535, Ethernet: little-endian.
    let mut file = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0".to_vec();
    for frame in frames {
        let length = (frame.len() as u32).to_le_bytes();
        file.extend([0; 8]);
        file.extend(length);
        file.extend(length);
        file.extend(frame);
    }
    file
}

/// A frame with every option and TLV that we read, somewhere.
pub fn frames() -> Vec<Vec<u8>> {
    let mut frames: Vec<Vec<u8>> =
        DHCP.iter().map(|(operation, options)| dhcp(*operation, options)).collect();
    frames.push(overloaded());
    frames.extend(LLDP_IDS.iter().map(|tlvs| lldp(tlvs)));
    frames.extend(LLDP.iter().map(|tlvs| lldp(&[LLDP_HEAD, tlvs].concat())));
    frames.extend(ND.iter().map(|message| nd(message)));
    frames.extend(SNMP.iter().map(snmp));
    frames.extend(MLD.iter().map(|message| nd(message)));
    frames.extend(IGMP.iter().map(|message| igmp(message)));
    frames.extend(CDP.iter().map(|tlvs| cdp(tlvs)));
    frames.extend(STP.iter().map(|bpdu| stp(bpdu)));
    frames.push(pvst(&[STP[0], b"\0", ORIGINATING_VLAN].concat()));
    frames.push(pvst(&[STP[1], ORIGINATING_VLAN].concat()));
    frames.push(stp(&mstp()));
    frames.push(lacp());
    frames.extend(NTP.iter().map(|message| udp(123, message)));
    frames.extend(EAPOL.iter().map(|bytes| eapol(bytes)));
    frames.extend([53, 5353, 5355].map(|port| udp(port, DNS)));
    frames.push(udp(53, DNS_UPDATE));
    frames.push(udp(547, DHCPV6));
    frames
}

/// The operation and the options of each DHCP message.
const DHCP: &[(u8, &[u8])] = &[
    // A client that tells everything.
    (
        1,
        b"\x35\x01\x01\x3d\x07\x01\x02\0\0\0\0\x07\x0c\x04cam7\x3c\x0cAXIS,M1,10.1\x37\x06\x01\x03\x06\x0c\x2b\x7d\
        \x39\x02\x05\xdc\x32\x04\xc0\0\x02\x07\x4d\x07\x03abc\x02de\x51\x0b\x01\0\0cam.exam\xff",
    ),
    // The same name in DNS encoding; a client id that is a DUID; both by enterprise number.
    (
        1,
        b"\x35\x01\x03\x51\x0f\x05\0\0\x03cam\x07example\0\x3d\x0f\xff\0\0\0\x09\0\x03\0\x01\x02\0\0\0\0\x07\
        \x7c\x10\0\0\x01\x70\x05\x04Axis\0\0\0\x09\x01z\x7d\x13\0\0\x0d\xe9\x0e\x01\x06A1B2C3\x02\x01S\x03\x01M\xff",
    ),
    // A cable modem's own options.
    (
        1,
        b"\x35\x01\x01\x3c\x09docsis3.0\x2b\x17\x02\x02CM\x04\x03S17\x05\x01H\x06\x02F2\x09\x02M9\x0a\x01A\xff",
    ),
    // A relay's words in Cisco's form, and every other sub-option.
    (
        1,
        b"\x35\x01\x01\x52\x40\x01\x06\0\x04\0\x14\x01\x07\x02\x08\0\x06\x02\0\0\0\0\x5a\x04\x04\0\0\0\x02\
        \x05\x04\xc0\0\x02\0\x06\x03sub\x0a\x01\x80\x0b\x04\xc0\0\x02\x01\x0c\x02id\x13\0\x96\x04\xc0\0\x02\0\
        \x98\0\x97\x04\0vpn\xff",
    ),
    // The same as text, and a raw MAC.
    (2, b"\x35\x01\x05\x52\x11\x01\x07\x01\x05port7\x02\x06\x02\0\0\0\0\x5a\xff"),
    // A server that gives everything.
    (
        2,
        b"\x35\x01\x05\x36\x04\xc0\0\x02\x01\x33\x04\0\0\x0e\x10\x3a\x04\0\0\x07\x08\x3b\x04\0\0\x0c\x4e\
        \x01\x04\xff\xff\xff\0\x03\x08\xc0\0\x02\x01\xc0\0\x02\x02\x06\x04\xc0\0\x02\x03\x0f\x07example\
        \x2a\x08\xc0\0\x02\x04\xc0\0\x02\x05\x42\x04tftp\x43\x04boot\x96\x04\xc0\0\x02\x06\
        \x72\x11https://x.example\x77\x13\x04site\x07example\0\x02ab\xc0\x05\
        \xfc\x12http://x/wpad.dat\0\x2b\x06\x01\x04\xc0\0\x02\x09\x79\x0d\x18\xc6\x33\x64\xc0\0\x02\x01\0\xc0\0\x02\x02\xff",
    ),
    // A refusal with its reason.
    (2, b"\x35\x01\x06\x38\x09not yours\x36\x04\xc0\0\x02\x01\xff"),
];

/// What an LLDP frame begins with: chassis 02:00:00:00:00:5a, port `g1`, 120 s.
const LLDP_HEAD: &[u8] = b"\x02\x07\x04\x02\0\0\0\0\x5a\x04\x03\x05g1\x06\x02\0\x78";

/// Whole LLDP frames with ids of other sorts.
const LLDP_IDS: &[&[u8]] = &[
    b"\x02\x03\x07s1\x04\x06\x04\x01\xc0\0\x02\x05\x06\x02\0\x78\0\0",
    b"\x02\x06\x05\x01\xc0\0\x02\x05\x04\x03\x07p1\x06\x02\0\x78\0\0",
];

/// What follows the mandatory part of each LLDP frame.
const LLDP: &[&[u8]] = &[
    b"\x08\x03up1\x0a\x02s1\x0c\x02OS\x0e\x04\0\x14\0\x04\x10\x0e\x05\x01\xc0\0\x02\x05\x02\0\0\0\x07\x02\x2b\x06\
    \x10\x18\x11\x02\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x05\x03\0\0\0\x09\0\0\0",
    b"\xfe\x06\0\x80\xc2\x01\0\x14\xfe\x07\0\x80\xc2\x02\x06\0\x1e\xfe\x0a\0\x80\xc2\x03\0\x14\x03cam\
    \xfe\x07\0\x80\xc2\x04\x02\x88\x8e\xfe\x06\0\x80\xc2\x06\0\x63\0\0",
    b"\xfe\x09\0\x12\x0f\x01\x03\x6c\x03\0\x10\xfe\x09\0\x12\x0f\x03\x03\0\0\0\x07\xfe\x06\0\x12\x0f\x04\x05\xf2\0\0",
    b"\xfe\x07\0\x12\x0f\x02\x0f\x01\x04\0\0",
    b"\xfe\x0c\0\x12\x0f\x02\x07\x01\x05\x51\0\x82\0\x7d\0\0",
    b"\xfe\x1d\0\x12\x0f\x02\x07\x01\x05\x12\x01\x94\x01\x90\0\x64\0\x32\0\x5a\0\x28\xa4\xa6\x06\x01\xc2\x04\x74\0\x3c\0\0",
    b"\xfe\x07\0\x12\xbb\x01\0\x2f\x03\xfe\x08\0\x12\xbb\x02\x07\x55\x79\x6e\xfe\x07\0\x12\xbb\x04\x42\0\x41\
    \xfe\x15\0\x12\xbb\x03\x01\x48\x60\xcc\xcc\xcc\x4b\xec\x05\x1e\xb8\x14\0\x01\xdd\x80\x01\
    \xfe\x12\0\x12\xbb\x03\x02\x0c\x02DE\x03\x03Ulm\x1c\x02ab\
    \xfe\x0f\0\x12\xbb\x03\x031234567890\0\0",
    b"\xfe\x06\0\x12\xbb\x05H1\xfe\x06\0\x12\xbb\x06B1\xfe\x06\0\x12\xbb\x07F2\xfe\x06\0\x12\xbb\x08S3\
    \xfe\x06\0\x12\xbb\x09Ac\xfe\x06\0\x12\xbb\x0aM4\xfe\x06\0\x12\xbb\x0bA5\0\0",
];

/// NTP: two peers, a broadcast, a question of each of both tools and its answer.
const NTP: &[&[u8]] = &[
    b"\x61\x02\x0a\xe9\0\0\x03\x10\0\0\x02\x80\xc0\0\x02\x7b\xe8\0\0\0\x10\0\0\0\xe8\0\0\x01\x20\0\0\0\
    \xe8\0\0\x02\x30\0\0\0\xe8\0\0\x03\x40\0\0\0",
    b"\xda\x10\xfa\xe9\0\0\0\0\0\0\0\0STEP\0\0\0\0\0\0\0\0\xe8\0\0\x01\x20\0\0\0\
    \xe8\0\0\x02\x30\0\0\0\xe8\0\0\x03\x40\0\0\0",
    b"\x25\x01\x06\xe0\0\0\0\0\0\0\0\x10GPS\0\xe8\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\
    \0\0\0\0\0\0\0\0\xe8\0\0\x03\x40\0\0\0",
    b"\x16\x02\0\x09\0\0\0\0\0\0\0\0",
    b"\x16\xa2\0\x09\x06\x15\0\x03\0\x04\0\x0cstratum=2, \0",
    b"\x16\xc2\0\x09\x05\0\0\x03\0\0\0\0",
    b"\x17\0\x03\x2a\0\0\0\0",
    b"\xd7\x81\x03\x04\x40\0\0\0",
];

/// EAPOL frames: a device asks, says its name, is let in, refused, and leaves.
const EAPOL: &[&[u8]] = &[
    b"\x01\x01\0\0",
    b"\x02\0\0\x05\x01\x07\0\x05\x01",
    b"\x02\0\0\x09\x02\x07\0\x09\x01cam7",
    b"\x02\0\0\x04\x03\x08\0\x04",
    b"\x03\0\0\x04\x04\x09\0\x04",
    b"\x01\x02\0\0",
];

/// A response with a question and a record of every type that we read.
const DNS: &[u8] = b"\0\x07\x84\0\0\x01\0\x07\0\x01\0\x01\
    \x04cam7\x05local\0\0\xff\0\x01\
    \xc0\x0c\0\x01\x80\x01\0\0\0\x78\0\x04\xc0\0\x02\x07\
    \xc0\x0c\0\x1c\x80\x01\0\0\0\x78\0\x10\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\
    \x017\x012\x010\x03192\x07in-addr\x04arpa\0\0\x0c\0\x01\0\0\0\x78\0\x02\xc0\x0c\
    \x03two\xc0\x11\0\x05\0\x01\0\0\0\x78\0\x02\xc0\x0c\
    \x06Gate.3\x05_http\x04_tcp\xc0\x11\0\x21\0\x01\0\0\0\x78\0\x08\0\x01\0\x02\0\x50\xc0\x0c\
    \xc0\x0c\0\x10\0\x01\0\0\0\x78\0\x08\x03a=b\x03c=d\
    \xc0\x0c\0\x0d\0\x01\0\0\0\x78\0\x06\x02C1\x02O2\
    \xc0\x11\0\x02\0\x01\0\0\0\x78\0\x02\xc0\x0c\
    \0\0\x29\x05\xa0\0\0\x80\0\0\0";

/// A relay's words on a client that asks for an address and tells its name and its classes.
const DHCPV6: &[u8] =
    b"\x0c\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\
    \0\x12\0\x05Gi1/7\0\x25\0\x07\0\0\0\x09sw1\0\x4f\0\x08\0\x01\x02\0\0\0\0\x07\0\x09\0\x61\
    \x03\0\0\x07\0\x03\0\x28\0\0\0\x01\0\0\0\x3c\0\0\0\x78\
    \0\x05\0\x18\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\x0e\x10\0\0\x1c\x20\
    \0\x0f\0\x05\0\x03red\0\x10\0\x0e\0\0\x01\x37\0\x08MSFT 5.0\0\x27\0\x0e\0\x04cam7\x07example\0";

/// An update that deletes a name's addresses and gives it another.
const DNS_UPDATE: &[u8] = b"\0\x07\x28\0\0\x01\0\0\0\x02\0\0\
    \x07example\0\0\x06\0\x01\
    \x04cam7\xc0\x0c\0\x01\0\xff\0\0\0\0\0\0\
    \xc0\x19\0\x01\0\x01\0\0\0\x78\0\x04\xc0\0\x02\x07";

/// ICMPv6 messages, their checksum wrong.
const ND: &[&[u8]] = &[
    b"\x86\0\0\0\x40\xc8\x07\x08\0\0\x75\x30\0\0\x03\xe8\
    \x01\x01\x02\0\0\0\0\x01\x05\x01\0\0\0\0\x05\xdc\
    \x03\x04\x40\xc0\0\0\x0e\x10\0\0\x07\x08\0\0\0\0\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0\
    \x18\x02\x30\x08\0\0\0\x3c\x20\x01\x0d\xb8\0\x07\0\0\
    \x19\x05\0\0\0\0\0\x3c\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x53\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x54\
    \x1f\x03\0\0\0\0\0\x3c\x07example\0\0\0\0\0\0\0\0",
    b"\x87\0\0\0\0\0\0\0\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x0e\x01abcdef",
    b"\x88\0\0\0\xe0\0\0\0\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x02\x01\x02\0\0\0\0\x01",
    b"\x89\0\0\0\0\0\0\0\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09\
    \x02\x01\x02\0\0\0\0\x01",
];

/// SNMP, less the lengths of what is inside one another.
struct Snmp {
    /// Version and community.
    head: &'static [u8],
    /// Tag of the PDU.
    kind: u8,
    /// What stands before the bindings.
    pdu: &'static [u8],
    /// Name and value of each.
    bindings: &'static [(&'static [u8], &'static [u8])],
}

/// A link down, power on a port, and a value of every type.
const SNMP: &[Snmp] = &[
    Snmp {
        head: b"\x02\x01\x01\x04\x06public",
        kind: 0xa7,
        pdu: b"\x02\x01\x07\x02\x01\0\x02\x01\0",
        bindings: &[
            (b"\x2b\x06\x01\x02\x01\x01\x03\0", b"\x43\x01\x64"),
            (b"\x2b\x06\x01\x06\x03\x01\x01\x04\x01\0", b"\x06\x09\x2b\x06\x01\x06\x03\x01\x01\x05\x03"),
            (b"\x2b\x06\x01\x02\x01\x1f\x01\x01\x01\x01\xce\x7b", b"\x04\x07Gi1/0/7"),
        ],
    },
    Snmp {
        head: b"\x02\x01\0\x04\x01x",
        kind: 0xa4,
        pdu:
            b"\x06\x07\x2b\x06\x01\x02\x01\x69\0\x40\x04\xc0\0\x02\x05\x02\x01\x06\x02\x01\x01\x43\x02\x01\0",
        bindings: &[(b"\x2b\x06\x01\x02\x01\x69\x01\x01\x01\x06\x01\x07", b"\x02\x01\x03")],
    },
    Snmp {
        head: b"\x02\x01\x01\x04\x01x",
        kind: 0xa2,
        pdu: b"\x02\x04\xff\0\0\x07\x02\x01\x05\x02\x01\x02",
        bindings: &[
            (b"\x2b\x06", b"\x02\x01\xff"),
            (b"\x2b\x06", b"\x04\x02\0\xff"),
            (b"\x2b\x06", b"\x05\0"),
            (b"\x2b\x06", b"\x06\x03\x88\x37\x01"),
            (b"\x2b\x06", b"\x40\x04\xc0\0\x02\x07"),
            (b"\x2b\x06", b"\x41\x05\0\xff\xff\xff\xff"),
            (b"\x2b\x06", b"\x42\x01\x7f"),
            (b"\x2b\x06", b"\x43\x04\x7f\xff\xff\xff"),
            (b"\x2b\x06", b"\x46\x02\x01\0"),
            (b"\x2b\x06", b"\x80\0"),
        ],
    },
    Snmp {
        head: b"\x02\x01\x01\x04\x01x",
        kind: 0xa5,
        pdu: b"\x02\x01\x07\x02\x01\x02\x02\x01\x1e",
        bindings: &[(b"\x2b\x06", b"\x05\0")],
    },
];

fn snmp(message: &Snmp) -> Vec<u8> {
    let bindings = message.bindings.iter().map(|(name, value)| ber(0x30, &[&ber(6, &[name]), value]));
    let bindings = ber(0x30, &[&bindings.collect::<Vec<_>>().concat()]);
    udp(162, &ber(0x30, &[message.head, &ber(message.kind, &[message.pdu, &bindings])]))
}

/// An element of BER.
fn ber(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    [&[tag, 0x81, value.len() as u8], &value[..]].concat()
}

/// ICMPv6 messages of both versions of MLD, their checksum wrong.
const MLD: &[&[u8]] = &[
    b"\x82\0\0\0\x27\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    b"\x82\0\0\0\x80\x01\0\0\xff\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\x0a\x7d\0\x01\
    \xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x07",
    b"\x83\0\0\0\0\0\0\0\xff\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\x07",
    b"\x84\0\0\0\0\0\0\0\xff\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\x07",
    b"\x8f\0\0\0\0\0\0\x02\x04\0\0\0\xff\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\
    \x05\x01\0\x01\xff\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\x08\
    \xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x07aux ",
];

/// Queries, reports and a leave of IGMP's three versions.
const IGMP: &[&[u8]] = &[
    b"\x11\0\0\0\0\0\0\0",
    b"\x11\x0a\0\0\xef\0\0\x07",
    b"\x11\x9c\0\0\xef\0\0\x07\x0a\x8a\0\x02\xc0\0\x02\x07\xc0\0\x02\x08",
    b"\x12\0\0\0\xef\0\0\x07",
    b"\x16\0\0\0\xef\0\0\x07",
    b"\x17\0\0\0\xef\0\0\x07",
    b"\x22\0\0\0\0\0\0\x06\x01\0\0\x01\xef\0\0\x07\xc0\0\x02\x07\x02\0\0\0\xef\0\0\x08\
    \x03\0\0\0\xef\0\0\x09\x04\x01\0\0\xef\0\0\x0aaux \
    \x05\0\0\x02\xef\0\0\x0b\xc0\0\x02\x07\xc0\0\x02\x08\x06\0\0\x01\xef\0\0\x0c\xc0\0\x02\x07",
];

/// IGMP in IPv4 with a router alert, checksums left out.
fn eapol(bytes: &[u8]) -> Vec<u8> {
    let mut frame = [b"\x01\x80\xc2\0\0\x03\x02\0\0\0\0\x01\x88\x8e", bytes].concat();
    frame.resize(60, 0);
    frame
}

fn igmp(message: &[u8]) -> Vec<u8> {
    let ip = (message.len() as u16 + 24).to_be_bytes();
    [
        b"\x01\0\x5e\0\0\x16\x02\0\0\0\0\x07\x08\0\x46\0".as_slice(),
        &ip,
        b"\0\0\0\0\x01\x02\0\0\xc0\0\x02\x07\xe0\0\0\x16\x94\x04\0\0",
        message,
    ]
    .concat()
}

/// What CDP frames say: a switch, a telephone, and one of version 1.
const CDP: &[&[u8]] = &[
    b"\x02\xb4\0\0\0\x01\0\x07sw1\0\x03\0\x09Gi1/7\0\x04\0\x08\0\0\0\x29\0\x05\0\x0cIOS\nv 12\0\x06\0\x09cisco\
    \0\x02\0\x2d\0\0\0\x02\x01\x01\xcc\0\x04\xc0\0\x02\x05\
    \x02\x08\xaa\xaa\x03\0\0\0\x86\xdd\0\x10\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\
    \0\x09\0\x08site\0\x0a\0\x06\0\x14\0\x0b\0\x05\x01\0\x0e\0\x07\x01\0\x1e\0\x11\0\x08\0\0\x05\xdc\
    \0\x12\0\x05\0\0\x13\0\x05\0\0\x14\0\x08gate\0\x16\0\x11\0\0\0\x01\x01\x01\xcc\0\x04\xc0\0\x02\x06\
    \0\x17\0\x09\0hall\0\x1a\0\x10\0\x07\0\x01\0\0\x3c\x28\xff\xff\xff\xff",
    b"\x02\xb4\0\0\0\x01\0\x13SEP02000000005A\0\x03\0\x0aPort 1\0\x04\0\x08\0\0\x04\x90\0\x0b\0\x05\0\
    \0\x0f\0\x07\x20\0\x1e\0\x10\0\x06\x18\x9c\0\x19\0\x10\0\x07\0\x01\0\0\x3c\x28\0\0\x18\x9c",
    b"\x01\x78\0\0\0\x01\0\x06R1\0\x03\0\x07E/0",
];

fn cdp(frame: &[u8]) -> Vec<u8> {
    llc(b"\x01\0\x0c\xcc\xcc\xcc", &[b"\xaa\xaa\x03\0\0\x0c\x20\0", frame])
}

/// BPDUs of STP and RSTP, and a notification.
const STP: &[&[u8]] = &[
    b"\0\0\0\0\x81\x10\x14\x02\0\0\0\0\x01\0\0\x4e\x20\x80\x14\x02\0\0\0\0\x09\x80\x03\x01\x80\x14\0\x02\0\x0f\0",
    b"\0\0\x02\x02\x7f\x10\x14\x02\0\0\0\0\x01\0\0\x4e\x20\x80\x14\x02\0\0\0\0\x09\x80\x03\x01\0\x14\0\x02\0\x0f\0\0",
    b"\0\0\0\x80",
];

/// What PVST+ adds: VLAN 20.
const ORIGINATING_VLAN: &[u8] = b"\0\0\0\x02\0\x14";

/// Region `hall` with two trees.
fn mstp() -> Vec<u8> {
    let mut bytes = STP[1].to_vec();
    bytes[2] = 3;
    bytes.extend(b"\0\x60\0hall");
    bytes.resize(71, 0);
    bytes.extend(b"\0\x07\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xdb\xdc\xdd\xde\xdf\xe0");
    bytes.extend(b"\0\0\x07\xd0\x80\0\x02\0\0\0\0\x0b\x13");
    bytes.extend(b"\x7c\x60\x01\x02\0\0\0\0\x01\0\0\0\0\x80\x70\x14");
    bytes.extend(b"\x38\x80\x02\x02\0\0\0\0\x09\0\x01\x86\xa0\x10\x80\x13");
    bytes
}

/// Of version 2, with an end that fell out of use and a collector that takes its time.
fn lacp() -> Vec<u8> {
    let mut frame = b"\x01\x80\xc2\0\0\x02\x02\0\0\0\0\x09\x88\x09\x01\x02\
        \x01\x14\x80\0\x02\0\0\0\0\x01\0\x0d\x80\0\0\x16\xc7\0\0\0\
        \x02\x14\x7f\xff\x02\0\0\0\0\x09\0\x07\0\x80\0\x19\x3f\0\0\0\
        \x03\x10\x12\x34"
        .to_vec();
    frame.resize(124, 0);
    frame
}

/// A frame of LLC, padded.
fn llc(destination: &[u8; 6], payload: &[&[u8]]) -> Vec<u8> {
    let payload = payload.concat();
    let length = (payload.len() as u16).to_be_bytes();
    let mut frame = [&destination[..], b"\x02\0\0\0\0\x09", &length, &payload].concat();
    frame.resize(frame.len().max(60), 0);
    frame
}

fn stp(bpdu: &[u8]) -> Vec<u8> {
    llc(b"\x01\x80\xc2\0\0\0", &[b"\x42\x42\x03", bpdu])
}

fn pvst(bpdu: &[u8]) -> Vec<u8> {
    llc(b"\x01\0\x0c\xcc\xcc\xcd", &[b"\xaa\xaa\x03\0\0\x0c\x01\x0b", bpdu])
}

fn dhcp(operation: u8, options: &[u8]) -> Vec<u8> {
    datagram(&message(operation, &[], &[], options))
}

/// Options in all three fields.
fn overloaded() -> Vec<u8> {
    datagram(&message(2, b"\x3c\x02na\xff", b"\x43\x04boot\xff", b"\x35\x01\x02\x34\x01\x03\xff"))
}

fn message(operation: u8, server_name: &[u8], file: &[u8], options: &[u8]) -> Vec<u8> {
    let mut bytes = vec![operation, 1, 6, 1, 0xde, 0xad, 0xbe, 0xef, 0, 5, 0x80, 0];
    bytes.extend(b"\xc0\0\x02\x01\xc0\0\x02\x02\xc0\0\x02\x03\xc0\0\x02\x04\x02\0\0\0\0\x07");
    bytes.resize(44, 0);
    bytes.extend(server_name);
    bytes.resize(108, 0);
    bytes.extend(file);
    bytes.resize(236, 0);
    bytes.extend(b"\x63\x82\x53\x63");
    bytes.extend(options);
    bytes
}

fn lldp(tlvs: &[u8]) -> Vec<u8> {
    [b"\x01\x80\xc2\0\0\x0e\x02\0\0\0\0\x5a\x88\xcc", tlvs].concat()
}

/// UDP from port 68 to 67.
fn datagram(payload: &[u8]) -> Vec<u8> {
    udp(67, payload)
}

/// UDP to this port, from the next one, in IPv4, checksums left out.
fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let [source, destination] = [port + 1, port].map(u16::to_be_bytes);
    let udp = (payload.len() as u16 + 8).to_be_bytes();
    let ip = (payload.len() as u16 + 28).to_be_bytes();
    [
        b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x07\x08\0\x45\0".as_slice(),
        &ip,
        b"\0\0\0\0\x40\x11\0\0\xc0\0\x02\x07\xff\xff\xff\xff",
        &source,
        &destination,
        &udp,
        b"\0\0",
        payload,
    ]
    .concat()
}

/// ICMPv6 from fe80::7 to ff02::1.
fn nd(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u16).to_be_bytes();
    [
        b"\x33\x33\0\0\0\x01\x02\0\0\0\0\x07\x86\xdd\x60\0\0\0".as_slice(),
        &length,
        b"\x3a\xff\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x01",
        message,
    ]
    .concat()
}
