//! Packets behind findings as the recorder of a watch kept them: [`Kept`].

use std::path::{Path, PathBuf};

use spanwatch_appliance::recorder::{self, Behind, DEVICES_MAX, Frozen};
use spanwatch_appliance::store::Store;
use spanwatch_engine::carve::{AROUND, Addresses};
use spanwatch_engine::peel::Peeler;
use spanwatch_engine::report::time::{self, rfc3339};
use spanwatch_engine::report::{Finding, Report};
use spanwatch_parsers::Time;
use spanwatch_web::{Carved, Packet, Packets};

use super::{Failure, packet, serve};

/// The store of a folder.
#[derive(Debug)]
pub struct Kept {
    /// Which.
    pub dir: PathBuf,
}

impl Packets for Kept {
    fn carve(&self, report: &Report, finding: &Finding) -> Result<Carved, String> {
        let path = file(&self.dir, &finding.id)?;
        let bytes = std::fs::read(&path).map_err(|error| format!("the packets cannot be read: {error}"))?;
        let frames =
            recorder::frames(&bytes[..]).map_err(|error| format!("the packets cannot be read: {error}"))?;
        let inputs: Vec<&str> = report.capture.inputs.iter().map(|it| it.name.as_str()).collect();
        let mut peeler = Peeler::new();
        let packets = frames.iter().take(serve::PACKETS_MAX).map(|frame| shown(frame, &inputs, &mut peeler));
        Ok(Carved { packets: packets.collect(), count: frames.len() as u64, file: bytes })
    }

    fn has(&self, finding: &Finding) -> bool {
        file(&self.dir, &finding.id).is_ok()
    }
}

fn shown(frame: &Frozen, inputs: &[&str], peeler: &mut Peeler) -> Packet {
    let peeled = peeler.peel(frame.link, frame.at, &frame.bytes, frame.wire_length);
    let input = inputs.iter().position(|it| *it == frame.input).and_then(|at| u32::try_from(at).ok());
    Packet {
        time: rfc3339(frame.at),
        input: input.unwrap_or(u32::MAX),
        frame: frame.frame,
        length: frame.wire_length,
        told: packet::told(&peeled, &frame.bytes),
        evidence: serve::evidence(&frame.comment),
        masked: frame.masked.bytes as u64,
    }
}

/// All that is kept of the packets of a finding, by its id or the beginning of it; `None` where the store does not know it.
///
/// # Errors
/// Where what is there cannot be read.
pub fn behind(dir: &Path, id: &str) -> Result<Option<Behind>, Failure> {
    let Ok(reader) = Store::open_reader(dir) else { return Ok(None) };
    let trouble = |trouble| Failure::Store { dir: dir.to_owned(), trouble };
    let found = reader.finding(id).map_err(trouble)?;
    let Some(finding) = found.and_then(|it| serde_json::from_str::<Finding>(&it.document).ok()) else {
        return Ok(None);
    };
    let from = time::parse(&finding.first_seen).unwrap_or_default() - AROUND;
    let to = time::parse(&finding.last_seen).map_or(Time(i64::MAX), |at| at + AROUND);
    let mut addresses = Addresses::default();
    for device in finding.devices.iter().take(DEVICES_MAX) {
        let (macs, ips) = reader.addressed(device, (from, to)).map_err(trouble)?;
        addresses.0.extend(macs);
        addresses.1.extend(ips);
    }
    let runs: Vec<Time> = reader.watched().map_err(trouble)?.into_iter().map(|(began, _)| began).collect();
    let behind = recorder::behind(dir, &finding, &addresses, &runs);
    Ok(Some(behind.map_err(|error| Failure::Incident(format!("the packets cannot be read: {error}")))?))
}

/// That nothing is kept of a finding, in a sentence.
pub fn nothing(id: &str) -> String {
    format!(
        "no packets are kept for the finding {id}: none were recorded around it, or they had to make room for others'"
    )
}

/// The file with the packets of a finding, by its id or the beginning of it.
///
/// # Errors
/// In a sentence, where there is none.
pub fn file(dir: &Path, id: &str) -> Result<PathBuf, String> {
    match recorder::evidence(dir, id) {
        Ok(Some(path)) => Ok(path),
        Ok(None) => Err(nothing(id)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(format!(
            "no packets are kept in {}: nothing was found yet, or nothing is recorded there",
            dir.display()
        )),
        Err(error) => Err(format!("{}: {error}", dir.display())),
    }
}
