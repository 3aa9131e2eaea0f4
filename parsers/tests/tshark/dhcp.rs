//! DHCP in tshark's words.

use std::collections::BTreeSet;

use spanwatch_parsers::Malformed;
use spanwatch_parsers::protocols::dhcp::value::{self, Identified};
use spanwatch_parsers::protocols::dhcp::{Message, RelayInfo, Value, options, relay, vendor};

use super::{As, Column, Said, hex, number};

pub const COLUMNS: &[Column] = &[
    (&["dhcp.type"], As::Number),
    (&["dhcp.hw.type"], As::Number),
    (&["dhcp.hw.len"], As::Number),
    (&["dhcp.hops"], As::Number),
    (&["dhcp.id"], As::Number),
    (&["dhcp.secs"], As::Number),
    (&["dhcp.flags"], As::Number),
    (&["dhcp.ip.client"], As::Shown),
    (&["dhcp.ip.your"], As::Shown),
    (&["dhcp.ip.server"], As::Shown),
    (&["dhcp.ip.relay"], As::Shown),
    (&["dhcp.hw.mac_addr"], As::Bytes),
    (&["dhcp.option.type"], As::FirstByte),
    (&["dhcp.option.value"], As::Bytes),
    (&["dhcp.option.subnet_mask"], As::Shown),
    (&["dhcp.option.router"], As::Shown),
    (&["dhcp.option.domain_name_server"], As::Shown),
    (&["dhcp.option.ntp_server"], As::Shown),
    (&["dhcp.option.tftp_server_address"], As::Shown),
    (&["dhcp.option.hostname"], As::Bytes),
    (&["dhcp.option.domain_name"], As::Bytes),
    (&["dhcp.option.requested_ip_address"], As::Shown),
    (&["dhcp.option.ip_address_lease_time"], As::Number),
    (&["dhcp.option.option_overload"], As::Number),
    (&["dhcp.option.dhcp"], As::Number),
    (&["dhcp.option.dhcp_server_id"], As::Shown),
    (&["dhcp.option.request_list_item"], As::Number),
    (&["dhcp.option.message"], As::Bytes),
    (&["dhcp.option.dhcp_max_message_size"], As::Number),
    (&["dhcp.option.renewal_time_value"], As::Number),
    (&["dhcp.option.rebinding_time_value"], As::Number),
    (&["dhcp.option.vendor_class_id"], As::Bytes),
    (&["dhcp.client_id.iaid"], As::Bytes),
    (&["dhcp.option.tftp_server_name"], As::Bytes),
    (&["dhcp.option.bootfile_name"], As::Bytes),
    (&["dhcp.option.user_class.data"], As::Bytes),
    (&["dhcp.fqdn.flags"], As::Number),
    (&["dhcp.fqdn.rcode1"], As::Number),
    (&["dhcp.fqdn.rcode2"], As::Number),
    (&["dhcp.fqdn.name"], As::Shown),
    (&["dhcp.option.agent_information_option.suboption"], As::Number),
    (&["dhcp.option.agent_information_option.value"], As::Bytes),
    (&["dhcp.option.agent_information_option.agent_circuit_id"], As::Bytes),
    (&["dhcp.option.agent_information_option.agent_remote_id"], As::Bytes),
    (&["dhcp.option.agent_information_option.docsis_device_class"], As::Number),
    (&["dhcp.option.agent_information_option.link_selection"], As::Shown),
    (&["dhcp.option.agent_information_option.subscriber_id"], As::Bytes),
    (&["dhcp.option.agent_information_option.flags"], As::Number),
    (&["dhcp.option.agent_information_option.server_id_override"], As::Shown),
    (&["dhcp.option.agent_information_option.link_selection_cisco"], As::Shown),
    (&["dhcp.option.captive_portal"], As::Bytes),
    (&["dhcp.option.dhcp_dns_domain_search_list_fqdn"], As::Shown),
    (&["dhcp.option.classless_static_route"], As::Bytes),
    (&["dhcp.option.vi_class.enterprise"], As::Number),
    (&["dhcp.option.vi_class.data"], As::Bytes),
    (&["dhcp.option.vi.enterprise"], As::Number),
    (&["dhcp.option.vi.tr111.suboption"], As::Number),
    (&["dhcp.option.vi.tr111.device_serial_number"], As::Bytes),
    (&["dhcp.option.vi.tr111.device_product_class"], As::Bytes),
    (&["dhcp.option.vendor.cl.serial_number"], As::Bytes),
    (&["dhcp.option.vendor.cl.hardware_version"], As::Bytes),
    (&["dhcp.option.vendor.cl.software_version"], As::Bytes),
    (&["dhcp.option.vendor.cl.model_number"], As::Bytes),
    (&["dhcp.option.vendor.cl.vendor_name10"], As::Bytes),
    (&["dhcp.option.private_proxy_autodiscovery"], As::Bytes),
];

pub fn said(bytes: &[u8]) -> Result<Said, Malformed> {
    let message = Message::parse(bytes)?;
    let mut said = vec![
        ("dhcp.type", number(message.operation.0)),
        ("dhcp.hw.type", number(message.hardware)),
        ("dhcp.hw.len", number(message.hardware_length)),
        ("dhcp.hops", number(message.hops)),
        ("dhcp.id", number(message.transaction)),
        ("dhcp.secs", number(message.elapsed_s)),
        ("dhcp.flags", number(message.flags)),
        ("dhcp.ip.client", message.client.to_string()),
        ("dhcp.ip.your", message.yours.to_string()),
        ("dhcp.ip.server", message.next_server.to_string()),
        ("dhcp.ip.relay", message.relay.to_string()),
    ];
    if message.hardware_length == 6 {
        said.push(("dhcp.hw.mac_addr", hex(&message.hardware_address[..6])));
    }
    for option in &message.options.raw {
        said.push(("dhcp.option.type", number(option.code)));
        if !option.value.is_empty() {
            said.push(("dhcp.option.value", hex(option.value)));
        }
    }
    let mut seen = BTreeSet::from([options::END]);
    for code in message.options.raw.iter().map(|option| option.code).filter(|code| seen.insert(*code)) {
        let bytes = value::bytes(&message.options, code).unwrap();
        if let Some(value) = Value::read(code, &bytes) {
            value_said(code, &value, &message, &mut said);
        }
    }
    Ok(said)
}

fn value_said(code: u8, value: &Value<'_>, message: &Message<'_>, said: &mut Said) {
    match value {
        Value::Address(address) => said.extend(name(code).map(|name| (name, address.to_string()))),
        Value::Addresses(all) => {
            said.extend(all.iter().filter_map(|address| name(code).map(|name| (name, address.to_string()))));
        }
        Value::Text(text) => said.extend(name(code).map(|name| (name, hex(text)))),
        Value::Seconds(seconds) => said.extend(name(code).map(|name| (name, number(*seconds)))),
        Value::Byte(byte) => said.extend(name(code).map(|name| (name, number(*byte)))),
        Value::Number(value) => said.extend(name(code).map(|name| (name, number(*value)))),
        Value::Codes(codes) => {
            said.extend(codes.iter().map(|code| ("dhcp.option.request_list_item", number(*code))));
        }
        Value::ClientId(id) => {
            if let Some(mac) = id.mac() {
                said.extend([("dhcp.hw.type", number(id.kind)), ("dhcp.hw.mac_addr", hex(&mac.0))]);
            }
            said.extend(
                id.duid().map(|(interface, _)| ("dhcp.client_id.iaid", hex(&interface.to_be_bytes()))),
            );
        }
        Value::UserClasses(classes) => {
            said.extend(classes.iter().map(|class| ("dhcp.option.user_class.data", hex(class))));
        }
        Value::Fqdn(fqdn) => said.extend([
            ("dhcp.fqdn.flags", number(fqdn.flags)),
            ("dhcp.fqdn.rcode1", number(fqdn.results[0])),
            ("dhcp.fqdn.rcode2", number(fqdn.results[1])),
            ("dhcp.fqdn.name", String::from_utf8_lossy(&fqdn.name).into_owned()),
        ]),
        Value::Relay(info) => relay_said(info, said),
        Value::Names(names) => said.extend(names.iter().map(|name| {
            ("dhcp.option.dhcp_dns_domain_search_list_fqdn", String::from_utf8_lossy(name).into_owned())
        })),
        Value::Identified(all) => all.iter().for_each(|data| identified_said(code, data, said)),
        Value::Vendor(fields) => {
            let class = message.options.whole(options::VENDOR_CLASS);
            let meanings = fields.iter().filter_map(|field| vendor::meaning(class.as_deref(), *field));
            for meaning in meanings {
                if let vendor::Meaning::Attribute(key, value) = meaning {
                    let name = match key.name() {
                        "serial" => "dhcp.option.vendor.cl.serial_number",
                        "hardware" => "dhcp.option.vendor.cl.hardware_version",
                        "firmware" => "dhcp.option.vendor.cl.software_version",
                        "model" => "dhcp.option.vendor.cl.model_number",
                        _ => "dhcp.option.vendor.cl.vendor_name10",
                    };
                    said.push((name, hex(value)));
                }
            }
        }
        Value::Routes(routes) => said.extend(routes.iter().map(|route| {
            let destination = &route.destination.octets()[..usize::from(route.length.div_ceil(8))];
            let bytes = [&[route.length], destination, &route.router.octets()].concat();
            ("dhcp.option.classless_static_route", hex(&bytes))
        })),
        Value::Opaque(_) => {}
    }
}

fn name(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "dhcp.option.subnet_mask",
        3 => "dhcp.option.router",
        6 => "dhcp.option.domain_name_server",
        12 => "dhcp.option.hostname",
        15 => "dhcp.option.domain_name",
        42 => "dhcp.option.ntp_server",
        50 => "dhcp.option.requested_ip_address",
        51 => "dhcp.option.ip_address_lease_time",
        52 => "dhcp.option.option_overload",
        53 => "dhcp.option.dhcp",
        54 => "dhcp.option.dhcp_server_id",
        56 => "dhcp.option.message",
        57 => "dhcp.option.dhcp_max_message_size",
        58 => "dhcp.option.renewal_time_value",
        59 => "dhcp.option.rebinding_time_value",
        60 => "dhcp.option.vendor_class_id",
        66 => "dhcp.option.tftp_server_name",
        67 => "dhcp.option.bootfile_name",
        114 => "dhcp.option.captive_portal",
        150 => "dhcp.option.tftp_server_address",
        252 => "dhcp.option.private_proxy_autodiscovery",
        _ => return None,
    })
}

fn relay_said(info: &RelayInfo<'_>, said: &mut Said) {
    const PREFIX: &str = "dhcp.option.agent_information_option";
    for option in &info.sub_options {
        said.push(("dhcp.option.agent_information_option.suboption", number(option.code)));
        if !option.value.is_empty() {
            said.push(("dhcp.option.agent_information_option.value", hex(option.value)));
        }
        let name = match option.code {
            relay::CIRCUIT_ID => "agent_circuit_id",
            relay::REMOTE_ID => "agent_remote_id",
            relay::SUBSCRIBER_ID => "subscriber_id",
            relay::LINK_SELECTION => "link_selection",
            relay::SERVER_OVERRIDE => "server_id_override",
            relay::LINK_SELECTION_CISCO => "link_selection_cisco",
            relay::DEVICE_CLASS => "docsis_device_class",
            relay::FLAGS => "flags",
            _ => continue,
        };
        let column = COLUMNS.iter().map(|(names, _)| names[0]);
        let name = column
            .filter(|column| column.starts_with(PREFIX))
            .find(|column| column.ends_with(&format!(".{name}")));
        let value = match option.code {
            relay::CIRCUIT_ID | relay::REMOTE_ID | relay::SUBSCRIBER_ID => hex(option.value),
            relay::DEVICE_CLASS => number(u32::from_be_bytes(option.value.try_into().unwrap())),
            relay::FLAGS => number(option.value[0]),
            code => info.address(code).unwrap().to_string(),
        };
        said.push((name.unwrap(), value));
    }
}

fn identified_said(code: u8, data: &Identified<'_>, said: &mut Said) {
    if code == options::VENDOR_IDENTIFYING_CLASS {
        said.push(("dhcp.option.vi_class.enterprise", number(data.enterprise)));
        said.push(("dhcp.option.vi_class.data", hex(data.data)));
        return;
    }
    said.push(("dhcp.option.vi.enterprise", number(data.enterprise)));
    if data.enterprise == 3561 {
        let options = data.sub_options().unwrap_or_default();
        said.extend(options.iter().map(|option| ("dhcp.option.vi.tr111.suboption", number(option.code))));
    }
    for (key, value) in vendor::identified(data) {
        let name = match key.name() {
            "serial" => "dhcp.option.vi.tr111.device_serial_number",
            _ => "dhcp.option.vi.tr111.device_product_class",
        };
        said.push((name, hex(value)));
    }
}
