//! Spanning tree in tshark's words.

use spanwatch_parsers::protocols::stp::{Bpdu, Region, Tree};
use spanwatch_parsers::{BridgeId, Malformed};

use super::{As, Column, Said, hex, number};

pub const COLUMNS: &[Column] = &[
    (&["stp.version"], As::Number),
    (&["stp.type"], As::Number),
    (&["stp.flags"], As::Number),
    (&["stp.root.prio"], As::Number),
    (&["stp.root.ext"], As::Number),
    (&["stp.root.hw"], As::Bytes),
    (&["stp.root.cost"], As::Number),
    (&["stp.bridge.prio"], As::Number),
    (&["stp.bridge.ext"], As::Number),
    (&["stp.bridge.hw"], As::Bytes),
    (&["stp.port"], As::Number),
    (&["stp.msg_age"], As::Bytes),
    (&["stp.max_age"], As::Bytes),
    (&["stp.hello"], As::Bytes),
    (&["stp.forward"], As::Bytes),
    (&["stp.pvst.origvlan"], As::Number),
    (&["mstp.config_name"], As::Bytes),
    (&["mstp.config_revision_level"], As::Number),
    (&["mstp.config_digest"], As::Bytes),
    (&["mstp.cist_internal_root_path_cost"], As::Number),
    (&["mstp.cist_bridge.prio"], As::Number),
    (&["mstp.cist_bridge.ext"], As::Number),
    (&["mstp.cist_bridge.hw"], As::Bytes),
    (&["mstp.cist_remaining_hops"], As::Number),
    (&["mstp.msti.flags"], As::Number),
    (&["mstp.msti.priority"], As::Number),
    (&["mstp.msti.msti_id"], As::Number),
    (&["mstp.msti.root.hw"], As::Bytes),
    (&["mstp.msti.root_cost"], As::Number),
    (&["mstp.msti.bridge_priority"], As::Number),
    (&["mstp.msti.port_priority"], As::Number),
    (&["mstp.msti.remaining_hops"], As::Number),
];

pub fn said(bytes: &[u8]) -> Result<Said, Malformed> {
    let bpdu = Bpdu::parse(bytes)?;
    let mut said = vec![("stp.version", number(bpdu.version)), ("stp.type", number(bpdu.kind))];
    bpdu.tree.iter().for_each(|tree| tree_said(tree, &mut said));
    bpdu.region.iter().for_each(|region| region_said(region, &mut said));
    said.extend(bpdu.vlan.map(|vlan| ("stp.pvst.origvlan", number(vlan))));
    Ok(said)
}

fn tree_said(tree: &Tree, said: &mut Said) {
    said.push(("stp.flags", number(tree.flags.0)));
    bridge_said(["stp.root.prio", "stp.root.ext", "stp.root.hw"], tree.root, said);
    said.push(("stp.root.cost", number(tree.root_cost)));
    bridge_said(["stp.bridge.prio", "stp.bridge.ext", "stp.bridge.hw"], tree.bridge, said);
    said.extend([
        ("stp.port", number(tree.port)),
        ("stp.msg_age", hex(&tree.message_age.to_be_bytes())),
        ("stp.max_age", hex(&tree.max_age.to_be_bytes())),
        ("stp.hello", hex(&tree.hello.to_be_bytes())),
        ("stp.forward", hex(&tree.forward_delay.to_be_bytes())),
    ]);
}

fn region_said(region: &Region<'_>, said: &mut Said) {
    said.extend([
        ("mstp.config_name", hex(region.name)),
        ("mstp.config_revision_level", number(region.revision)),
        ("mstp.config_digest", hex(&region.digest)),
        ("mstp.cist_internal_root_path_cost", number(region.root_cost)),
    ]);
    let names = ["mstp.cist_bridge.prio", "mstp.cist_bridge.ext", "mstp.cist_bridge.hw"];
    bridge_said(names, region.bridge, said);
    said.push(("mstp.cist_remaining_hops", number(region.hops)));
    for instance in &region.instances {
        said.extend([
            ("mstp.msti.flags", number(instance.flags.0)),
            ("mstp.msti.priority", number(instance.root.priority >> 12)),
            ("mstp.msti.msti_id", number(instance.root.priority & 0xfff)),
            ("mstp.msti.root.hw", hex(&instance.root.mac.0)),
            ("mstp.msti.root_cost", number(instance.root_cost)),
            ("mstp.msti.bridge_priority", number(instance.bridge_priority >> 4)),
            ("mstp.msti.port_priority", number(instance.port_priority >> 4)),
            ("mstp.msti.remaining_hops", number(instance.hops)),
        ]);
    }
}

fn bridge_said([priority, extension, mac]: [&'static str; 3], id: BridgeId, said: &mut Said) {
    said.push((priority, number(id.priority & 0xf000)));
    said.push((extension, number(id.priority & 0x0fff)));
    said.push((mac, hex(&id.mac.0)));
}
