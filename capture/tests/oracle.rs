//! Every public capture, frame by frame, against another reader of the same formats.

mod support;

use std::fs::File;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};

/// Time in nanoseconds, wire length, link type, captured bytes.
type Told = (Option<i64>, u32, u32, Vec<u8>);

fn oracle(mut file: impl Read + Send) -> Result<Vec<Told>, String> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let mut reader = create_reader(1 << 20, bytes.as_slice()).map_err(|error| format!("{error:?}"))?;
    let (mut unit, mut link) = (1_000, 0);
    let mut interfaces = Vec::new();
    let mut told = Vec::new();
    loop {
        let used = match reader.next() {
            Ok((used, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(header) => {
                        unit = if header.is_nanosecond_precision() { 1 } else { 1_000 };
                        link = header.network.0 as u32 & 0x03ff_ffff;
                    }
                    PcapBlockOwned::Legacy(block) => {
                        let at = i64::from(block.ts_sec) * 1_000_000_000 + i64::from(block.ts_usec) * unit;
                        told.push((
                            Some(at),
                            block.origlen,
                            link,
                            block.data[..block.caplen as usize].to_vec(),
                        ));
                    }
                    PcapBlockOwned::NG(Block::SectionHeader(_)) => interfaces.clear(),
                    PcapBlockOwned::NG(Block::InterfaceDescription(block)) => {
                        let ticks = block.ts_resolution().ok_or("a unit that it cannot compute")?;
                        interfaces.push((block.linktype.0 as u32, ticks, block.if_tsoffset, block.snaplen));
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(block)) => {
                        let (link, ticks_a_second, offset, _) = interfaces[block.if_id as usize];
                        let ticks = u128::from(block.ts_high) << 32 | u128::from(block.ts_low);
                        let nanos = (ticks * 1_000_000_000 / u128::from(ticks_a_second)) as i128;
                        let at = nanos + i128::from(offset) * 1_000_000_000;
                        let at = at.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
                        told.push((
                            Some(at),
                            block.origlen,
                            link,
                            block.data[..block.caplen as usize].to_vec(),
                        ));
                    }
                    PcapBlockOwned::NG(Block::SimplePacket(block)) => {
                        let (link, _, _, snaplen) = interfaces[0];
                        let snaplen = if snaplen == 0 { u32::MAX } else { snaplen };
                        let length = (snaplen.min(block.origlen) as usize).min(block.data.len());
                        told.push((None, block.origlen, link, block.data[..length].to_vec()));
                    }
                    PcapBlockOwned::NG(Block::Unknown(block)) if block.block_type == 2 => {
                        return Err("an old packet block, which it does not read".to_owned());
                    }
                    PcapBlockOwned::NG(_) => {}
                }
                used
            }
            Err(PcapError::Eof) => return Ok(told),
            Err(PcapError::Incomplete(_)) => {
                reader.refill().map_err(|error| format!("{error:?}"))?;
                continue;
            }
            Err(error) => return Err(format!("{error:?}")),
        };
        reader.consume(used);
    }
}

#[test]
fn every_frame_is_as_another_reader_reads_it() {
    let Some(folder) = support::captures() else { return };
    let mut wrong = Vec::new();
    let mut refused = Vec::new();
    for (path, _) in support::index(&folder) {
        let file = File::open(folder.join(&path)).unwrap();
        let told = if path.ends_with(".gz") { oracle(MultiGzDecoder::new(file)) } else { oracle(file) };
        let told = match told {
            Ok(told) => told,
            Err(error) => {
                refused.push(format!("{path}: {error}"));
                continue;
            }
        };
        let ours = support::read_file(&folder.join(&path)).frames;
        if ours.len() != told.len() {
            wrong.push(format!("{path}: {} frames there, {} here", told.len(), ours.len()));
        }
        for ((head, bytes), (at, wire_length, link, its_bytes)) in ours.iter().zip(&told) {
            // Zeros where a record header should stand have no time here.
            let at = at.filter(|at| (*at, *wire_length) != (0, 0));
            let is_same = at.is_none_or(|at| at == head.at.0)
                && (*wire_length, *link) == (head.wire_length, head.link.0)
                && its_bytes == bytes;
            if !is_same {
                wrong.push(format!("{path}: {head:?}, and there {at:?} {wire_length} {link}"));
                break;
            }
        }
    }
    println!("{} captures were refused by the other reader:\n{}", refused.len(), refused.join("\n"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(refused.len() < 40, "the other reader should read nearly all");
}
