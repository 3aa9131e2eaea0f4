//! `spanwatch`: passive watch over cameras, recorders and door controllers.
//!
//! Exit codes: 0 ok, 1 failure, 2 wrong usage, 3 a finding reached `--fail-on`, 4 a port that was listened on was
//! removed.

mod commands;
mod pipeline;
mod progress;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    Users(commands::users::Command),
    Simulate(commands::simulate::Simulate),
    Protocols(commands::protocols::Protocols),
    Kinds(commands::kinds::Kinds),
    Fingerprints(commands::fingerprints::Command),
    Config(commands::config::Command),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Replay(replay) => replay.run(),
        Command::Watch(watch) => watch.run(),
        Command::Serve(serve) => serve.run(),
        Command::Carve(carve) => carve.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Findings(findings) => findings.run(),
        Command::Users(users) => users.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::Protocols(protocols) => protocols.run(),
        Command::Kinds(kinds) => kinds.run(),
        Command::Fingerprints(fingerprints) => fingerprints.run(),
        Command::Config(config) => config.run(),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("spanwatch: {failure}");
            ExitCode::from(if failure.is_usage() { WRONG_USAGE } else { FAILED })
        }
    }
}

/// Something could not be done; the sentence before says what.
const FAILED: u8 = 1;
/// As clap's own.
const WRONG_USAGE: u8 = 2;
