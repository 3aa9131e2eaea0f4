//! Why a device was identified so: every witness for and against each attribute, with its packet.

use std::collections::BTreeSet;
use std::io::{self, Write};

use spanwatch_fingerprints::Fingerprints;
use spanwatch_parsers::Concluded;

use super::table::wrapped;
use super::{Decimal, Device, Identity, Report};
use crate::ledger::identity::confidence;

/// What a word names among the devices.
#[derive(Debug)]
pub enum Named<'a> {
    /// One device.
    Device(&'a Device),
    /// Several devices.
    Several(Vec<&'a Device>),
    /// No device.
    Nothing,
}

/// Looks a device up by its id, an alias, a MAC, an address, its name or its host name; capitals do not matter.
#[must_use]
pub fn named<'a>(report: &'a Report, word: &str) -> Named<'a> {
    let word = word.trim().to_lowercase();
    // Ids and MACs are written with colons here, elsewhere with hyphens or dots.
    let digits: String = word.chars().filter(|it| !matches!(it, ':' | '-' | '.')).collect();
    let is_it = |device: &Device| {
        let names = [&device.name, &device.hostname];
        device.id == word
            || device.mac.as_ref().is_some_and(|mac| mac.replace(':', "") == digits)
            || device.ips.contains(&word)
            || device.aliases.contains(&word)
            || names.into_iter().flatten().any(|name| name.to_lowercase() == word)
    };
    let found: Vec<&Device> = report.devices.iter().map(AsRef::as_ref).filter(|it| is_it(it)).collect();
    match found[..] {
        [] => Named::Nothing,
        [one] => Named::Device(one),
        _ => Named::Several(found),
    }
}

/// One line that tells `device` from others.
#[must_use]
pub fn line(device: &Device) -> String {
    let known = [&device.vendor, &device.model, &device.name, &device.hostname];
    let mut words: Vec<&str> = known.into_iter().flatten().map(String::as_str).collect();
    words.dedup();
    let addresses = device.ips.join(", ");
    let words = if words.is_empty() { "nothing known by name".to_owned() } else { words.join(" ") };
    format!("{}  {words} ({})", device.id, if addresses.is_empty() { "no address" } else { &addresses })
}

/// Writes what is known of `device` of `report`, and by whom.
///
/// # Errors
/// Those of `out`.
pub fn write(
    report: &Report,
    device: &Device,
    fingerprints: &Fingerprints,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "{}", line(device))?;
    writeln!(out, "{}, {} sure of who it is\n", device.kind, device.confidence)?;
    for attribute in ATTRIBUTES {
        let values = values(device, attribute);
        let Some(&(best, _)) = values.first() else {
            unsaid(attribute, fingerprints, out)?;
            continue;
        };
        for (value, sure) in values {
            let word = if value == best || OF_SEVERAL.contains(&attribute) { "" } else { "against it: " };
            writeln!(out, "{attribute:<ATTRIBUTE$}{word}{value} ({})", Decimal::confidence(sure))?;
            if let Some(role) = device.role.filter(|role| attribute == KIND && role.kind == value) {
                writeln!(out, "  {}  what it does: {}", Decimal::confidence(role.strength), role.because)?;
            }
            for said in
                device.identity.iter().filter(|it| it.attribute == attribute && it.value.as_str() == value)
            {
                witness(report, said, out)?;
            }
        }
    }
    entries(device, fingerprints, out)
}

/// The values of an attribute that were witnessed, the surest first, each with its confidence in per cent.
fn values<'a>(device: &'a Device, attribute: &str) -> Vec<(&'a str, u8)> {
    let mut values: Vec<&str> = Vec::new();
    let role = device.role.filter(|_| attribute == KIND);
    let said = device.identity.iter().filter(|it| it.attribute == attribute).map(|it| it.value.as_str());
    for value in said.chain(role.map(|role| role.kind)) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    let chosen = |value: &str| attribute == KIND && value == device.kind;
    let sure = |value: &str| {
        let said =
            device.identity.iter().filter(|it| it.attribute == attribute && it.value.as_str() == value);
        let does = role.filter(|role| role.kind == value).map(|role| role.strength);
        confidence(said.map(|it| it.confidence.percent()).chain(does))
    };
    let mut values: Vec<(&str, u8)> = values.into_iter().map(|value| (value, sure(value))).collect();
    values.sort_by_key(|(value, sure)| (std::cmp::Reverse(*sure), !chosen(value)));
    values
}

fn witness(report: &Report, said: &Identity, out: &mut dyn Write) -> io::Result<()> {
    let input = usize::try_from(said.input).ok().and_then(|input| report.capture.inputs.get(input));
    let of = input.filter(|_| report.capture.inputs.len() > 1).map(|it| format!(" of {}", it.name));
    let by = said.entry.map(|entry| format!(" ({entry})"));
    writeln!(
        out,
        "  {}  {}{}, packet {}{}, {}",
        said.confidence,
        said.source,
        by.unwrap_or_default(),
        said.frame,
        of.unwrap_or_default(),
        super::time::day_time(said.time.0),
    )
}

/// Writes the fingerprints that spoke, once each.
fn entries(device: &Device, fingerprints: &Fingerprints, out: &mut dyn Write) -> io::Result<()> {
    let ids: BTreeSet<&str> = device.identity.iter().filter_map(|said| said.entry).collect();
    if ids.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nThe fingerprints that spoke")?;
    for (id, shown) in ids.into_iter().filter_map(|id| Some((id, fingerprints.entry(id)?))) {
        writeln!(out, "{id}, in {}", shown.file)?;
        writeln!(out, "{:<INSET$}{}", "", shown.pattern)?;
        paragraph(&format!("Source: {}", shown.source), out)?;
        shown.note.map_or(Ok(()), |note| paragraph(note, out))?;
    }
    Ok(())
}

/// Says that nothing told an attribute, and what could; of the lesser ones, nothing.
fn unsaid(attribute: &str, fingerprints: &Fingerprints, out: &mut dyn Write) -> io::Result<()> {
    let Some(concluded) = concluded(attribute) else { return Ok(()) };
    let keys: Vec<&str> = fingerprints.keys_for(concluded).collect();
    writeln!(out, "{attribute:<ATTRIBUTE$}nothing says it")?;
    paragraph(&format!("what can: {}, and whatever device says it outright", keys.join(", ")), out)
}

fn paragraph(text: &str, out: &mut dyn Write) -> io::Result<()> {
    for line in wrapped(text, WIDTH) {
        writeln!(out, "{:<INSET$}{line}", "")?;
    }
    Ok(())
}

fn concluded(attribute: &str) -> Option<Concluded> {
    Some(match attribute {
        KIND => Concluded::Kind,
        "vendor" => Concluded::Vendor,
        "model" => Concluded::Model,
        "firmware" => Concluded::Firmware,
        "serial" => Concluded::Serial,
        _ => return None,
    })
}

const KIND: &str = "kind";

/// What is explained, in this order.
const ATTRIBUTES: [&str; 12] = [
    KIND, "vendor", "model", "firmware", "hardware", "serial", "name", "hostname", "location", "asset",
    "mac", "ip",
];

/// Of which a device has several.
const OF_SEVERAL: [&str; 2] = ["mac", "ip"];

/// Columns of an attribute's name.
const ATTRIBUTE: usize = 10;
/// How far in the explanation of a witness stands, and how wide it is.
const INSET: usize = 8;
const WIDTH: usize = 110;
