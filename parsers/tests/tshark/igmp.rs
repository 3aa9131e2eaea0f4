//! IGMP in tshark's words.

use spanwatch_parsers::Malformed;
use spanwatch_parsers::group::{Message, Query, Record};
use spanwatch_parsers::protocols::igmp;

use super::{As, Column, Said, number};

pub const COLUMNS: &[Column] = &[
    (&["igmp.max_resp"], As::Number),
    (&["igmp.maddr"], As::Shown),
    (&["igmp.version"], As::Number),
    (&["igmp.s"], As::Number),
    (&["igmp.qrv"], As::Number),
    (&["igmp.qqic"], As::Number),
    (&["igmp.num_src"], As::Number),
    (&["igmp.saddr"], As::Shown),
    (&["igmp.num_grp_recs"], As::Number),
    (&["igmp.record_type"], As::Number),
    (&["igmp.aux_data_len"], As::Number),
];

pub fn said(bytes: &[u8]) -> Result<Said, Malformed> {
    let mut said = Said::new();
    match igmp::parse(bytes)? {
        Message::Query(query) => {
            said.push(("igmp.version", number(query.generation)));
            query_said(&query, &mut said);
        }
        Message::Report { group } if bytes[0] == 0x12 => {
            said.extend([("igmp.version", number(1_u8)), ("igmp.maddr", group.to_string())]);
        }
        Message::Report { group } | Message::Leave { group } => said.extend([
            ("igmp.version", number(2_u8)),
            // Here it means nothing, and is not kept.
            ("igmp.max_resp", number(bytes[1])),
            ("igmp.maddr", group.to_string()),
        ]),
        Message::Records { records, number: records_said, .. } => {
            said.extend([("igmp.version", number(3_u8)), ("igmp.num_grp_recs", number(records_said))]);
            records.iter().for_each(|record| record_said(record, &mut said));
        }
    }
    Ok(said)
}

fn query_said(query: &Query, said: &mut Said) {
    if query.generation > 1 {
        said.push(("igmp.max_resp", number(query.max_response.0 as u64 / 100_000_000)));
    }
    said.push(("igmp.maddr", query.group.to_string()));
    let Some(tail) = &query.tail else { return };
    said.extend([
        ("igmp.s", number(tail.flags >> 3 & 1)),
        ("igmp.qrv", number(tail.flags & 7)),
        ("igmp.qqic", number(tail.interval_code)),
        ("igmp.num_src", number(tail.sources.len() as u64)),
    ]);
    said.extend(tail.sources.iter().map(|source| ("igmp.saddr", source.to_string())));
}

fn record_said(record: &Record<'_>, said: &mut Said) {
    said.extend([
        ("igmp.record_type", number(record.kind)),
        ("igmp.aux_data_len", number(record.auxiliary.len() as u64 / 4)),
        ("igmp.num_src", number(record.sources.len() as u64)),
        ("igmp.maddr", record.group.to_string()),
    ]);
    said.extend(record.sources.iter().map(|source| ("igmp.saddr", source.to_string())));
}
