//! Captures that people brought, each in a folder of its own until it is removed or its time is over: [`Uploads`].
//!
//! ```text
//! STORE/captures/ID/capture/NAME    what was brought, byte by byte
//!                  /about.json      who brought it, when, how much it is
//!                  /report.json     what the analysis says, and
//!                  /courses.json    how the streams went; or
//!                  /failed          why there is no report
//! ```
//!
//! Bounded: so many at a time ([`COUNT_MAX`]), so large each ([`BYTES_MAX`]) and together ([`BYTES_OF_ALL_MAX`]), for so long
//! ([`KEPT`]). What is not whole when the program ends is removed when it begins again.
//!
//! Several processes may have one store: whoever takes or analyses a capture holds a lock (flock) on its folder, which goes with its
//! process, and who begins or removes one another on the folder of all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FlockOperation, OFlags, flock};
use serde::{Deserialize, Serialize};
use spanwatch_parsers::{Span, Time};

use crate::access::secret;
use crate::store::made_in;

/// The captures of a store.
#[derive(Debug)]
pub struct Uploads {
    dir: PathBuf,
    /// One begins, ends or goes at a time, so that there are no more than there may be: the folder of all, to be locked.
    turn: Mutex<File>,
}

/// A capture that this process takes or analyses, and no other meanwhile.
#[derive(Debug)]
pub struct Claim {
    _locked: File,
}

/// What is known of a capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Its id: letters and digits.
    pub id: String,
    /// Its file's name, of harmless letters alone.
    pub name: String,
    /// Who brought it.
    pub by: String,
    /// When, in nanoseconds since 1970.
    pub at: i64,
    /// How much it is; 0 until it is whole.
    pub bytes: u64,
}

/// What an analysis gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Analysed {
    /// The report, as JSON.
    pub report: Vec<u8>,
    /// How the streams went, as `engine/src/report/courses.rs` writes it.
    pub courses: Vec<u8>,
}

/// How far a capture is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// It waits to be read, or is being read.
    Waiting,
    /// There is a report.
    Read,
    /// There is none, for this reason.
    Failed(String),
}

/// Why a capture is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is too long.
    #[error("a capture may have {} MiB at most; cut it, or replay it with spanwatch replay", BYTES_MAX >> 20)]
    TooLong,
    /// There are too many.
    #[error("{COUNT_MAX} captures of {} MiB in all are kept at most: remove one that is needed no more", BYTES_OF_ALL_MAX >> 20)]
    TooMany,
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// The disk.
    #[error("the capture cannot be kept: {0}")]
    Disk(#[from] io::Error),
}

/// A capture that is on its way; it is removed unless [`Upload::finish`] is reached.
#[derive(Debug)]
pub struct Upload {
    file: File,
    folder: PathBuf,
    about: About,
    is_whole: bool,
    _claim: Claim,
}

impl Uploads {
    /// Those of a store's folder. What is not whole is removed.
    ///
    /// # Errors
    /// Where the folder cannot be made or read.
    pub fn open(store: &Path) -> io::Result<Self> {
        let dir = store.join("captures");
        if !dir.is_dir() {
            folder(store, &dir)?;
        }
        let uploads = Self { turn: Mutex::new(File::open(&dir)?), dir };
        uploads.in_turn(|| {
            let is_whole = |folder: &Path| about(folder).is_some_and(|about| about.bytes > 0);
            for folder in uploads.folders()?.into_iter().filter(|it| !is_whole(it)) {
                // Another process may be taking it, or have taken it meanwhile.
                let claim = claimed(&folder)?;
                if claim.is_some() && !is_whole(&folder) {
                    fs::remove_dir_all(folder)?;
                }
            }
            Ok::<_, io::Error>(())
        })?;
        Ok(uploads)
    }

    /// Does something that one does at a time, of all processes.
    fn in_turn<T, E: From<io::Error>>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        flock(&*turn, FlockOperation::LockExclusive).map_err(io::Error::from)?;
        let done = work();
        flock(&*turn, FlockOperation::Unlock).map_err(io::Error::from)?;
        done
    }

    /// Begins to take a capture of a name that somebody brings.
    ///
    /// # Errors
    /// As [`Refusal`] says.
    pub fn begin(&self, name: &str, by: &str, now: Time) -> Result<Upload, Refusal> {
        self.in_turn(|| self.begun(name, by, now))
    }

    fn begun(&self, name: &str, by: &str, now: Time) -> Result<Upload, Refusal> {
        let folders = self.folders()?;
        // One that is on its way may become as long as it may.
        let bytes: u64 = folders.iter().map(|it| about(it).map_or(BYTES_MAX, |it| it.bytes)).sum();
        if folders.len() >= COUNT_MAX || bytes.saturating_add(BYTES_MAX) > BYTES_OF_ALL_MAX {
            return Err(Refusal::TooMany);
        }
        let id = secret::fresh().map_err(io::Error::other)?;
        let id: String = id.chars().filter(char::is_ascii_alphanumeric).take(ID_LETTERS).collect();
        let about = About { id, name: harmless(name), by: by.to_owned(), at: now.0, bytes: 0 };
        let own = self.dir.join(&about.id);
        folder(&self.dir, &own)?;
        let begun = || {
            let claim = claimed(&own)?.ok_or(io::ErrorKind::WouldBlock)?;
            folder(&self.dir, &own.join(CAPTURE))?;
            Ok::<_, io::Error>((created(&self.dir, &own.join(CAPTURE).join(&about.name))?, claim))
        };
        match begun() {
            Ok((file, claim)) => Ok(Upload { file, folder: own, about, is_whole: false, _claim: claim }),
            Err(error) => {
                let _ = fs::remove_dir_all(&own);
                Err(error.into())
            }
        }
    }

    /// All that are whole, the latest first.
    #[must_use]
    pub fn all(&self) -> Vec<(About, Stage)> {
        let folders = self.folders().unwrap_or_default();
        let whole = folders.iter().filter_map(|it| about(it)).filter(|it| it.bytes > 0);
        let with_stage = |about: About| {
            let stage = self.stage(&about.id);
            (about, stage)
        };
        let mut all: Vec<_> = whole.map(with_stage).collect();
        all.sort_by_key(|(about, _)| std::cmp::Reverse((about.at, about.id.clone())));
        all
    }

    /// One of them.
    #[must_use]
    pub fn one(&self, id: &str) -> Option<(About, Stage)> {
        let about = about(&self.folder(id)?).filter(|it| it.bytes > 0)?;
        Some((about, self.stage(id)))
    }

    /// Where the file of a capture is.
    #[must_use]
    pub fn file(&self, about: &About) -> PathBuf {
        self.dir.join(&about.id).join(CAPTURE).join(&about.name)
    }

    /// What the analysis of a capture gave.
    ///
    /// # Errors
    /// Where there is no report.
    pub fn read(&self, about: &About) -> io::Result<Analysed> {
        let folder = self.dir.join(&about.id);
        let report = fs::read(folder.join(REPORT))?;
        Ok(Analysed { report, courses: fs::read(folder.join(COURSES)).unwrap_or_default() })
    }

    /// Keeps what an analysis gave, or why there is no report.
    ///
    /// # Errors
    /// Where it cannot be written, as where the capture was removed meanwhile.
    pub fn tell(&self, about: &About, gave: Result<Analysed, String>) -> io::Result<()> {
        let folder = self.dir.join(&about.id);
        match gave {
            Ok(Analysed { report, courses }) => {
                created(&self.dir, &folder.join(COURSES))?.write_all(&courses)?;
                created(&self.dir, &folder.join("report.part"))?.write_all(&report)?;
                fs::rename(folder.join("report.part"), folder.join(REPORT))
            }
            Err(why) => created(&self.dir, &folder.join(FAILED))?.write_all(why.as_bytes()),
        }
    }

    /// Claims a capture that waits, to analyse it; `None` where another process does or did, or it is gone.
    #[must_use]
    pub fn claim(&self, about: &About) -> Option<Claim> {
        let claim = claimed(&self.folder(&about.id)?).ok()??;
        // Whoever had it may have read it meanwhile.
        self.one(&about.id).filter(|(_, stage)| *stage == Stage::Waiting).map(|_| claim)
    }

    /// Says that an analysis begins; whether it may: not again where the program ended in two of them.
    ///
    /// # Errors
    /// Where that cannot be written.
    pub fn tries(&self, about: &About) -> io::Result<bool> {
        let path = self.dir.join(&about.id).join(TRIES);
        let before = fs::read(&path).map_or(0, |tries| tries.len());
        created(&self.dir, &path)?.write_all(&vec![b'.'; before.saturating_add(1)])?;
        Ok(before < TRIES_MAX)
    }

    /// Removes a capture with its report, once `telling` told of it; whether there was one.
    ///
    /// # Errors
    /// The disk's; that of `telling`, after which it is kept.
    pub fn remove(&self, id: &str, telling: impl FnOnce(&About) -> io::Result<()>) -> io::Result<bool> {
        self.in_turn(|| {
            let Some((about, _)) = self.one(id) else { return Ok(false) };
            telling(&about)?;
            fs::remove_dir_all(self.dir.join(&about.id)).map(|()| true)
        })
    }

    /// Those whose time is over, and that nobody analyses.
    #[must_use]
    pub fn over(&self, now: Time) -> Vec<About> {
        let all = self.all().into_iter().map(|(about, _)| about);
        let is_free = |about: &About| claimed(&self.dir.join(&about.id)).is_ok_and(|claim| claim.is_some());
        all.filter(|about| now - Time(about.at) > KEPT && is_free(about)).collect()
    }

    fn stage(&self, id: &str) -> Stage {
        let folder = self.dir.join(id);
        match fs::read_to_string(folder.join(FAILED)) {
            Ok(why) => Stage::Failed(why),
            Err(_) if folder.join(REPORT).is_file() => Stage::Read,
            Err(_) => Stage::Waiting,
        }
    }

    /// The folder of an id that is one.
    fn folder(&self, id: &str) -> Option<PathBuf> {
        let is_id = !id.is_empty() && id.chars().all(|letter| letter.is_ascii_alphanumeric());
        Some(self.dir.join(id)).filter(|folder| is_id && folder.is_dir())
    }

    fn folders(&self) -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.dir)?.map(|entry| entry.map(|it| it.path()));
        entries.collect::<io::Result<Vec<_>>>().map(|all| all.into_iter().filter(|it| it.is_dir()).collect())
    }
}

impl Upload {
    /// Takes a part of it.
    ///
    /// # Errors
    /// As [`Refusal`] says.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.about.bytes = self.about.bytes.saturating_add(bytes.len() as u64);
        if self.about.bytes > BYTES_MAX {
            return Err(Refusal::TooLong);
        }
        Ok(self.file.write_all(bytes)?)
    }

    /// It is whole.
    ///
    /// # Errors
    /// As [`Refusal`] says.
    pub fn finish(mut self) -> Result<About, Refusal> {
        if self.about.bytes == 0 {
            return Err(Refusal::Empty);
        }
        let about = serde_json::to_vec(&self.about).map_err(io::Error::other)?;
        created(&self.folder, &self.folder.join(ABOUT))?.write_all(&about)?;
        self.is_whole = true;
        Ok(self.about.clone())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.is_whole {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// A claim to a capture's folder; `None` where another has one.
fn claimed(folder: &Path) -> io::Result<Option<Claim>> {
    let file = File::open(folder)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Claim { _locked: file })),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Makes a folder that belongs to whom `store` does, or is below.
fn folder(store: &Path, path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o750).create(path)?;
    made_in(store, File::open(path)?)
}

/// The same of a file.
fn created(store: &Path, path: &Path) -> io::Result<File> {
    // Where the folder is another's no link of his leads out of it.
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o640).custom_flags(flags).open(path)?;
    made_in(store, file.try_clone()?)?;
    Ok(file)
}

fn about(folder: &Path) -> Option<About> {
    serde_json::from_slice(&fs::read(folder.join(ABOUT)).ok()?).ok()
}

/// A file's name as it may stand in a folder, a page and a header.
fn harmless(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_harmless = |letter: &char| letter.is_ascii_alphanumeric() || "-_.".contains(*letter);
    let kept: String = last.chars().filter(is_harmless).take(NAME_LETTERS_MAX).collect();
    let kept = kept.trim_start_matches('.');
    if kept.is_empty() { "capture".to_owned() } else { kept.to_owned() }
}

/// Some minutes of a busy mirror port.
pub const BYTES_MAX: u64 = 256 << 20;
/// Of all captures.
pub const BYTES_OF_ALL_MAX: u64 = 1 << 30;
/// Captures at a time.
pub const COUNT_MAX: usize = 16;
/// A case is talked over within a week, and its packets may be somebody's.
pub const KEPT: Span = Span::seconds(7 * 86_400);
const NAME_LETTERS_MAX: usize = 96;
const ID_LETTERS: usize = 16;
const CAPTURE: &str = "capture";
const ABOUT: &str = "about.json";
const REPORT: &str = "report.json";
const COURSES: &str = "courses.json";
const FAILED: &str = "failed";
/// A byte for each analysis that was begun.
const TRIES: &str = "tries";
const TRIES_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::test::Folder;

    fn brought(uploads: &Uploads, name: &str, at: i64) -> About {
        let mut upload = uploads.begin(name, "ada", Time(at)).unwrap();
        upload.take(b"ab").unwrap();
        upload.take(b"c").unwrap();
        upload.finish().unwrap()
    }

    fn empty() -> Analysed {
        Analysed { report: b"{}".to_vec(), courses: b"[1,[]]".to_vec() }
    }

    #[test]
    fn what_is_brought_is_kept_until_it_is_removed() {
        let folder = Folder::new();
        fs::create_dir(&folder.0).unwrap();
        let uploads = Uploads::open(&folder.0).unwrap();
        let about = brought(&uploads, "door.pcapng", 1);
        assert_eq!((about.name.as_str(), about.bytes), ("door.pcapng", 3));
        assert_eq!(fs::read(uploads.file(&about)).unwrap(), b"abc");
        let later = brought(&uploads, "door.pcapng", 2);
        assert_eq!(uploads.all(), [(later.clone(), Stage::Waiting), (about.clone(), Stage::Waiting)]);
        uploads.tell(&about, Ok(empty())).unwrap();
        uploads.tell(&later, Err("no capture".to_owned())).unwrap();
        let again = Uploads::open(&folder.0).unwrap();
        assert_eq!(again.one(&about.id), Some((about.clone(), Stage::Read)));
        assert_eq!(again.read(&about).unwrap(), empty());
        assert_eq!(again.one(&later.id).unwrap().1, Stage::Failed("no capture".to_owned()));
        assert!(again.over(Time(KEPT.0)).is_empty());
        assert_eq!(again.over(Time(KEPT.0 + 2)), std::slice::from_ref(&about));
        let tries: Vec<bool> = (0..3).map(|_| again.tries(&later).unwrap()).collect();
        assert_eq!(tries, [true, true, false]);
        let refused = again.remove(&about.id, |_| Err(io::ErrorKind::Other.into()));
        assert!(refused.is_err() && again.one(&about.id).is_some(), "what is not told is not done");
        let removed = [&again, &uploads].map(|it| it.remove(&about.id, |_| Ok(())).unwrap());
        assert_eq!(removed, [true, false]);
        assert_eq!(again.one(&about.id), None);
    }

    #[test]
    fn what_is_not_whole_is_not_kept() {
        let folder = Folder::new();
        fs::create_dir(&folder.0).unwrap();
        let uploads = Uploads::open(&folder.0).unwrap();
        drop(uploads.begin("a", "ada", Time(1)).unwrap());
        assert!(matches!(uploads.begin("a", "ada", Time(1)).unwrap().finish(), Err(Refusal::Empty)));
        assert_eq!(uploads.folders().unwrap(), [] as [PathBuf; 0]);
        let mut cut = uploads.begin("a", "ada", Time(1)).unwrap();
        // A process that dies removes nothing, and its lock goes with it.
        cut.is_whole = true;
        drop(cut);
        assert_eq!(uploads.folders().unwrap().len(), 1);
        assert_eq!(Uploads::open(&folder.0).unwrap().folders().unwrap().len(), 0, "the process died");
    }

    #[test]
    fn what_one_process_takes_or_reads_another_leaves_alone() {
        let folder = Folder::new();
        fs::create_dir(&folder.0).unwrap();
        let first = Uploads::open(&folder.0).unwrap();
        let mut upload = first.begin("a.pcap", "ada", Time(1)).unwrap();
        upload.take(b"abc").unwrap();
        let second = Uploads::open(&folder.0).unwrap();
        assert!(second.all().is_empty());
        let about = upload.finish().unwrap();
        assert_eq!(second.one(&about.id), Some((about.clone(), Stage::Waiting)), "it is still there");
        let claim = first.claim(&about).unwrap();
        assert!(second.claim(&about).is_none(), "it is being read");
        assert!(second.over(Time(KEPT.0 + 2)).is_empty(), "so it is not over");
        drop(claim);
        let claim = second.claim(&about).unwrap();
        second.tell(&about, Ok(empty())).unwrap();
        drop(claim);
        assert!(first.claim(&about).is_none(), "it was read");
        assert_eq!(first.over(Time(KEPT.0 + 2)), [about]);
    }

    #[test]
    fn two_processes_keep_no_more_than_one() {
        let folder = Folder::new();
        fs::create_dir(&folder.0).unwrap();
        let both = [Uploads::open(&folder.0).unwrap(), Uploads::open(&folder.0).unwrap()];
        let bring = |uploads: &Uploads| {
            let mut count = 0;
            while let Ok(mut upload) = uploads.begin("a", "ada", Time(1)) {
                upload.take(b"abc").unwrap();
                upload.finish().unwrap();
                count += 1;
            }
            count
        };
        let counts = std::thread::scope(|scope| {
            both.each_ref().map(|own| scope.spawn(|| bring(own))).map(|it| it.join().unwrap())
        });
        assert_eq!(counts.iter().sum::<usize>(), COUNT_MAX);
    }

    #[test]
    fn what_root_takes_into_the_store_of_another_account_is_that_accounts() {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let folder = Folder::new();
        fs::create_dir(&folder.0).unwrap();
        if chown(&folder.0, Some(65_534), Some(65_534)).is_err() {
            eprintln!("SKIPPED: only root gives a folder to another");
            return;
        }
        let uploads = Uploads::open(&folder.0).unwrap();
        let about = brought(&uploads, "a.pcap", 1);
        uploads.tell(&about, Ok(empty())).unwrap();
        let own = folder.0.join("captures").join(&about.id);
        let made = ["", "capture", "capture/a.pcap", "about.json", "report.json", "courses.json"]
            .map(|it| own.join(it));
        for path in made {
            assert_eq!(fs::metadata(&path).unwrap().uid(), 65_534, "{}", path.display());
        }
    }

    #[test]
    fn names_lead_nowhere_else() {
        for (name, due) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\a\\b.pcap", "b.pcap"),
            ("..", "capture"),
            (".hidden", "hidden"),
            ("a\u{202e}b\r\n\"<c>.pcap", "abc.pcap"),
            ("", "capture"),
        ] {
            assert_eq!(harmless(name), due, "{name:?}");
        }
        let folder = Folder::new();
        fs::create_dir(&folder.0).unwrap();
        let uploads = Uploads::open(&folder.0).unwrap();
        fs::create_dir(folder.0.join("other")).unwrap();
        for id in ["", ".", "..", "../other", "a/b"] {
            assert!(uploads.one(id).is_none() && !uploads.remove(id, |_| Ok(())).unwrap(), "{id}");
        }
    }

    #[test]
    fn there_are_so_many_at_most_and_none_is_too_long() {
        let folder = Folder::new();
        fs::create_dir(&folder.0).unwrap();
        let uploads = Uploads::open(&folder.0).unwrap();
        let mut long = uploads.begin("a", "ada", Time(1)).unwrap();
        long.about.bytes = BYTES_MAX - 1;
        long.take(b"x").unwrap();
        assert!(matches!(long.take(b"x"), Err(Refusal::TooLong)));
        drop(long);
        for at in 0..COUNT_MAX {
            brought(&uploads, "a", at as i64);
        }
        let link = folder.0.join("captures").join(&uploads.all()[0].0.id).join("report.part");
        std::os::unix::fs::symlink("/dev/null", link).unwrap();
        assert!(uploads.tell(&uploads.all()[0].0, Ok(empty())).is_err(), "nobody's link is followed");
        assert!(matches!(uploads.begin("a", "ada", Time(1)), Err(Refusal::TooMany)));
    }
}
