//! What is to be read: [`Inputs`], found by files, folders and standard input.
//!
//! The order of inputs, and so every result, depends on their names and
//! contents alone: by name relative to the argument, then by SHA-256 of the
//! whole file (which is read twice where two files have one name), then streams
//! behind files in the order of the arguments. A file that is found twice, also
//! by a link, is read once, under the lesser name.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use spanwatch_parsers::Time;

use crate::block::Pool;
use crate::input::Input;
use crate::stream::{Bound, Tap};

/// Captures to be read as one, in order.
#[derive(Debug, Default)]
pub struct Inputs {
    found: Vec<Found>,
    skipped: Vec<Skipped>,
    /// Of each file.
    bound: Option<Bound>,
}

/// A file in a folder that is not read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// Its name relative to the argument.
    pub name: String,
    /// The rest of the sentence: "looks like a PNG image".
    pub reason: String,
}

/// Why the inputs cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A named file or folder, or standard input, gives nothing.
    #[error("{path}: {source}")]
    Unreadable {
        /// The argument.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A file that was named is no capture.
    #[error("{path} is no capture: it {looks}")]
    NotACapture {
        /// The argument.
        path: String,
        /// What it is.
        looks: String,
    },
    /// Folders were named, and no capture is in them.
    #[error("no capture is in {path} ({others} other files)")]
    NoCapture {
        /// The folders.
        path: String,
        /// Files that were looked at.
        others: usize,
    },
    /// `-` was given more than once.
    #[error("standard input can be read only once")]
    StandardInputTwice,
}

/// One input: where it comes from, and what its first frames say.
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) origin: Origin,
    /// Where it begins; `None` without a frame.
    pub(crate) start: Option<Time>,
    pub(crate) size: Option<u64>,
    /// Of a file whose name is not its own alone.
    sha256: Option<String>,
}

/// Where an input comes from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// A file, to be opened when its time comes.
    File(PathBuf),
    /// A stream, which can be opened only once and is.
    Stream(Box<Input>),
}

impl Inputs {
    /// Finds the inputs: files, folders with all that is below them, pipes, `-` for standard input.
    ///
    /// Each file is opened for its first frame and closed again; so is each pipe, but that stays open.
    ///
    /// # Errors
    /// Where an argument cannot be read, a file that was named is no capture, or there is no input at all.
    pub fn find<P: AsRef<Path>>(arguments: &[P]) -> Result<Self, OpenError> {
        Self::find_within(arguments, None)
    }

    /// The same of files that may unpack to so much; one with more ends there, here or where it is read.
    ///
    /// # Errors
    /// The same.
    pub fn find_within<P: AsRef<Path>>(arguments: &[P], bound: Option<Bound>) -> Result<Self, OpenError> {
        let mut search = Search { bound, ..Search::default() };
        for argument in arguments {
            search.argument(argument.as_ref())?;
        }
        let mut inputs = search.finish()?;
        if inputs.found.is_empty() {
            let path =
                arguments.iter().map(|p| p.as_ref().display().to_string()).collect::<Vec<_>>().join(", ");
            return Err(OpenError::NoCapture { path, others: inputs.skipped.len() });
        }
        inputs.sort()?;
        Ok(inputs)
    }

    /// Takes one stream as the only input.
    ///
    /// # Errors
    /// Where it is no capture.
    pub fn stream(name: &str, source: Box<dyn Read + Send>) -> Result<Self, OpenError> {
        let found = Found::stream(name, source)?;
        Ok(Self { found: vec![found], ..Self::default() })
    }

    /// Their names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.found.iter().map(|found| found.name.as_str())
    }

    /// Files in folders that are no captures, by name.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// Bytes of all files as given; `None` where one is a stream.
    #[must_use]
    pub fn total_bytes(&self) -> Option<u64> {
        self.found.iter().try_fold(0_u64, |sum, found| Some(sum.saturating_add(found.size?)))
    }

    /// Each input by itself, in order.
    #[must_use]
    pub fn each(self) -> Vec<Self> {
        let one = |found| Self { found: vec![found], bound: self.bound.clone(), ..Self::default() };
        self.found.into_iter().map(one).collect()
    }

    pub(crate) fn into_found(self) -> (Vec<Found>, Option<Bound>) {
        (self.found, self.bound)
    }

    fn sort(&mut self) -> Result<(), OpenError> {
        let mut names = BTreeMap::<String, usize>::new();
        for found in &self.found {
            let count = names.entry(found.name.clone()).or_default();
            *count = count.saturating_add(1);
        }
        for found in &mut self.found {
            if let Origin::File(path) = &found.origin
                && names.get(&found.name).is_some_and(|count| *count > 1)
            {
                let file = File::open(path).map_err(|source| unreadable(path, source))?;
                found.sha256 = Tap::new(Box::new(file)).hashed().finish().sha256;
            }
        }
        let is_stream = |found: &Found| matches!(found.origin, Origin::Stream(_));
        self.found
            .sort_by(|a, b| (&a.name, is_stream(a), &a.sha256).cmp(&(&b.name, is_stream(b), &b.sha256)));
        self.skipped.sort();
        Ok(())
    }
}

impl Found {
    fn stream(name: &str, source: Box<dyn Read + Send>) -> Result<Self, OpenError> {
        let input = Input::open(Tap::new(source).hashed(), &Pool::new(STREAM_BLOCK))
            .map_err(|looks| OpenError::NotACapture { path: name.to_owned(), looks })?;
        Ok(Self {
            name: name.to_owned(),
            start: input.next().map(|next| next.key),
            origin: Origin::Stream(Box::new(input)),
            size: None,
            sha256: None,
        })
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").field("name", &self.name).field("start", &self.start).finish_non_exhaustive()
    }
}

/// A search for inputs.
struct Search {
    pool: Arc<Pool>,
    streams: Vec<Found>,
    has_standard_input: bool,
    /// By the file's path in full: its name, and whether it was named itself.
    files: BTreeMap<PathBuf, (String, Option<PathBuf>)>,
    skipped: Vec<Skipped>,
    bound: Option<Bound>,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            pool: Pool::new(FIRST_BLOCK),
            streams: Vec::new(),
            has_standard_input: false,
            files: BTreeMap::new(),
            skipped: Vec::new(),
            bound: None,
        }
    }
}

impl Search {
    fn argument(&mut self, argument: &Path) -> Result<(), OpenError> {
        if argument == Path::new("-") {
            if std::mem::replace(&mut self.has_standard_input, true) {
                return Err(OpenError::StandardInputTwice);
            }
            self.streams.push(Found::stream("-", Box::new(io::stdin()))?);
            return Ok(());
        }
        let kind = fs::metadata(argument).map_err(|source| unreadable(argument, source))?;
        let name = argument.file_name().unwrap_or(argument.as_os_str()).to_string_lossy().into_owned();
        if kind.is_dir() {
            return self.folder(argument);
        }
        if kind.is_file() {
            return self.file(argument, name, true);
        }
        let pipe = File::open(argument).map_err(|source| unreadable(argument, source))?;
        self.streams.push(Found::stream(&name, Box::new(pipe))?);
        Ok(())
    }

    /// Walks a folder; links to folders are not followed, for they may lead in circles.
    fn folder(&mut self, top: &Path) -> Result<(), OpenError> {
        let mut folders = vec![top.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(source) if folder == top => return Err(unreadable(top, source)),
                Err(error) => {
                    self.skip(relative(&folder, top), format!("cannot be read: {error}"));
                    continue;
                }
            };
            for entry in entries {
                let entry = entry.map_err(|source| unreadable(&folder, source))?;
                let path = entry.path();
                let name = relative(&path, top);
                let kind = entry.file_type().map_err(|source| unreadable(&path, source))?;
                if kind.is_dir() {
                    folders.push(path);
                } else if fs::metadata(&path).is_ok_and(|target| target.is_file()) {
                    self.file(&path, name, false)?;
                } else {
                    self.skip(name, "is neither a file nor a folder".to_owned());
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: String, is_named: bool) -> Result<(), OpenError> {
        let full = match fs::canonicalize(path) {
            Ok(full) => full,
            Err(source) if is_named => return Err(unreadable(path, source)),
            Err(error) => {
                self.skip(name, format!("cannot be read: {error}"));
                return Ok(());
            }
        };
        let argument = is_named.then(|| path.to_owned());
        let Some((known, known_argument)) = self.files.get_mut(&full) else {
            self.files.insert(full, (name, argument));
            return Ok(());
        };
        let greater = if name < *known { std::mem::replace(known, name) } else { name };
        *known_argument = known_argument.take().or(argument);
        self.skip(greater, "is found twice and read once".to_owned());
        Ok(())
    }

    fn skip(&mut self, name: String, reason: String) {
        self.skipped.push(Skipped { name, reason });
    }

    /// Looks into the files.
    fn finish(mut self) -> Result<Inputs, OpenError> {
        let mut found = std::mem::take(&mut self.streams);
        for (path, (name, argument)) in std::mem::take(&mut self.files) {
            let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
            let (size, file) = match (opened, &argument) {
                (Ok(opened), _) => opened,
                (Err(source), Some(argument)) => return Err(unreadable(argument, source)),
                (Err(error), None) => {
                    self.skip(name, format!("cannot be read: {error}"));
                    continue;
                }
            };
            let tap = Tap::new(Box::new(file)).bounded(self.bound.clone());
            match (Input::open(tap, &self.pool), argument) {
                (Ok(input), _) => found.push(Found {
                    name,
                    start: input.next().map(|next| next.key),
                    origin: Origin::File(path),
                    size: Some(size),
                    sha256: None,
                }),
                (Err(looks), Some(argument)) => {
                    return Err(OpenError::NotACapture { path: argument.display().to_string(), looks });
                }
                (Err(looks), None) => self.skip(name, looks),
            }
        }
        Ok(Inputs { found, skipped: self.skipped, bound: self.bound })
    }
}

fn unreadable(path: &Path, source: io::Error) -> OpenError {
    OpenError::Unreadable { path: path.display().to_string(), source }
}

/// The path below `top`, its parts joined by `/` on any system.
fn relative(path: &Path, top: &Path) -> String {
    let below = path.strip_prefix(top).unwrap_or(path);
    below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Bytes read of a file to find its first frame.
const FIRST_BLOCK: usize = 64 << 10;
/// Bytes of a stream's blocks.
const STREAM_BLOCK: usize = 1 << 20;
