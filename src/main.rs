//! `spanwatch`: passive watch over cameras, recorders and door controllers.
//!
//! Exit codes: 0 ok, 1 failure, 2 wrong usage, 3 a finding reached `--fail-on`, 4 a port that was listened on was
//! removed.

mod commands;
mod health;
mod pipeline;
mod progress;
mod stderr;

use std::panic;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

use clap::{CommandFactory as _, Parser, Subcommand};

/// Passive watch over cameras, recorders and door controllers, from a mirror port or a capture
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Replay(commands::replay::Replay),
    Watch(commands::watch::Watch),
    Serve(commands::serve::Serve),
    Carve(commands::carve::Carve),
    Doctor(commands::doctor::Doctor),
    Findings(commands::findings::Command),
    Learned(commands::learned::Command),
    Users(commands::users::Command),
    Simulate(commands::simulate::Simulate),
    Protocols(commands::protocols::Protocols),
    Kinds(commands::kinds::Kinds),
    Fingerprints(commands::fingerprints::Command),
    Config(commands::config::Command),
    Manual(commands::manual::Manual),
}

fn main() -> ExitCode {
    quieten_panics();
    let outcome = match Arguments::parse().command {
        Command::Replay(replay) => replay.run(),
        Command::Watch(watch) => watch.run(),
        Command::Serve(serve) => serve.run(),
        Command::Carve(carve) => carve.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Findings(findings) => findings.run(),
        Command::Learned(learned) => learned.run(),
        Command::Users(users) => users.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::Protocols(protocols) => protocols.run(),
        Command::Kinds(kinds) => kinds.run(),
        Command::Fingerprints(fingerprints) => fingerprints.run(),
        Command::Config(config) => config.run(),
        Command::Manual(manual) => manual.run(Arguments::command()),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            stderr::say(&failure);
            ExitCode::from(if failure.is_usage() { WRONG_USAGE } else { FAILED })
        }
    }
}

/// Lets panics that are caught, and counted, say so on standard error, but not for each packet of a flood.
fn quieten_panics() {
    let told = AtomicU32::new(0);
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |what| {
        if told.fetch_add(1, Ordering::Relaxed) < PANICS_TOLD {
            tell(what);
        }
    }));
}

/// Panics that are told one by one.
const PANICS_TOLD: u32 = 20;
/// Something could not be done; the sentence before says what.
const FAILED: u8 = 1;
/// As clap's own.
const WRONG_USAGE: u8 = 2;
