//! `spanwatch simulate`: a capture of a made-up site with incidents, and the truth about it.

mod help;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use spanwatch_appliance::outputs::file;
use spanwatch_simulator::incident::{Plan, time};
use spanwatch_simulator::mirror::{Form, Writer};
use spanwatch_simulator::options::{self, IncidentOrder, MILLISECOND, Options, SECOND};
use spanwatch_simulator::run;
use spanwatch_simulator::site::{Role, Site};
use spanwatch_simulator::tap::{Out, Sink};
use spanwatch_simulator::truth::Truth;

use super::Failure;
use crate::progress;
use crate::stderr;

/// Write a capture of a made-up site with incidents, and the truth about them
///
/// The same options give the same bytes. The truth is a JSON document beside the capture, written without any detector: who is there, what happened, what should be found.
///
/// Examples:
///   spanwatch simulate -w quiet.pcapng --devices 50 --length 10m
///   spanwatch simulate -w night.pcapng --seed 7 --incident switch-power@2m:sw-01+90s
///   spanwatch simulate -w day.pcapng --view core-both-ways --form tagged,erspan2 --random 3
///   spanwatch simulate --seed 7 --list
///   spanwatch simulate -w - --incident loop | spanwatch replay -
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = help::catalogue(), after_help = help::hint())]
pub struct Simulate {
    /// Where the capture goes, as pcapng; - for standard output
    #[arg(short, long, value_name = "FILE", required_unless_present = "list")]
    write: Option<PathBuf>,
    /// Where the truth goes [default: beside the capture, as NAME.truth.json]
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// List the devices and switches of the site, which incidents can name, and write nothing
    #[arg(long, conflicts_with_all = ["write", "truth"])]
    list: bool,
    /// Chooses everything that is not ordered
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many devices the site has, switches not counted
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(5..=50_000))]
    devices: u32,
    /// How long the capture is, as 30s, 5m, 2h, 1d
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = length)]
    length: i64,
    /// When it begins [default: 2026-01-05T08:00:00Z]
    #[arg(long, value_name = "TIME", value_parser = start)]
    start: Option<i64>,
    /// What the devices are
    #[arg(long, value_enum, default_value_t = Mix::Site)]
    mix: Mix,
    /// How switches are cabled
    #[arg(long, value_enum, default_value_t = Shape::Tree)]
    shape: Shape,
    /// How cameras send [default: drawn for each]
    #[arg(long, value_enum)]
    transport: Option<Transport>,
    /// Pictures a second of each camera [default: drawn for each]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=120))]
    frame_rate: Option<u32>,
    /// Bits a second of each camera [default: drawn for each]
    #[arg(long, value_name = "BPS", value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    bit_rate: Option<u64>,
    /// Begin as everything is switched on, rather than with a site that is well under way
    #[arg(long)]
    from_boot: bool,
    /// Which ports the mirror copies
    #[arg(long, value_enum, default_value_t = View::Core)]
    view: View,
    /// In which form; --help lists the names
    #[arg(long, value_name = "LIST", default_value = "plain", value_parser = |text: &str| text.parse::<Form>())]
    form: Form,
    /// Let something happen: KIND[@TIME][:SUBJECT][+LENGTH]; may be given again. --help lists the kinds
    #[arg(long = "incident", value_name = "ORDER", value_parser = |text: &str| text.parse::<IncidentOrder>())]
    incidents: Vec<IncidentOrder>,
    /// Let so many things happen in addition, drawn by the seed
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    random: u32,
    /// Show no progress bar
    #[arg(long)]
    no_progress: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mix {
    /// Cameras for the most part, recorders, door controllers, intercoms, and an office
    Site,
    /// Cameras and recorders alone
    Video,
    /// Everything but recorders: controllers, intercoms, the office, cameras on demand
    Control,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// Each switch has one way to the core
    Tree,
    /// Access switches form rings that begin and end at the core
    Ring,
    /// Each access switch has a second cable to the core
    Redundant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Transport {
    /// RTP over UDP to the recorder
    Udp,
    /// RTP inside the RTSP connection
    Interleaved,
    /// RTP over UDP to a group
    Multicast,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum View {
    /// What enters any port of the core: each frame that crosses it once
    Core,
    /// What enters and what leaves any port of the core: each frame at least twice
    CoreBothWays,
    /// What enters and leaves the uplink of the first access switch
    Uplink,
    /// What enters any port of any switch: some frames at two switches
    TwoSwitches,
}

impl Simulate {
    /// Does it.
    ///
    /// # Errors
    /// Where the order cannot be carried out, or its output cannot be written.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        let plan = run::plan(&self.order())?;
        let Some(write) = self.write.as_deref().filter(|_| !self.list) else {
            list(&plan.site, &mut io::stdout().lock())?;
            return Ok(ExitCode::SUCCESS);
        };
        if plan.incidents.len() < self.incidents.len() + self.random as usize {
            let left = self.incidents.len() + self.random as usize - plan.incidents.len();
            stderr::say(format_args!(
                "the site and the length have no room for {left} of the random incidents"
            ));
        }
        let is_stdout = write == Path::new("-");
        let truth = if is_stdout {
            self.capture(&plan, &mut io::stdout().lock())?
        } else {
            let mut truth = None;
            file::replace(write, |out| {
                truth = Some(self.capture(&plan, out)?);
                Ok(())
            })?;
            truth.ok_or_else(|| io::Error::other("nothing was simulated"))?
        };
        let beside = || (!is_stdout).then(|| write.with_extension("truth.json"));
        if let Some(path) = self.truth.clone().or_else(beside) {
            file::replace(&path, |out| {
                serde_json::to_writer_pretty(&mut *out, &truth)?;
                writeln!(out)
            })?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn order(&self) -> Options {
        let default = Options::default();
        Options {
            seed: self.seed,
            start: self.start.unwrap_or(default.start),
            length: self.length,
            devices: self.devices,
            mix: match self.mix {
                Mix::Site => options::Mix::Site,
                Mix::Video => options::Mix::Video,
                Mix::Control => options::Mix::Control,
            },
            shape: match self.shape {
                Shape::Tree => options::Shape::Tree,
                Shape::Ring => options::Shape::Ring,
                Shape::Redundant => options::Shape::Redundant,
            },
            frame_rate: self.frame_rate,
            bit_rate: self.bit_rate,
            transport: self.transport.map(|transport| match transport {
                Transport::Udp => options::Transport::Udp,
                Transport::Interleaved => options::Transport::Interleaved,
                Transport::Multicast => options::Transport::Multicast,
            }),
            is_settled: !self.from_boot,
            view: match self.view {
                View::Core => options::View::Core,
                View::CoreBothWays => options::View::CoreBothWays,
                View::Uplink => options::View::Uplink,
                View::TwoSwitches => options::View::TwoSwitches,
            },
            form: self.form.clone(),
            incidents: self.incidents.clone(),
            random_incidents: self.random,
            ..default
        }
    }

    fn capture(&self, plan: &Plan, out: &mut dyn Write) -> io::Result<Truth> {
        let snap = plan.options.form.snap.unwrap_or(0);
        let mut capture = Capture(Writer::new(out, snap)?);
        let start = plan.options.start;
        let seconds = (plan.options.length / SECOND).unsigned_abs();
        let bar = progress::of_seconds(seconds, !self.no_progress);
        let truth = run::run(plan, Out::Packets(&mut capture), |now| {
            bar.set_position(((now - start).max(0) / SECOND).unsigned_abs());
        });
        bar.finish_and_clear();
        let truth = truth?;
        capture.0.finish()?;
        Ok(truth)
    }
}

/// A capture that stops the simulation once it cannot be written.
struct Capture<W: Write>(Writer<W>);

impl<W: Write> Sink for Capture<W> {
    fn frame(&mut self, at: i64, bytes: &[u8], wire_length: u32) -> io::Result<()> {
        self.0.frame(at, bytes, wire_length);
        if self.0.has_failed() { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
    }
}

/// Prints who can be named.
fn list(site: &Site, out: &mut dyn Write) -> io::Result<()> {
    for switch in &site.switches {
        let model = format!("{} {}", switch.product.vendor, switch.product.model);
        writeln!(out, "{:<16} {:<18} {:<16} {model}", switch.name, "switch", site.hosts[switch.host].ip)?;
    }
    for host in site.hosts.iter().filter(|it| !matches!(it.role, Role::Switch(_) | Role::Internet)) {
        let role = match host.role {
            Role::Gateway => "router",
            Role::Camera => "camera",
            Role::Recorder => "recorder",
            Role::Vms => "vms",
            Role::AccessServer => "server",
            Role::Controller => "access-controller",
            Role::Intercom => "intercom",
            Role::Viewer => "viewer",
            Role::Workstation => "workstation",
            Role::Printer => "printer",
            Role::Switch(_) | Role::Internet => "",
        };
        let switch = &site.switches[host.plug.switch].name;
        let model = format!("{} {}", host.product.vendor, host.product.model);
        writeln!(
            out,
            "{:<16} {role:<18} {:<16} {model}, at {switch} ge{}",
            host.name, host.ip, host.plug.port
        )?;
    }
    Ok(())
}

fn length(text: &str) -> Result<i64, String> {
    let length = time(text).map_err(|error| error.to_string())?;
    if length < 100 * MILLISECOND { Err("a capture lasts 100ms at least".to_owned()) } else { Ok(length) }
}

fn start(text: &str) -> Result<i64, String> {
    let time = super::analysis::time(text)?.0;
    // A site is warmed up before, and the longest capture must end before our times do, in 2262.
    let is_sane = (86_400 * SECOND..4_100_000_000 * SECOND).contains(&time);
    if is_sane { Ok(time) } else { Err("a time from 1970-01-02 to 2099".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use spanwatch_simulator::incident::random_order;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        simulate: Simulate,
    }

    #[test]
    fn the_arguments_of_an_order_ask_for_it() {
        for seed in 1..300 {
            let mut order = random_order(seed);
            order.incidents.extend(["loop", "mirror-lost@90s+1500ms"].map(|it| it.parse().unwrap()));
            let line = format!("simulate -w - {}", order.arguments());
            let read =
                Line::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(read.simulate.order(), order, "{line}");
        }
    }
}
