//! A report as a file: whole or not at all.
//!
//! It is written beside its name under a name of its own and renamed when it is
//! complete and synced, so that a reader never sees half a report and a full
//! disk never costs the former one.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
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
/// Where the file cannot be made, written, synced or renamed; what stood at `path` is untouched.
pub fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Unwritten> {
    let unwritten = |cause| Unwritten { path: path.to_owned(), cause };
    if path.exists() && !path.is_file() {
        // A pipe or a device takes what comes; there is nothing to replace.
        let mut out = BufWriter::new(File::options().write(true).open(path).map_err(unwritten)?);
        return write(&mut out).and_then(|()| out.flush()).map_err(unwritten);
    }
    let beside = beside(path);
    let written = File::create(&beside).and_then(|file| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&beside, path)
    });
    written.map_err(|cause| {
        // Nothing more can be done where even that fails: the cause says why.
        let _ = fs::remove_file(&beside);
        unwritten(cause)
    })
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
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
}
