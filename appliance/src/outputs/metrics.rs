//! Figures of a running watch for Prometheus: `GET /metrics`.
//!
//! The watch leaves its figures once a second; who asks gets those, and is never waited for. Each connection is answered
//! once and closed, one after the other; who sends nothing for a second, or his request in more than eight parts, is hung up on.
//!
//! Source: Prometheus, "Exposition formats", text-based format 0.0.4: `# HELP`, `# TYPE`, a line for each value; in a label's
//! value `\`, `"` and line feed are escaped. HTTP/1.1 (RFC 9112), of which a request's first line is heeded.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io::{self, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use spanwatch_capture::InputReport;
use spanwatch_parsers::{Span, Time};

use super::Status;
use crate::{recorder, store};

/// What a watch knows of itself and of its site.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// All is told up to then.
    pub at: Time,
    /// Devices by state.
    pub devices: BTreeMap<&'static str, u64>,
    /// Findings that have not ended, by severity.
    pub findings: BTreeMap<&'static str, u64>,
    /// Entries that had to make room, by what they were.
    pub limits: BTreeMap<&'static str, u64>,
    /// The ports.
    pub ports: Vec<InputReport>,
    /// Who is told, and how that goes.
    pub receivers: Vec<(String, Status)>,
    /// How the store does, where there is one.
    pub store: Option<store::Status>,
    /// How the recorder does, where there is one.
    pub recorder: Option<recorder::Status>,
    /// How often code of ours failed, by what it is and its name.
    pub panics: BTreeMap<String, u64>,
    /// How the program itself does.
    pub own: Own,
}

/// How the program itself does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Own {
    /// By how much what is told is behind the machine's clock, in nanoseconds.
    pub lag: Span,
    /// Batches of packets between the capture and the ledger.
    pub batches_waiting: u64,
    /// Bytes of memory that it takes up.
    pub resident_bytes: u64,
}

/// The line that a service manager shows.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |counts: &BTreeMap<&'static str, u64>| counts.values().sum::<u64>();
        let dropped: u64 = self.ports.iter().filter_map(|port| port.dropped).sum();
        write!(f, "{} devices, {} offline; ", sum(&self.devices), self.devices.get("offline").unwrap_or(&0))?;
        write!(f, "{} findings; {dropped} packets dropped; ", sum(&self.findings))?;
        let Own { lag, resident_bytes, .. } = self.own;
        write!(f, "{} ms behind, {} MiB", lag.0.max(0) / 1_000_000, resident_bytes >> 20)?;
        let failed: u64 = self.panics.values().sum();
        if failed > 0 { write!(f, "; failed {failed} times: see the figures") } else { Ok(()) }
    }
}

/// Where figures can be had.
#[derive(Debug)]
pub struct Metrics {
    figures: Arc<Mutex<Figures>>,
}

impl Metrics {
    /// Begins to answer on an address.
    ///
    /// # Errors
    /// Where it cannot be listened on.
    pub fn listen(at: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(at)?;
        let figures = Arc::new(Mutex::new(Figures::default()));
        let shared = Arc::clone(&figures);
        thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            for asker in listener.incoming() {
                let figures = || shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
                match asker {
                    // Who is slow or goes away gets no answer; nobody else is concerned.
                    Ok(asker) => drop(answer(asker, figures)),
                    // Too many open files, say: nothing tells when there will be fewer.
                    Err(_) => thread::sleep(REST),
                }
            }
        })?;
        Ok(Self { figures })
    }

    /// Leaves figures for who asks.
    pub fn show(&self, figures: Figures) {
        *self.figures.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }
}

fn answer(mut asker: TcpStream, figures: impl FnOnce() -> Figures) -> io::Result<()> {
    asker.set_read_timeout(Some(PATIENCE))?;
    asker.set_write_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    let mut part = [0; 1_024];
    for _ in 0..READS_MAX {
        let read = asker.read(&mut part)?;
        head.extend(part.iter().take(read));
        if read == 0 || head.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
    }
    let (status, body) = match head.split(|byte| *byte == b'\r').next().unwrap_or_default() {
        b"GET /metrics HTTP/1.1" | b"GET /metrics HTTP/1.0" => ("200 OK", text(&figures())),
        line if line.starts_with(b"GET ") => ("404 Not Found", "figures are at /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "ask with GET\n".to_owned()),
    };
    write!(
        asker,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Allow: GET\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A value with the one label that it has, if any.
type Sample<'a> = (Option<(&'static str, &'a str)>, String);

/// How a count of a port is had, where the port has it.
type Counter = fn(&InputReport) -> Option<u64>;

/// How a figure is had.
type Figure<T> = fn(&T) -> u64;

fn text(figures: &Figures) -> String {
    let mut text = String::new();
    let Figures { at, devices, findings, limits, ports, receivers, store, recorder, panics, own } = figures;
    let version = [(Some(("version", env!("CARGO_PKG_VERSION"))), "1".to_owned())];
    family(&mut text, ("build_info", "gauge", "The version that runs."), version);
    let until = [(None, (at.0 / 1_000_000_000).to_string())];
    family(&mut text, ("time_seconds", "gauge", "All is told up to then, in packet time."), until);
    for (name, about, counts) in [
        ("devices", "Devices by state.", devices),
        ("findings", "Findings that have not ended, by severity.", findings),
    ] {
        let label = if name == "devices" { "state" } else { "severity" };
        let samples = counts.iter().map(|(of, count)| (Some((label, *of)), count.to_string()));
        family(&mut text, (name, "gauge", about), samples);
    }
    let samples = limits.iter().map(|(what, count)| (Some(("what", *what)), count.to_string()));
    let about = "Entries that had to make room for others: what rests on them is unknown.";
    family(&mut text, ("evicted_total", "counter", about), samples);
    let of_ports: [(_, _, Counter); 5] = [
        ("packets_total", "Packets analysed.", |port| Some(port.packets)),
        ("bytes_total", "Bytes kept of them.", |port| Some(port.bytes)),
        ("dropped_packets_total", "Packets dropped on this machine.", |port| port.dropped),
        ("sent_packets_total", "Packets that the mirror port transmitted.", |port| {
            port.port.and_then(|port| port.sent)
        }),
        ("joined_packets_total", "Packets longer than a cable carries.", |port| {
            port.port.map(|port| port.joined)
        }),
    ];
    for (name, about, count) in of_ports {
        let counted = ports.iter().filter_map(|port| Some((port, count(port)?)));
        let samples = counted.map(|(port, count)| (Some(("interface", &*port.name)), count.to_string()));
        family(&mut text, (name, "counter", about), samples);
    }
    let of_receivers: [(_, _, _, Figure<Status>); 5] = [
        ("messages_sent_total", "counter", "Messages delivered.", |it| it.sent),
        ("messages_dropped_total", "counter", "Messages dropped: the queue was full.", |it| it.dropped),
        ("messages_refused_total", "counter", "Messages that the receiver would not have.", |it| it.refused),
        ("messages_waiting", "gauge", "Messages that wait.", |it| it.waiting as u64),
        ("receiver_failing", "gauge", "Whether the last attempt failed.", |it| it.is_failing.into()),
    ];
    for (name, kind, about, count) in of_receivers {
        let samples = receivers.iter().map(|(to, it)| (Some(("receiver", &**to)), count(it).to_string()));
        family(&mut text, (name, kind, about), samples);
    }
    let of_store: [(_, _, Figure<store::Status>); 4] = [
        ("store_failing", "Whether no history can be written.", |it| it.failing.is_some().into()),
        ("store_time_seconds", "All is in the store up to then, in packet time.", |it| {
            it.written.0.div_euclid(1_000_000_000).unsigned_abs()
        }),
        ("store_messages", "Messages that wait and are in the store: a restart does not lose them.", |it| {
            it.messages
        }),
        (
            "store_minutes_lost",
            "Minutes of streams that found no room while nothing could be written.",
            |it| it.sums_lost,
        ),
    ];
    for (name, about, figure) in of_store {
        let samples = store.iter().map(|it| (None, figure(it).to_string()));
        family(&mut text, (name, "gauge", about), samples);
    }
    let of_recorder: [(_, _, _, Figure<recorder::Status>); 9] = [
        ("recorder_failing", "gauge", "Whether no packet can be recorded.", |it| it.failing.is_some().into()),
        ("recorded_packets_total", "counter", "Packets recorded.", |it| it.written),
        ("recorder_dropped_packets_total", "counter", "Packets that the recorder was too slow for.", |it| {
            it.dropped
        }),
        ("recorder_unwritten_packets_total", "counter", "Packets that found no room on the disk.", |it| {
            it.unwritten
        }),
        ("recorder_bytes", "gauge", "Recent packets on disk.", |it| it.frames_bytes),
        ("evidence_findings", "gauge", "Findings whose packets are kept.", |it| it.findings),
        ("evidence_bytes", "gauge", "The packets behind findings on disk.", |it| it.evidence_bytes),
        ("evidence_let_go_total", "counter", "Findings whose packets had to make room.", |it| it.let_go),
        (
            "evidence_left_out_packets_total",
            "counter",
            "Packets that were too many for their finding.",
            |it| it.left_out,
        ),
    ];
    for (name, kind, about, figure) in of_recorder {
        let samples = recorder.iter().map(|it| (None, figure(it).to_string()));
        family(&mut text, (name, kind, about), samples);
    }
    let samples = panics.iter().map(|(what, count)| (Some(("what", what.as_str())), count.to_string()));
    let about =
        "Faults of this program that cost a message, a packet or a detector's turn each: report them.";
    family(&mut text, ("panics_total", "counter", about), samples);
    let lag = format!("{:.3}", own.lag.0.max(0) as f64 / 1e9);
    for (name, about, value) in [
        ("lag_seconds", "By how much what is told is behind the clock; of a quiet port up to a second.", lag),
        (
            "batches_waiting",
            "Batches of packets between the capture and the ledger.",
            own.batches_waiting.to_string(),
        ),
        ("resident_bytes", "Memory that the program takes up.", own.resident_bytes.to_string()),
    ] {
        family(&mut text, (name, "gauge", about), [(None, value)]);
    }
    text
}

/// Writes what there is of one name, unless there is nothing.
fn family<'a>(
    text: &mut String,
    (name, kind, about): (&str, &str, &str),
    samples: impl IntoIterator<Item = Sample<'a>>,
) {
    let mut is_first = true;
    for (label, value) in samples {
        if std::mem::take(&mut is_first) {
            let _ = writeln!(text, "# HELP spanwatch_{name} {about}\n# TYPE spanwatch_{name} {kind}");
        }
        let _ = match label {
            None => writeln!(text, "spanwatch_{name} {value}"),
            Some((label, of)) => writeln!(text, "spanwatch_{name}{{{label}=\"{}\"}} {value}", escaped(of)),
        };
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// For each read and write.
const PATIENCE: Duration = Duration::from_secs(1);
/// Parts of a request that are read: of a kilobyte at most, each.
const READS_MAX: usize = 8;
/// After a connection that could not be taken.
const REST: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(request: &[u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut asker = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        asker.write_all(request).unwrap();
        let (served, _) = listener.accept().unwrap();
        answer(served, || Figures { at: Time(7_000_000_000), ..Figures::default() }).unwrap();
        let mut told = String::new();
        asker.read_to_string(&mut told).unwrap();
        told
    }

    #[test]
    fn figures_are_told_to_who_asks_for_them() {
        let told = asked(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        let (head, body) = told.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        assert!(body.contains("\nspanwatch_time_seconds 7\n"), "{body}");
        assert!(!body.contains("spanwatch_messages"), "nobody is told: {body}");
    }

    #[test]
    fn whatever_else_is_asked_is_refused() {
        assert!(asked(b"GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
        assert!(asked(b"POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        assert!(asked(&[b'x'; 8_192]).starts_with("HTTP/1.1 405 "));
    }

    #[test]
    fn a_label_cannot_break_out_of_its_quotes() {
        let mut text = String::new();
        let samples = [(Some(("receiver", "a\"} 1\n\\")), "2".to_owned())];
        family(&mut text, ("x", "gauge", "X."), samples);
        assert!(text.ends_with("\nspanwatch_x{receiver=\"a\\\"} 1\\n\\\\\"} 2\n"), "{text}");
    }
}
