//! Packets behind findings as the recorder of a watch kept them: [`Kept`].

use std::path::{Path, PathBuf};

use spanwatch_appliance::recorder::{self, Frozen};
use spanwatch_engine::peel::Peeler;
use spanwatch_engine::report::time::rfc3339;
use spanwatch_engine::report::{Finding, Report};
use spanwatch_web::{Carved, Packet, Packets};

use super::{packet, serve};

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

/// The file with the packets of a finding, by its id or the beginning of it.
///
/// # Errors
/// In a sentence, where there is none.
pub fn file(dir: &Path, id: &str) -> Result<PathBuf, String> {
    match recorder::evidence(dir, id) {
        Ok(Some(path)) => Ok(path),
        Ok(None) => Err(format!(
            "no packets are kept for the finding {id}: none were recorded around it, or they had to make room for others'"
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(format!(
            "no packets are kept in {}: nothing was found yet, or nothing is recorded there",
            dir.display()
        )),
        Err(error) => Err(format!("{}: {error}", dir.display())),
    }
}
