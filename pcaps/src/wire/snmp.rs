//! SNMP version 2c (RFC 3416, 3; RFC 1901, 3), UDP 161 and, for traps, 162.
//!
//! ```text
//! SEQUENCE / version 1, community, PDU / request id, error 0, index 0, SEQUENCE / SEQUENCE / object, value ...
//! ```

use super::der::{INTEGER, OCTETS, SEQUENCE, number, oid, value};

/// `sysDescr.0` (RFC 3418, 2).
pub const SYS_DESCR: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 1, 0];
/// `sysUpTime.0`.
pub const SYS_UP_TIME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 3, 0];
/// `sysName.0`.
pub const SYS_NAME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 5, 0];

/// A value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// None, as in a request.
    Null,
    /// `INTEGER`.
    Integer(i32),
    /// `OCTET STRING`.
    Octets(&'a [u8]),
    /// `OBJECT IDENTIFIER`.
    Oid(&'a [u32]),
    /// `Counter32`.
    Counter(u32),
    /// `Gauge32`.
    Gauge(u32),
    /// `TimeTicks`, in hundredths of a second.
    Ticks(u32),
}

/// An object and its value.
pub type Binding<'a> = (&'a [u32], Value<'a>);

/// Who sends a trap, and when.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// Community.
    pub community: &'a str,
    /// Number of the message.
    pub request_id: i32,
    /// Time since the sender started, in hundredths of a second.
    pub uptime_cs: u32,
}

/// Asks for values.
#[must_use]
pub fn get(community: &str, request_id: i32, objects: &[&[u32]]) -> Vec<u8> {
    let bindings: Vec<Binding> = objects.iter().map(|object| (*object, Value::Null)).collect();
    message(community, GET, request_id, &bindings)
}

/// The answer.
#[must_use]
pub fn response(community: &str, request_id: i32, bindings: &[Binding]) -> Vec<u8> {
    message(community, RESPONSE, request_id, bindings)
}

/// Any trap (RFC 3416, 4.2.6).
#[must_use]
pub fn trap_v2(sender: &Sender, trap: &[u32], bindings: &[Binding]) -> Vec<u8> {
    let mut all = vec![(SYS_UP_TIME, Value::Ticks(sender.uptime_cs)), (SNMP_TRAP, Value::Oid(trap))];
    all.extend_from_slice(bindings);
    message(sender.community, TRAP, sender.request_id, &all)
}

/// The sender has started (RFC 3418, 2).
#[must_use]
pub fn cold_start(sender: &Sender) -> Vec<u8> {
    trap_v2(sender, &[1, 3, 6, 1, 6, 3, 1, 1, 5, 1], &[])
}

/// The link of an interface goes up or down (RFC 2863, 6).
#[must_use]
pub fn link(sender: &Sender, is_up: bool, interface: u32) -> Vec<u8> {
    let column = |column| [1, 3, 6, 1, 2, 1, 2, 2, 1, column, interface];
    let (index, administered, operating) = (column(1), column(7), column(8));
    let bindings: [Binding; 3] = [
        (&index, Value::Integer(interface as i32)),
        (&administered, Value::Integer(1)),
        (&operating, Value::Integer(if is_up { 1 } else { 2 })),
    ];
    trap_v2(sender, &[1, 3, 6, 1, 6, 3, 1, 1, 5, if is_up { 4 } else { 3 }], &bindings)
}

/// A switch's port begins or ceases to give power (`pethPsePortOnOffNotification`, RFC 3621, 4).
#[must_use]
pub fn power(sender: &Sender, is_on: bool, (group, port): (u32, u32)) -> Vec<u8> {
    // Searching 2, delivering 3.
    let status = [1, 3, 6, 1, 2, 1, 105, 1, 1, 1, 6, group, port];
    let bindings: [Binding; 1] = [(&status, Value::Integer(if is_on { 3 } else { 2 }))];
    trap_v2(sender, &[1, 3, 6, 1, 2, 1, 105, 0, 1], &bindings)
}

fn message(community: &str, kind: u8, request_id: i32, bindings: &[Binding]) -> Vec<u8> {
    let bindings: Vec<u8> = bindings
        .iter()
        .flat_map(|(object, bound)| value(SEQUENCE, &[&oid(object), &bound.bytes()]))
        .collect();
    let pdu = [
        &number(INTEGER, i64::from(request_id))[..],
        &number(INTEGER, 0),
        &number(INTEGER, 0),
        &value(SEQUENCE, &[&bindings]),
    ];
    value(SEQUENCE, &[&number(INTEGER, 1), &value(OCTETS, &[community.as_bytes()]), &value(kind, &pdu)])
}

impl Value<'_> {
    fn bytes(&self) -> Vec<u8> {
        match *self {
            Self::Null => value(0x05, &[]),
            Self::Integer(integer) => number(INTEGER, i64::from(integer)),
            Self::Octets(octets) => value(OCTETS, &[octets]),
            Self::Oid(arcs) => oid(arcs),
            Self::Counter(count) => number(0x41, i64::from(count)),
            Self::Gauge(gauge) => number(0x42, i64::from(gauge)),
            Self::Ticks(ticks) => number(0x43, i64::from(ticks)),
        }
    }
}

const GET: u8 = 0xa0;
const RESPONSE: u8 = 0xa2;
const TRAP: u8 = 0xa7;
const SNMP_TRAP: &[u32] = &[1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0];
