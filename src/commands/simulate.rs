//! `spanwatch simulate`: a capture of a made-up site, and the truth about it.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::process::ExitCode;

use spanwatch_simulator::mirror::Writer;
use spanwatch_simulator::options::{Options, SECOND};
use spanwatch_simulator::tap::{Out, Sink};

use super::Failure;

/// Write a capture of a made-up site
#[derive(Debug, clap::Args)]
pub struct Simulate {
    /// Chooses everything that is not ordered
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many devices
    #[arg(long, default_value_t = 20)]
    devices: u32,
    /// Seconds
    #[arg(long, default_value_t = 300)]
    length: i64,
    /// Where the capture goes
    #[arg(short, long, value_name = "FILE")]
    write: PathBuf,
}

struct File_(Writer<BufWriter<File>>);

impl Sink for File_ {
    fn frame(&mut self, at: i64, bytes: &[u8], wire_length: u32) -> io::Result<()> {
        self.0.frame(at, bytes, wire_length);
        Ok(())
    }
}

impl Simulate {
    /// Does it.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        let options = Options {
            seed: self.seed,
            devices: self.devices,
            length: self.length * SECOND,
            ..Options::default()
        };
        let file = File::create(&self.write).map_err(Failure::Stdout)?;
        let mut sink = File_(Writer::new(BufWriter::new(file), 0).map_err(Failure::Stdout)?);
        spanwatch_simulator::run::run(&options, Out::Packets(&mut sink), |_| ()).map_err(Failure::Stdout)?;
        sink.0.finish().map_err(Failure::Stdout)?;
        Ok(ExitCode::SUCCESS)
    }
}
