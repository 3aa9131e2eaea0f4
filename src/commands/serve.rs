//! `spanwatch serve`: the pages of a capture, of a report, or of a store.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use spanwatch_appliance::confine::{Needs, confine};
use spanwatch_appliance::outputs::Say;
use spanwatch_capture::{Inputs, Reader};
use spanwatch_engine::carve::Carver;
use spanwatch_engine::report::courses::Courses;
use spanwatch_engine::report::time::rfc3339;
use spanwatch_engine::report::{Finding, Report, mirror_check, read};
use spanwatch_web::{Carved, Packet, Packets, Picture, Site, Web};

use super::Failure;
use super::analysis::{Data, Options, analysed_before};
use super::carve::{Writer, carved};
use super::{brought, stored};
use crate::stderr;

/// Serve the pages and the API of captures, of a report, or of a store
///
/// Captures are replayed first; several are one site. A report is what replay --format json writes. Only this machine is answered, until Ctrl+C; from elsewhere use a tunnel such as ssh -L. With a store people log in, and other addresses are served over TLS: the store of a watch, or one in which it is kept what people do about the findings of captures.
///
/// Examples:
///   spanwatch serve office.pcapng
///   spanwatch serve --store /var/lib/spanwatch --listen 0.0.0.0:8443
///   spanwatch serve office.pcapng --store office-case
///   spanwatch serve captures/ --inventory cameras.csv --listen 127.0.0.1:9000
///   spanwatch serve report.json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Serve {
    /// Captures, folders of captures, or one report
    #[arg(required_unless_present = "store", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The folder of a store, which has the users, and what people did about findings
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Where to listen: an address with a port; 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// End by itself after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    duration: Option<u32>,
    #[command(flatten)]
    options: Options,
}

impl Serve {
    /// Does it.
    ///
    /// # Errors
    /// Where nothing can be read, or the address cannot be listened on.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        let say: Say = Arc::new(|what| stderr::say(what));
        let data = self.options.common.data()?;
        let own = stored::certificate(&data.config)?;
        let (reads, listens) = (self.paths.clone(), vec![self.listen.port()]);
        let mut needs = Needs { reads, listens, reads_of_all: true, ..Needs::default() };
        match self.paths.is_empty() {
            true => needs.writes.extend(self.store.clone()),
            false => needs.keeps_in(self.store.as_deref()),
        }
        // Before the first byte of a capture is read.
        say(&confine(&needs)?.to_string());
        let site = match (&self.paths[..], &self.store) {
            ([], Some(dir)) => stored::site(dir, &data)?,
            ([path], store) if is_report(path) => self.kept(still(path)?, store.as_deref(), &data, &say)?,
            (_, store) => {
                let beside = data.beside();
                self.kept(self.replayed(data)?, store.as_deref(), &beside, &say)?
            }
        };
        let over = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, 1, Arc::clone(&over))?;
            flag::register(signal, Arc::clone(&over))?;
        }
        let web = Web::start(self.listen, site, own)?;
        say(&format!("{} until Ctrl+C", web.told().join("\nspanwatch: ")));
        let mut left = self.duration.map(|s| u64::from(s) * STEPS_A_SECOND);
        while !over.load(Ordering::Relaxed) && left != Some(0) {
            thread::sleep(Duration::from_millis(1_000 / STEPS_A_SECOND));
            left = left.map(|left| left - 1);
        }
        web.stop();
        Ok(ExitCode::SUCCESS)
    }

    /// The site, with what people do about its findings where there is a store to keep it in.
    fn kept(&self, site: Site, store: Option<&Path>, data: &Data, say: &Say) -> Result<Arc<Site>, Failure> {
        let Some(dir) = store else { return Ok(Arc::new(site)) };
        stored::keep(&site.picture().report, dir, &data.config, say)?;
        Ok(Arc::new(site.with(stored::access(dir)?).bringing(brought::captures(dir, data)?)))
    }

    fn replayed(&self, data: Data) -> Result<Site, Failure> {
        let inputs = Inputs::find(&self.paths)?;
        super::analysis::say_skipped(&inputs);
        let can_be_read_again = inputs.total_bytes().is_some();
        let mut courses = Courses::default();
        let (report, counts) = analysed_before(inputs, &self.options, &data, &mut |ledger, moment| {
            courses.hear(ledger, moment);
        })?;
        let remarks = mirror_check::remarks(&report, &counts);
        let courses = courses.of(&report);
        let again = Again { paths: self.paths.clone(), data: Arc::new(data) };
        let packets: Option<Box<dyn Packets>> = can_be_read_again.then(|| Box::new(again) as _);
        Ok(Site::still(Picture::new(report, Some(remarks)).with_courses(courses), packets))
    }
}

/// Whether a file is JSON by its first byte, which no capture's is.
fn is_report(path: &Path) -> bool {
    let first = || {
        let mut bytes = BufReader::new(File::open(path).ok().filter(|_| path.is_file())?).bytes();
        bytes.find_map(|byte| byte.ok().filter(|byte| !byte.is_ascii_whitespace()))
    };
    first() == Some(b'{')
}

fn still(path: &Path) -> Result<Site, Failure> {
    let unread = |why: &dyn std::fmt::Display| Failure::Report(format!("{}: {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| unread(&error))?;
    let report = read::report(&bytes).map_err(|why| unread(&why))?;
    Ok(Site::still(Picture::new(report, None), None))
}

/// Reads captures again for the packets behind a finding.
pub struct Again {
    /// Which.
    pub paths: Vec<PathBuf>,
    /// What they were analysed by.
    pub data: Arc<Data>,
}

impl Packets for Again {
    fn carve(&self, report: &Report, finding: &Finding) -> Result<Carved, String> {
        let told = |failure: Failure| failure.to_string();
        let inputs = Inputs::find(&self.paths).map_err(|error| error.to_string())?;
        let filter = self.data.bpf().map_err(|error| error.to_string())?;
        let reader = Reader::new(inputs, filter).without_hashes();
        let (mut file, mut carver) = (Vec::new(), Carver::new(report, finding));
        let mut table = Table::default();
        {
            let unwritten = |error: io::Error| told(error.into());
            let mut writer = Writer::new(reader.names(), &mut file).map_err(unwritten)?;
            carved(reader, &mut carver, &mut writer, &mut table).map_err(told)?;
            writer.finish().map_err(unwritten)?;
        }
        match carver.missing() {
            0 => Ok(Carved { packets: table.packets, count: table.count, file }),
            missing => Err(format!(
                "{missing} packets of the evidence are not there any more: did the capture change?"
            )),
        }
    }
}

/// The packets that are written, as a page shows them.
#[derive(Debug, Default)]
pub struct Table {
    packets: Vec<Packet>,
    count: u64,
    /// What the last frames are that may be written, by input and frame.
    told: VecDeque<((u32, u64), String)>,
}

impl super::carve::Listener for Table {
    fn wanted(&mut self, frame: (u32, u64), told: String) {
        if self.told.len() >= WAITING_MAX {
            self.told.pop_front();
        }
        self.told.push_back((frame, told));
    }

    fn written(&mut self, frame: &spanwatch_engine::carve::Frame, comment: &str) {
        self.count += 1;
        if self.packets.len() >= PACKETS_MAX {
            return;
        }
        let at = self.told.iter().rposition(|(key, _)| *key == (frame.input, frame.frame));
        self.packets.push(Packet {
            time: rfc3339(frame.at),
            input: frame.input,
            frame: frame.frame,
            length: frame.wire_length,
            told: at.and_then(|at| self.told.get(at)).map(|(_, told)| told.clone()).unwrap_or_default(),
            evidence: evidence(comment),
            masked: frame.masked.bytes as u64,
        });
    }
}

/// What a comment says of the evidence that its packet is: it begins with the finding's kind and id; of evidence it goes on with
/// its number and its words.
pub fn evidence(comment: &str) -> Option<String> {
    let (_, words) = comment.split_once(", evidence ")?.1.split_once(": ")?;
    let words = words.rsplit_once("; frame ").map_or(words, |(words, _)| words);
    Some(words.split("; masked: ").next().unwrap_or(words).to_owned())
}

/// How often it is looked whether it is over.
const STEPS_A_SECOND: u64 = 10;
/// Rows of a page; all are in the file.
pub const PACKETS_MAX: usize = 500;
/// More than a carver lets wait.
const WAITING_MAX: usize = 512;
