//! `spanwatch carve`: the frames behind one finding.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use spanwatch_appliance::outputs::file;
use spanwatch_appliance::recorder;
use spanwatch_capture::{Batch, FRAME_MAX, FrameHead, Inputs, PcapngWriter, Reader, Source, WrittenFrame};
use spanwatch_engine::carve::{Carver, Frame};
use spanwatch_engine::hash::seed;
use spanwatch_engine::mask::Masker;
use spanwatch_engine::peel::Peeler;
use spanwatch_engine::report::time::rfc3339;
use spanwatch_parsers::LinkType;

use super::analysis::{Options, analysed};
use super::replay::finding_named;
use super::{Failure, kept, packet};
use crate::pipeline::Stopped;
use crate::stderr;

/// Write the packets behind one finding, with a comment on each
///
/// What the finding cites, and what its devices sent and got around it, as pcapng for Wireshark. Whatever may be a password is overwritten with * before it is written, at the same length; so is all that is not understood. The inputs are read twice, so that they have to be files. Of a watch with a store, which may run, those are written that its recorder kept for the finding, and those that are still among its recent ones; what is gone is said.
///
/// Examples:
///   spanwatch carve --finding 3f2a office.pcapng -w evidence.pcapng
///   spanwatch carve --finding 3f2a captures/ -w evidence.pcapng
///   spanwatch carve --finding 3f2a --store /var/lib/spanwatch -w evidence.pcapng
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Carve {
    /// Captures, or folders of captures
    #[arg(required_unless_present = "store", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The store of a watch, instead of captures
    #[arg(long, value_name = "DIR", conflicts_with = "paths")]
    store: Option<PathBuf>,
    /// The finding's id, or the beginning of it
    #[arg(long, value_name = "ID")]
    finding: String,
    /// Where to write
    #[arg(short, long, value_name = "OUT.pcapng")]
    write: PathBuf,
    #[command(flatten)]
    options: Options,
}

impl Carve {
    /// Does it.
    ///
    /// # Errors
    /// Where no input can be read, no finding has the id, or the file cannot be written.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        if let Some(store) = &self.store {
            return self.of_store(store);
        }
        let data = self.options.common.data()?;
        let inputs = Inputs::find(&self.paths)?;
        super::analysis::say_skipped(&inputs);
        if inputs.total_bytes().is_none() {
            let why = "carve reads its inputs twice: standard input and pipes have to be files first";
            return Err(Failure::Usage(why.to_owned()));
        }
        let (report, _) = analysed(inputs, &self.options, &data)?;
        let (finding, _) = finding_named(&report, &self.finding)?;
        let mut carver = Carver::new(&report, finding);
        let reader = Reader::new(Inputs::find(&self.paths)?, data.bpf()?).without_hashes();
        let mut stopped = None;
        file::replace(&self.write, |out| {
            let mut writer = Writer::new(reader.names(), out)?;
            match carved(reader, &mut carver, &mut writer, &mut Nobody) {
                Ok(()) => writer.finish(),
                Err(Failure::Stdout(error)) => Err(error),
                Err(other) => {
                    stopped = Some(other);
                    Err(io::Error::other("the inputs cannot be read again"))
                }
            }
        })
        .map_err(|unwritten| stopped.take().unwrap_or_else(|| unwritten.into()))?;
        match carver.missing() {
            0 => Ok(ExitCode::SUCCESS),
            missing => {
                let text = format!(
                    "{missing} frames of the evidence are not there any more: did the inputs change?"
                );
                Err(Failure::Incident(text))
            }
        }
    }
}

impl Carve {
    /// Writes what a store keeps of a finding.
    fn of_store(&self, store: &Path) -> Result<ExitCode, Failure> {
        let Some(behind) = kept::behind(store, &self.finding)? else {
            // One that the store forgot, or a store that is damaged: what was kept may be there.
            let kept = kept::file(store, &self.finding).map_err(Failure::Incident)?;
            let bytes = std::fs::read(kept)?;
            file::replace(&self.write, |out| out.write_all(&bytes))?;
            return Ok(ExitCode::SUCCESS);
        };
        if behind.frames.is_empty() {
            return Err(Failure::Incident(kept::nothing(&self.finding)));
        }
        file::replace(&self.write, |out| recorder::write(out, &behind.frames))?;
        let (gone, cited) = (behind.gone.len(), behind.cited);
        if gone > 0 {
            let since = behind.since.map(|at| format!("; recent packets go back to {}", rfc3339(at)));
            let pieces: Vec<String> = behind.gone.iter().take(GONE_SHOWN).map(ToString::to_string).collect();
            let more = if gone > GONE_SHOWN { " and more" } else { "" };
            stderr::say(format_args!(
                "{gone} of the {cited} packets that the finding cites are not kept (evidence {}{more}){}",
                pieces.join(", "),
                since.unwrap_or_default()
            ));
        }
        if behind.left_out > 0 {
            stderr::say(format_args!(
                "{} packets more are around it than are kept of one finding",
                behind.left_out
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Who wants to know what is written.
pub trait Listener {
    /// A frame may be written: its input and number, and what it is.
    fn wanted(&mut self, frame: (u32, u64), told: String);
    /// A frame is written.
    fn written(&mut self, frame: &Frame, comment: &str);
}

struct Nobody;

impl Listener for Nobody {
    fn wanted(&mut self, _: (u32, u64), _: String) {}
    fn written(&mut self, _: &Frame, _: &str) {}
}

/// Reads all frames again and writes those of the finding.
///
/// # Errors
/// Where they cannot be read or written.
pub fn carved(
    mut reader: Reader,
    carver: &mut Carver,
    writer: &mut Writer<'_>,
    listener: &mut dyn Listener,
) -> Result<(), Failure> {
    let (mut peeler, mut masker) = (Peeler::new(), Masker::new(seed()));
    let (mut batch, mut out, mut bytes) = (Batch::default(), Vec::new(), Vec::new());
    while reader.fill(&mut batch).map_err(Stopped::from)? {
        for (head, captured) in batch.frames() {
            let peeled = peeler.peel(head.link, head.at, captured, head.wire_length);
            bytes.clear();
            bytes.extend_from_slice(captured);
            let masked = masker.mask(head.link, head.at, &peeled, &mut bytes);
            carver.advance(head.at, &mut out);
            if carver.wants((head.input, head.frame), &peeled, captured) {
                listener.wanted((head.input, head.frame), packet::told(&peeled, captured));
                let frame = Frame {
                    at: head.at,
                    input: head.input,
                    frame: head.frame,
                    interface: writer.interface(head)?,
                    wire_length: head.wire_length,
                    bytes: bytes.clone(),
                    masked,
                };
                carver.take(frame, &mut out);
            }
            for (frame, comment) in out.drain(..) {
                writer.write(&frame, &comment)?;
                listener.written(&frame, &comment);
            }
        }
        batch.clear();
    }
    Ok(())
}

/// Writes frames of several inputs as pcapng.
pub struct Writer<'a> {
    pcapng: PcapngWriter<&'a mut dyn Write>,
    inputs: Vec<String>,
    /// By input, number there and link type.
    interfaces: BTreeMap<(u32, u32, LinkType), u32>,
}

impl<'a> Writer<'a> {
    /// # Errors
    /// Those of `out`.
    pub fn new(inputs: &[String], out: &'a mut dyn Write) -> io::Result<Self> {
        let application = concat!("spanwatch ", env!("CARGO_PKG_VERSION"));
        let pcapng = PcapngWriter::new(out, application)?;
        Ok(Self { pcapng, inputs: inputs.to_vec(), interfaces: BTreeMap::new() })
    }

    /// The interface of a frame, written where it is the first of it.
    fn interface(&mut self, head: &FrameHead) -> io::Result<u32> {
        let key = (head.input, head.interface, head.link);
        if let Some(number) = self.interfaces.get(&key) {
            return Ok(*number);
        }
        let name = self.name(head.input).to_owned();
        let number = self.pcapng.interface(head.link, FRAME_MAX, &name)?;
        self.interfaces.insert(key, number);
        Ok(number)
    }

    fn write(&mut self, frame: &Frame, comment: &str) -> io::Result<()> {
        let comment = format!("{comment}; frame {} of {}", frame.frame, self.name(frame.input));
        self.pcapng.frame(WrittenFrame {
            interface: frame.interface,
            at: frame.at,
            wire_length: frame.wire_length,
            bytes: &frame.bytes,
            comment: Some(&comment),
        })
    }

    fn name(&self, input: u32) -> &str {
        usize::try_from(input).ok().and_then(|input| self.inputs.get(input)).map_or("", String::as_str)
    }

    /// # Errors
    /// Those of what is written to.
    pub fn finish(self) -> io::Result<()> {
        self.pcapng.finish().map(|_| ())
    }
}

/// Pieces of evidence that are named one by one where they are gone.
const GONE_SHOWN: usize = 10;
