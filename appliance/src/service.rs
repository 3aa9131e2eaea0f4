//! What a program tells the service manager that started it: [`Manager`].
//!
//! ```text
//! READY=1        ports, store and outputs are open
//! STATUS=…       one line, as `systemctl status` shows it
//! WATCHDOG=1     capture and ledger both moved since the last beat; who sends none is started again
//! STOPPING=1     it was told to end
//! ```
//!
//! Each is a datagram to the socket of `NOTIFY_SOCKET`; without one nobody is told, and nothing else changes.
//!
//! Source: `sd_notify(3)`, `sd_watchdog_enabled(3)` of systemd.

use std::ffi::{OsStr, OsString};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs, io, process, thread};

/// Who started us, where that is a service manager that listens.
#[derive(Debug, Clone, Default)]
pub struct Manager {
    socket: Option<Arc<UnixDatagram>>,
    /// It waits so long for a beat.
    patience: Option<Duration>,
}

impl Manager {
    /// The one that the environment names. To be asked before [`crate::confine`], which may keep us from its socket.
    #[must_use]
    pub fn of_environment() -> Self {
        let number = |name| env::var_os(name)?.to_str()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
        let patience = number("WATCHDOG_USEC").filter(|usec| *usec > 0 && is_ours);
        Self::at(env::var_os("NOTIFY_SOCKET").as_deref(), patience.map(Duration::from_micros))
    }

    fn at(name: Option<&OsStr>, patience: Option<Duration>) -> Self {
        let socket = name.and_then(|name| connected(name).ok());
        Self { socket: socket.map(Arc::new), patience }
    }

    /// Says that all is open and the watch goes on.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// Says in a line how it goes.
    pub fn status(&self, line: &str) {
        let line: String =
            line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        self.tell(&format!("STATUS={line}"));
    }

    /// Says that the end has begun.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Beats from a thread of its own for as long as `progress` gives another number than at the last beat.
    ///
    /// # Errors
    /// Where there are no more threads to be had.
    pub fn beat(&self, progress: impl Fn() -> u64 + Send + 'static) -> io::Result<()> {
        let (Some(patience), true) = (self.patience, self.socket.is_some()) else { return Ok(()) };
        let manager = self.clone();
        thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            let mut beaten = None;
            loop {
                let now = progress();
                if beaten != Some(now) {
                    manager.tell("WATCHDOG=1");
                    beaten = Some(now);
                }
                thread::sleep(patience / BEATS);
            }
        })?;
        Ok(())
    }

    /// Who does not listen any more is not waited for.
    fn tell(&self, what: &str) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(what.as_bytes());
        }
    }
}

/// A socket that leads to a name: a path, or `@` and an abstract name.
fn connected(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(OsString::from(name))?,
    };
    socket.connect_addr(&address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Bytes of memory that this process takes up, as the kernel counts them; 0 where it does not tell.
#[must_use]
pub fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0).saturating_mul(1_024)
}

/// In the time for which the manager waits; one that is late does no harm.
const BEATS: u32 = 4;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn heard(at: &UnixDatagram) -> Option<String> {
        let mut bytes = [0; 256];
        let length = at.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }

    /// A manager that listens at a name of its own, by path or abstract.
    fn listening(name: &str, patience: Option<Duration>) -> (UnixDatagram, Manager) {
        let name = format!("{name}{}", process::id());
        let address = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name).unwrap(),
            None => SocketAddr::from_pathname(&name).unwrap(),
        };
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        let manager = Manager::at(Some(OsStr::new(&name)), patience);
        if !name.starts_with('@') {
            fs::remove_file(&name).unwrap();
        }
        (socket, manager)
    }

    #[test]
    fn a_manager_hears_what_becomes_of_us_by_path_and_by_abstract_name() {
        let path = env::temp_dir().join("spanwatch-notify-").display().to_string();
        for name in [path.as_str(), "@spanwatch-notify-"] {
            let (socket, manager) = listening(name, None);
            manager.ready();
            manager.status("12 devices\nREADY=0");
            manager.stopping();
            let all: Vec<_> = (0..3).filter_map(|_| heard(&socket)).collect();
            assert_eq!(all, ["READY=1", "STATUS=12 devices READY=0", "STOPPING=1"]);
        }
    }

    #[test]
    fn who_makes_no_progress_does_not_beat() {
        let (socket, manager) = listening("@spanwatch-watchdog-", Some(Duration::from_millis(80)));
        let progress = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&progress);
        manager.beat(move || counted.load(Ordering::Relaxed)).unwrap();
        for step in 1..4 {
            assert_eq!(heard(&socket).as_deref(), Some("WATCHDOG=1"));
            progress.store(step, Ordering::Relaxed);
        }
        assert_eq!(heard(&socket).as_deref(), Some("WATCHDOG=1"));
        socket.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
        assert_eq!(heard(&socket), None);
        progress.store(9, Ordering::Relaxed);
        assert_eq!(heard(&socket).as_deref(), Some("WATCHDOG=1"));
    }

    #[test]
    fn without_a_manager_nothing_is_told_and_nothing_fails() {
        let manager = Manager::at(None, Some(Duration::from_millis(1)));
        manager.ready();
        manager.beat(|| 0).unwrap();
        assert!(Manager::at(Some(OsStr::new("/no/such/socket")), None).socket.is_none());
    }

    #[test]
    fn this_process_takes_up_some_memory() {
        assert!(resident_bytes() > 1 << 20);
    }
}
