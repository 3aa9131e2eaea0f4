//! MLD in tshark's words.

use spanwatch_parsers::Malformed;
use spanwatch_parsers::group::{Message, Query, Record};
use spanwatch_parsers::protocols::mld;

use super::{As, Column, Said, hex, number};

pub const COLUMNS: &[Column] = &[
    (&["icmpv6.type"], As::Number),
    (&["icmpv6.mld.maximum_response_delay", "icmpv6.mld.maximum_response_code"], As::Number),
    (&["icmpv6.mld.multicast_address"], As::Shown),
    (&["icmpv6.mld.flag.s"], As::Number),
    (&["icmpv6.mld.flag.qrv"], As::Number),
    (&["icmpv6.mld.qqi"], As::Number),
    (&["icmpv6.mld.nb_sources"], As::Number),
    (&["icmpv6.mld.source_address"], As::Shown),
    (&["icmpv6.mldr.nb_mcast_records"], As::Number),
    (&["icmpv6.mldr.mar.record_type"], As::Number),
    (&["icmpv6.mldr.mar.aux_data_len"], As::Number),
    (&["icmpv6.mldr.mar.nb_sources"], As::Number),
    (&["icmpv6.mldr.mar.multicast_address"], As::Shown),
    (&["icmpv6.mldr.mar.source_address"], As::Shown),
    (&["icmpv6.mldr.mar.auxiliary_data"], As::Bytes),
];

pub fn said(bytes: &[u8]) -> Result<Said, Malformed> {
    let mut said = vec![("icmpv6.type", number(bytes[0]))];
    match mld::parse(bytes)? {
        Message::Query(query) => query_said(&query, &mut said),
        Message::Report { group } | Message::Leave { group } => said.extend([
            // Here it means nothing, and is not kept.
            ("icmpv6.mld.maximum_response_delay", number(u16::from_be_bytes([bytes[4], bytes[5]]))),
            ("icmpv6.mld.multicast_address", group.to_string()),
        ]),
        Message::Records { records, number: records_said, .. } => {
            said.push(("icmpv6.mldr.nb_mcast_records", number(records_said)));
            records.iter().for_each(|record| record_said(record, &mut said));
        }
    }
    Ok(said)
}

fn query_said(query: &Query, said: &mut Said) {
    let max_response_ms = query.max_response.0 as u64 / 1_000_000;
    said.push(("icmpv6.mld.maximum_response_delay", number(max_response_ms)));
    said.push(("icmpv6.mld.multicast_address", query.group.to_string()));
    let Some(tail) = &query.tail else { return };
    said.extend([
        ("icmpv6.mld.flag.s", number(tail.flags >> 3 & 1)),
        ("icmpv6.mld.flag.qrv", number(tail.flags & 7)),
        ("icmpv6.mld.qqi", number(tail.interval_code)),
        ("icmpv6.mld.nb_sources", number(tail.sources.len() as u64)),
    ]);
    said.extend(tail.sources.iter().map(|source| ("icmpv6.mld.source_address", source.to_string())));
}

fn record_said(record: &Record<'_>, said: &mut Said) {
    said.extend([
        ("icmpv6.mldr.mar.record_type", number(record.kind)),
        ("icmpv6.mldr.mar.aux_data_len", number(record.auxiliary.len() as u64 / 4)),
        ("icmpv6.mldr.mar.nb_sources", number(record.sources.len() as u64)),
        ("icmpv6.mldr.mar.multicast_address", record.group.to_string()),
        ("icmpv6.mldr.mar.auxiliary_data", hex(record.auxiliary)),
    ]);
    said.extend(record.sources.iter().map(|source| ("icmpv6.mldr.mar.source_address", source.to_string())));
}
