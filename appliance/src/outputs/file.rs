//! A report as a file: whole or not at all.
//!
//! It is written beside its name under a name of its own and renamed when it is
//! complete and synced, so that a reader never sees half a report and a full
//! disk never costs the former one. Owner and permissions stay those of the former one.
//!
//! A link stays a link: what it leads to is replaced. Only regular files are
//! replaced. A pipe, a device, and whatever is reached through `/dev` or `/proc`
//! belongs to somebody else and takes what comes:
//!
//! ```text
//! -o link.json    → real.json                  real.json is replaced
//! -o /dev/stdout  → /proc/self/fd/1 → log.txt  log.txt is added to
//! ```

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {cause}", path.display())]
pub struct Unwritten {
    path: PathBuf,
    cause: io::Error,
}

/// Writes `path` by what `write` puts out.
///
/// # Errors
/// Where the file cannot be made, written, synced or renamed; a regular file that stood at `path` is untouched.
pub fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Unwritten> {
    let unwritten = |cause| Unwritten { path: path.to_owned(), cause };
    match Place::of(path).map_err(unwritten)? {
        Place::New(path) => write_beside(&path, None, write),
        Place::File(path, former) => write_beside(&path, Some(&former), write),
        Place::Device => write_through(path, File::options().write(true).truncate(true), write),
        Place::Process => write_through(path, File::options().append(true), write),
    }
    .map_err(unwritten)
}

/// What a path leads to, its links followed.
#[derive(Debug)]
enum Place {
    /// Nothing yet.
    New(PathBuf),
    /// A regular file, and how it stands there.
    File(PathBuf, Metadata),
    /// Not a regular file, or below `/dev`.
    Device,
    /// Below `/proc`: something that a process holds open, perhaps with words of others in it.
    Process,
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        let mut path = path.to_owned();
        for _ in 0..LINKS_MAX {
            let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let at = fs::canonicalize(folder.unwrap_or(Path::new(".")))?.join(name);
            if at.starts_with("/proc") {
                return Ok(Self::Process);
            }
            match fs::symlink_metadata(&at) {
                Ok(there) if there.is_symlink() => path = at.with_file_name("").join(fs::read_link(&at)?),
                Ok(there) if there.is_file() && !at.starts_with("/dev") => return Ok(Self::File(at, there)),
                Ok(_) => return Ok(Self::Device),
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Self::New(at)),
                Err(cause) => return Err(cause),
            }
        }
        Err(io::Error::other("too many links"))
    }
}

fn write_through(
    path: &Path,
    options: &OpenOptions,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::new(options.open(path)?);
    write(&mut out)?;
    out.flush()
}

fn write_beside(
    path: &Path,
    former: Option<&Metadata>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let beside = beside(path);
    let written = create(&beside, former).and_then(|file| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&beside, path)
    });
    written.inspect_err(|_| {
        // Nothing more can be done where even that fails: the cause says why.
        let _ = fs::remove_file(&beside);
    })
}

/// A file of our own, at no moment open to more people than the former one.
fn create(beside: &Path, former: Option<&Metadata>) -> io::Result<File> {
    // Left by a run of the same number that was killed; or a link that somebody laid there.
    let _ = fs::remove_file(beside);
    let mut options = File::options();
    options.write(true).create_new(true);
    let Some(former) = former else { return options.open(beside) };
    let file = options.mode(OWNER_ONLY).open(beside)?;
    // Only root may give files away; who may not keeps the file as an own one.
    let _ = fchown(&file, Some(former.uid()), Some(former.gid()));
    file.set_permissions(fs::Permissions::from_mode(former.mode() & PERMISSIONS))?;
    Ok(file)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

/// Links followed one after the other: as many as Linux follows.
const LINKS_MAX: usize = 40;

/// Read and write for the owner.
const OWNER_ONLY: u32 = 0o600;

/// The bits of a mode that say who may read, write and execute.
const PERMISSIONS: u32 = 0o777;

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::process::{Command, Stdio};

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("spanwatch-file-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = folder("whole");
        let path = folder.join("report.json");
        fs::write(&path, "old").unwrap();
        replace(&path, |out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let folder = folder("failure");
        let path = folder.join("report.json");
        fs::write(&path, "old").unwrap();
        let error = replace(&path, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("no space left"))
        });
        assert!(error.unwrap_err().to_string().ends_with("report.json: no space left"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = replace(Path::new("/nowhere/at/all/report.json"), |_| Ok(())).unwrap_err();
        assert!(error.to_string().starts_with("cannot write /nowhere/at/all/report.json: "));
    }

    #[test]
    fn a_link_stays_a_link_and_its_target_is_replaced() {
        let folder = folder("link");
        fs::create_dir_all(folder.join("far")).unwrap();
        let (link, middle, target) =
            (folder.join("link.json"), folder.join("far/middle.json"), folder.join("real.json"));
        symlink("far/middle.json", &link).unwrap();
        symlink("../real.json", &middle).unwrap();
        for text in ["made where nothing stood", "replaced"] {
            replace(&link, |out| out.write_all(text.as_bytes())).unwrap();
            assert_eq!(fs::read_link(&link).unwrap(), Path::new("far/middle.json"));
            assert_eq!(fs::read_link(&middle).unwrap(), Path::new("../real.json"));
            assert!(fs::symlink_metadata(&target).unwrap().is_file());
            assert_eq!(fs::read_to_string(&target).unwrap(), text);
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn links_in_a_ring_are_an_error() {
        let folder = folder("ring");
        symlink("b", folder.join("a")).unwrap();
        symlink("a", folder.join("b")).unwrap();
        let error = replace(&folder.join("a"), |_| Ok(())).unwrap_err();
        assert!(error.to_string().ends_with("/a: too many links"), "{error}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn permissions_of_the_old_file_are_kept() {
        let folder = folder("mode");
        let path = folder.join("report.json");
        fs::write(&path, "old").unwrap();
        for mode in [0o600, 0o664, 0o444] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let former = fs::metadata(&path).unwrap();
            replace(&path, |out| {
                let part = fs::metadata(beside(&fs::canonicalize(&path)?))?;
                assert_eq!(part.mode() & PERMISSIONS, mode, "while it is written");
                out.write_all(b"new")
            })
            .unwrap();
            let there = fs::metadata(&path).unwrap();
            assert_eq!((there.mode() & PERMISSIONS, there.uid()), (mode, former.uid()));
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_file_laid_where_the_part_goes_is_not_followed() {
        let folder = folder("laid");
        let (path, victim) = (folder.join("report.json"), folder.join("victim"));
        fs::write(&victim, "mine").unwrap();
        symlink(&victim, beside(&path)).unwrap();
        replace(&path, |out| out.write_all(b"new")).unwrap();
        assert_eq!((fs::read(&path).unwrap(), fs::read(&victim).unwrap()), (b"new".into(), b"mine".into()));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_pipe_is_written_in_place() {
        let folder = folder("pipe");
        let path = folder.join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let reader = Command::new("cat").arg(&path).stdout(Stdio::piped()).spawn().unwrap();
        replace(&path, |out| out.write_all(b"new")).unwrap();
        assert_eq!(reader.wait_with_output().unwrap().stdout, b"new");
        assert!(fs::symlink_metadata(&path).unwrap().file_type().is_fifo());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }

    /// The places alone: a fault here must not cost the machine its devices.
    #[test]
    fn devices_and_open_files_are_never_replaced() {
        let folder = folder("device");
        let link = folder.join("link.json");
        symlink("/dev/null", &link).unwrap();
        for path in [Path::new("/dev/null"), &link, Path::new("/dev/../dev/zero")] {
            assert!(matches!(Place::of(path), Ok(Place::Device)), "{path:?}");
        }
        fs::remove_file(&link).unwrap();
        symlink("/proc/self/fd/1", &link).unwrap();
        for path in [&link, Path::new("/proc/self/fd/1"), Path::new("/proc/self/comm")] {
            assert!(matches!(Place::of(path), Ok(Place::Process)), "{path:?}");
        }
        if fs::symlink_metadata("/dev/stdout").is_ok_and(|there| there.is_symlink()) {
            assert!(matches!(Place::of(Path::new("/dev/stdout")), Ok(Place::Process)));
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_open_file_of_a_process_is_added_to() {
        let folder = folder("open");
        let path = folder.join("log.txt");
        fs::write(&path, "before ").unwrap();
        let open = File::options().append(true).open(&path).unwrap();
        let link = folder.join("link.json");
        symlink(format!("/proc/self/fd/{}", open.as_raw_fd()), &link).unwrap();
        replace(&link, |out| out.write_all(b"after")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before after");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        fs::remove_dir_all(&folder).unwrap();
    }
}
