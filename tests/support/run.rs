//! Runs the program as a user does, and nothing else of the product.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program under test.
pub const SPANWATCH: &str = env!("CARGO_BIN_EXE_spanwatch");

/// What a run gave.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code; 124 where it hung.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    fn of(output: Output) -> Self {
        let code = output.status.code().unwrap_or_else(|| panic!("killed: {:?}", output.status));
        assert_ne!(code, HUNG, "it hangs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!stderr.contains("panicked"), "it panicked: {stderr}");
        Self { code, stdout: output.stdout, stderr }
    }

    /// Standard output, which must be text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("output is UTF-8")
    }

    /// The report, of a run that must have gone well.
    pub fn report(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.stderr);
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The objects of JSON lines.
    pub fn lines(&self) -> Vec<Value> {
        assert_eq!(self.code, 0, "{}", self.stderr);
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.text().lines().map(parse).collect()
    }
}

/// Runs the program, which must end in time.
pub fn spanwatch<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(arguments: I) -> Outcome {
    Outcome::of(command(arguments).output().expect("timeout(1) is there"))
}

/// The program as a command that is ended after a while.
pub fn command<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(arguments: I) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", TIME_LIMIT_S, SPANWATCH]).args(arguments).stdin(Stdio::null());
    command
}

/// Runs the program with `input` as standard input.
pub fn piped<A: AsRef<OsStr>>(arguments: &[A], input: impl FnOnce(&mut dyn Write) + Send) -> Outcome {
    feed(command(arguments), input)
}

/// The shipped sample.
pub fn sample() -> PathBuf {
    super::project("pcaps/site-camera-then-switch.pcapng")
}

/// Runs `replay` over the sample with more arguments.
pub fn replayed(arguments: &[&str]) -> Outcome {
    let sample = sample();
    spanwatch([Path::new("replay"), &sample].into_iter().chain(arguments.iter().map(Path::new)))
}

/// The report on a capture.
pub fn replay(path: &Path) -> Value {
    spanwatch([OsStr::new("replay"), path.as_os_str(), OsStr::new("--format=json")]).report()
}

/// Runs the program with `input` as standard input, and measures the most memory it held, in bytes.
pub fn measured<A: AsRef<OsStr>>(
    arguments: &[A],
    input: impl FnOnce(&mut dyn Write) + Send,
) -> (Outcome, u64) {
    let mut command = Command::new("timeout");
    let run = ["--kill-after=5", TIME_LIMIT_S, "python3", "-c", PEAK, SPANWATCH];
    command.args(run).args(arguments);
    let mut outcome = feed(command, input);
    let (rest, peak) = outcome.stderr.trim_end().rsplit_once("peak ").expect("the wrapper tells the peak");
    let peak = peak.parse::<u64>().expect("a number") * 1024;
    outcome.stderr = rest.to_owned();
    (outcome, peak)
}

fn feed(mut command: Command, input: impl FnOnce(&mut dyn Write) + Send) -> Outcome {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the programs are there");
    let stdin = child.stdin.take().expect("piped");
    std::thread::scope(|scope| {
        scope.spawn(|| input(&mut std::io::BufWriter::with_capacity(1 << 16, stdin)));
        Outcome::of(child.wait_with_output().expect("it ends"))
    })
}

/// A folder for the files of one test, removed in the end; kept where the test fails, for what was captured tells why.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// An empty folder.
    pub fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the target folder can be written");
        Self(path)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).expect("the target folder can be written");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("its files are kept: {}", self.0.display());
        } else {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// Runs its arguments and tells the most memory they held, in KiB.
const PEAK: &str = "\
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)";

/// As timeout(1) exits where it had to end something.
const HUNG: i32 = 124;

/// Longer than anything here takes, a soak included.
const TIME_LIMIT_S: &str = "3600";
