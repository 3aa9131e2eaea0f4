//! Makes the fuzzers' first inputs: `seed FOLDER CAPTURE…`.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use spanwatch_fuzz::seeds;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments.next().ok_or("usage: seed FOLDER CAPTURE…")?;
    let frames = seeds::captured(&arguments.collect::<Vec<_>>())?;
    write(&folder.join("parsers"), &seeds::parsers(&frames))?;
    write(&folder.join("pcap"), &seeds::pcap(&frames))?;
    write(&folder.join("pcapng"), &seeds::pcapng(&frames))?;
    for target in ["peel", "engine", "mask"] {
        write(&folder.join(target), &seeds::frames(&frames))?;
    }
    Ok(())
}

fn write(folder: &Path, inputs: &[Vec<u8>]) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    for (number, input) in inputs.iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:04}")), input)?;
    }
    println!("{:3} inputs in {}", inputs.len(), folder.display());
    Ok(())
}
