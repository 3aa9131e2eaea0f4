//! `spanwatch learned`: who does what only few do, as a store has learned it, to be approved.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::Value;
use spanwatch_appliance::config::STORE;
use spanwatch_appliance::store::learned::{Learning, accept};
use spanwatch_appliance::store::users::By;
use spanwatch_appliance::store::{Reader, Store, Trouble};
use spanwatch_capture::wall_clock;
use spanwatch_engine::expected::{Peer, Role};
use spanwatch_engine::report::time::day_time;

use super::Failure;
use super::findings::{plain, user};

/// Say whom a store has learned to expect: who watches cameras, which servers they use
///
/// It is written as the table `[expected]` of a configuration. Who is listed there is approved, and whoever else does the same is told of. Without it a new store learns for a day, and goes on with what it learned for good; `accept` ends the learning at once.
///
/// Examples:
///   spanwatch learned --store /var/lib/spanwatch >> /etc/spanwatch/spanwatch.toml
///   spanwatch learned accept
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Command {
    /// The folder of the store
    #[arg(long, value_name = "DIR", default_value = STORE, global = true)]
    store: PathBuf,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// It is right, and it is all: who comes from now on is told of. A watch that is running goes by it at once
    ///
    /// Example: spanwatch learned accept --by kim
    Accept {
        /// Who does it [default: the user who runs this]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// Where there is no store, or it has learned nothing.
    pub fn run(&self) -> Result<ExitCode, Failure> {
        let trouble = |trouble| Failure::Store { dir: self.store.clone(), trouble };
        let mut out = io::stdout().lock();
        match &self.what {
            None => out.write_all(self.table().map_err(trouble)?.as_bytes())?,
            Some(What::Accept { by }) => {
                let who = by.clone().unwrap_or_else(user);
                let by = By { who: &who, origin: None, at: wall_clock() };
                let before = accept(&self.store, &by).map_err(trouble)?;
                let until = before.until();
                let over = if until > by.at { "would have ended" } else { "had ended" };
                writeln!(out, "accepted; learning {over} at {} UTC", day_time(until))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn table(&self) -> Result<String, Trouble> {
        let reader = Store::open_reader(&self.store)?;
        let peers = reader.learned()?;
        let mut toml = head(reader.learning()?.as_ref());
        for role in Role::ALL {
            let of_role: Vec<&Peer> = peers.iter().filter(|peer| peer.role == role).collect();
            if !of_role.is_empty() {
                toml += &format!("{} = [\n", role.name());
                for peer in of_role {
                    let called = called(&reader, &peer.who)?;
                    toml += &format!("    {:?},  # {called}since {} UTC\n", peer.who, day_time(peer.since));
                }
                toml += "]\n";
            }
        }
        Ok(toml)
    }
}

/// What stands before the lists.
fn head(learning: Option<&Learning>) -> String {
    let until = match learning {
        None => "No watch has learned anything yet.".to_owned(),
        Some(Learning { began, accepted: Some((at, by)) }) => {
            let (began, at) = (day_time(*began), day_time(*at));
            format!("Learned from {began} UTC on; accepted at {at} UTC by {}.", plain(by))
        }
        Some(learning) => {
            let (began, until) = (day_time(learning.began), day_time(learning.until()));
            format!("Learned from {began} UTC on, until {until} UTC.")
        }
    };
    format!(
        "# {until}\n# Who is listed is expected. Whoever else does the same is told of; a list that is left out is learned.\n[expected]\n"
    )
}

/// What somebody is called, where he is known: his kind and his name.
fn called(reader: &Reader, who: &str) -> Result<String, Trouble> {
    let Some((kind, document)) = reader.holder(who)? else { return Ok(String::new()) };
    let document: Value = serde_json::from_str(&document).unwrap_or_default();
    let name = ["name", "hostname", "model", "vendor"].iter().find_map(|key| document[*key].as_str());
    let name = name.map_or_else(String::new, |name| format!(" {}", plain(name)));
    Ok(format!("{kind}{name}, "))
}
