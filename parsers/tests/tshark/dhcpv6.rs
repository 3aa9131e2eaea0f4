//! DHCPv6 in tshark's words.

use spanwatch_parsers::Malformed;
use spanwatch_parsers::protocols::dhcpv6::{
    self, ADDRESS, Address, FQDN, Head, INTERFACE_ID, Message, REMOTE_ID, RawOption, USER_CLASS,
    VENDOR_CLASS, associated, enterprise, pieces,
};

use super::{As, Column, Said, hex, number};

pub const COLUMNS: &[Column] = &[
    (&["dhcpv6.msgtype"], As::Number),
    (&["dhcpv6.xid"], As::Number),
    (&["dhcpv6.hopcount"], As::Number),
    (&["dhcpv6.linkaddr"], As::Shown),
    (&["dhcpv6.peeraddr"], As::Shown),
    (&["dhcpv6.option.type"], As::Number),
    (&["dhcpv6.option.length"], As::Number),
    (&["dhcpv6.iaaddr.ip"], As::Shown),
    (&["dhcpv6.iaaddr.pref_lifetime"], As::Number),
    (&["dhcpv6.iaaddr.valid_lifetime"], As::Number),
    (&["dhcpv6.client_fqdn_flags"], As::Number),
    (&["dhcpv6.client_domain"], As::Shown),
    (&["dhcpv6.userclass.opaque_data"], As::Bytes),
    (&["dhcpv6.vendorclass.enterprise"], As::Number),
    (&["dhcpv6.vendorclass.data"], As::Bytes),
    (&["dhcpv6.interface_id"], As::Bytes),
    (&["dhcpv6.remoteid.enterprise"], As::Number),
    (&["dhcpv6.remoteid_enterprise_id"], As::Bytes),
];

pub fn said(bytes: &[u8]) -> Result<Said, Malformed> {
    let mut said = Said::new();
    message_said(bytes, &mut said)?;
    Ok(said)
}

fn message_said(bytes: &[u8], said: &mut Said) -> Result<(), Malformed> {
    let message = Message::parse(bytes)?;
    said.push(("dhcpv6.msgtype", number(message.kind.0)));
    match message.head {
        Head::Direct { transaction } => said.push(("dhcpv6.xid", number(transaction))),
        Head::Relayed { hops, link, peer } => said.extend([
            ("dhcpv6.hopcount", number(hops)),
            ("dhcpv6.linkaddr", link.to_string()),
            ("dhcpv6.peeraddr", peer.to_string()),
        ]),
    }
    for option in &message.options {
        option_said(option, said);
        if Some(option.value) == message.relayed() {
            message_said(option.value, said)?;
        }
    }
    Ok(())
}

fn option_said(option: &RawOption<'_>, said: &mut Said) {
    let RawOption { code, value } = *option;
    said.extend([("dhcpv6.option.type", number(code)), ("dhcpv6.option.length", number(value.len() as u64))]);
    // Prefixes are not read otherwise.
    let prefixes = value.get(12..).filter(|_| code == 25);
    if let Some(inner) = associated(code, value).or(prefixes) {
        dhcpv6::options(inner).0.iter().for_each(|option| option_said(option, said));
    }
    match code {
        ADDRESS => {
            let Some(address) = Address::read(value) else { return };
            said.extend([
                ("dhcpv6.iaaddr.ip", address.ip.to_string()),
                ("dhcpv6.iaaddr.pref_lifetime", number(address.preferred_s)),
                ("dhcpv6.iaaddr.valid_lifetime", number(address.valid_s)),
            ]);
            dhcpv6::options(address.options).0.iter().for_each(|option| option_said(option, said));
        }
        FQDN => {
            let Some((flags, name)) = value.split_first() else { return };
            said.push(("dhcpv6.client_fqdn_flags", number(*flags)));
            let is_open = name.last().is_some_and(|byte| *byte != 0);
            let name = spanwatch_parsers::name::open(name).unwrap_or_default();
            // tshark ends a whole name with a dot.
            let dot = if is_open { "" } else { "." };
            said.push(("dhcpv6.client_domain", format!("{}{dot}", String::from_utf8_lossy(&name))));
        }
        USER_CLASS => {
            said.extend(pieces(value).iter().map(|class| ("dhcpv6.userclass.opaque_data", hex(class))));
        }
        VENDOR_CLASS => {
            let Some((number_of, classes)) = enterprise(value) else { return };
            said.push(("dhcpv6.vendorclass.enterprise", number(number_of)));
            said.extend(pieces(classes).iter().map(|class| ("dhcpv6.vendorclass.data", hex(class))));
        }
        INTERFACE_ID => said.push(("dhcpv6.interface_id", hex(value))),
        REMOTE_ID => {
            let Some((number_of, id)) = enterprise(value) else { return };
            said.push(("dhcpv6.remoteid.enterprise", number(number_of)));
            said.push(("dhcpv6.remoteid_enterprise_id", hex(id)));
        }
        _ => {}
    }
}
