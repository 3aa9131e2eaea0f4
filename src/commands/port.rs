//! What every command that listens on network ports does alike.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use spanwatch_appliance::config::SNAPLEN_MIN;
use spanwatch_appliance::confine::{Needs, confine};
use spanwatch_capture::{Control, Live, Settings, Source};
use spanwatch_parsers::Span;

use super::Failure;
use super::analysis::Data;
use crate::stderr;

/// How to listen.
#[derive(Debug, clap::Args)]
pub struct Listening {
    /// A port with an address to which switches send their mirror (ERSPAN, GRE, VXLAN): only that is read of it, and
    /// the kernel answers none of it
    #[arg(long = "tunnel", value_name = "IF")]
    pub tunnels: Vec<String>,
    /// Keep only so many bytes of each packet [default: 262144]
    #[arg(short, long, value_name = "BYTES",
        value_parser = clap::value_parser!(u32).range(i64::from(SNAPLEN_MIN)..=i64::from(spanwatch_capture::FRAME_MAX)))]
    snaplen: Option<u32>,
    /// Room for packets that wait to be analysed, in MiB for each port [default: 64]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=1024))]
    buffer: Option<u32>,
}

impl Listening {
    /// Begins to listen on ports, until a signal, or after `duration` seconds; then gives up all rights but those that are
    /// needed, so that it is to be called before any thread is started.
    ///
    /// # Errors
    /// Where a port cannot be listened on.
    pub fn open(
        &self,
        interfaces: &[String],
        duration: Option<u32>,
        data: &Data,
        needs: &Needs,
    ) -> Result<(Box<dyn Source>, Control), Failure> {
        let config = &data.config.watch;
        let settings = Settings {
            snaplen: self.snaplen.unwrap_or(config.snaplen_bytes.get()),
            ring_bytes: self.buffer.unwrap_or(config.buffer_mib.get()) << 20,
            filter: data.filter.clone(),
            duration: duration.map(|s| Span::seconds(s.into())),
            tunnels: if self.tunnels.is_empty() { config.tunnels.clone() } else { self.tunnels.clone() },
        };
        let control = Control::default();
        for signal in [SIGINT, SIGTERM] {
            // Whoever asks a second time does not want to wait for the report.
            flag::register_conditional_shutdown(signal, 1, control.flag())?;
            flag::register(signal, control.flag())?;
        }
        let both = settings.tunnels.iter().find(|it| interfaces.contains(it));
        if let Some(both) = both {
            return Err(Failure::Usage(format!(
                "{both} is a mirror port or one to which mirrors are addressed, not both"
            )));
        }
        let tunnels = settings.tunnels.iter().map(|name| format!("{name} (mirrors addressed to it)"));
        let names: Vec<String> = interfaces.iter().cloned().chain(tunnels).collect();
        let live = Live::open(
            interfaces,
            settings,
            control.clone(),
            Box::new(|port, word| match port {
                "" => stderr::say(word),
                port => stderr::say(format_args!("{port}: {word}")),
            }),
        )?;
        stderr::say(confine(needs)?);
        let span = duration.map_or_else(String::new, |s| format!(" for {s} s"));
        stderr::say(format_args!("listening on {}{span}; transmitting nothing", names.join(", ")));
        Ok((Box::new(live), control))
    }
}

/// How a command ends where a port was removed: whoever starts it again finds the new one.
pub const PORT_GONE: u8 = 4;
