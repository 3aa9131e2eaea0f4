//! The least that a reader of captures can do: walk the headers and keep a table of flows.
//!
//! `header_walk FILE.pcapng` reads little-endian pcapng of Ethernet and prints packets, bytes and flows. It stands
//! beside Spanwatch in `make bench`, to show what reading and counting alone cost.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};

/// Both addresses and ports, the smaller end first, and the protocol.
type Flow = ([u8; 18], [u8; 18], u8);

fn main() -> io::Result<()> {
    let path =
        std::env::args_os().nth(1).ok_or_else(|| io::Error::other("usage: header_walk FILE.pcapng"))?;
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut flows: HashMap<Flow, (u64, u64)> = HashMap::new();
    let (mut packets, mut bytes) = (0_u64, 0_u64);
    let mut head = [0; 8];
    let mut block = Vec::new();
    while file.read_exact(&mut head).is_ok() {
        let kind = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        block.resize(length.saturating_sub(8), 0);
        file.read_exact(&mut block)?;
        if kind != ENHANCED_PACKET {
            continue;
        }
        let captured =
            block.get(12..16).map_or(0, |at| u32::from_le_bytes([at[0], at[1], at[2], at[3]]) as usize);
        packets += 1;
        bytes += captured as u64;
        if let Some(flow) = block.get(20..20 + captured).and_then(flow) {
            let sums = flows.entry(flow).or_default();
            *sums = (sums.0 + 1, sums.1 + captured as u64);
        }
    }
    println!("{packets} packets, {bytes} bytes, {} flows", flows.len());
    Ok(())
}

fn flow(frame: &[u8]) -> Option<Flow> {
    let mut at = 12;
    let mut ethertype = frame.get(at..at + 2)?;
    while ethertype == [0x81, 0x00] || ethertype == [0x88, 0xa8] {
        at += 4;
        ethertype = frame.get(at..at + 2)?;
    }
    let packet = frame.get(at + 2..)?;
    let (source, destination, protocol, transport) = match ethertype {
        [0x08, 0x00] => {
            let header = usize::from(packet.first()? & 0x0f) * 4;
            (packet.get(12..16)?, packet.get(16..20)?, *packet.get(9)?, packet.get(header..)?)
        }
        [0x86, 0xdd] => (packet.get(8..24)?, packet.get(24..40)?, *packet.get(6)?, packet.get(40..)?),
        _ => return None,
    };
    let has_ports = matches!(protocol, 6 | 17);
    let ports = transport.get(..4).filter(|_| has_ports).unwrap_or(&[0; 4]);
    let end = |address: &[u8], port: &[u8]| {
        let mut end = [0; 18];
        end[..address.len()].copy_from_slice(address);
        end[16..].copy_from_slice(port);
        end
    };
    let (one, other) = (end(source, &ports[..2]), end(destination, &ports[2..]));
    Some(if one <= other { (one, other, protocol) } else { (other, one, protocol) })
}

const ENHANCED_PACKET: u32 = 6;
