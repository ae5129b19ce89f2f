//! A folder of the real file system. Files are readable by their owner alone.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FlockOperation;

use super::files::{Access, File, Files, Lock};

/// A folder of the real file system.
#[derive(Debug)]
pub struct DiskFiles {
    path: PathBuf,
}

impl DiskFiles {
    /// The folder at `path`, made with its parents if it is not there.
    pub fn make(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let mut missing = Vec::new();
        let mut folder = path.as_path();
        while !folder.as_os_str().is_empty() && !folder.exists() {
            missing.push(folder);
            let Some(parent) = folder.parent() else { break };
            folder = parent;
        }
        for folder in missing.iter().rev() {
            match fs::DirBuilder::new().mode(0o700).create(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => sync_folder(folder.parent().unwrap_or(Path::new(".")))?,
            }
        }
        Self::existing(path)
    }

    /// The folder at `path`, which is there.
    pub fn existing(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        match fs::metadata(&path)?.is_dir() {
            true => Ok(Self { path }),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    fs::File::open(path)?.sync_all()
}

impl Files for DiskFiles {
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.path.join(name))?;
        Ok(Arc::new(DiskFile(file)))
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn File>> {
        let file =
            fs::OpenOptions::new().read(true).write(access == Access::Write).open(self.path.join(name))?;
        Ok(Arc::new(DiskFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            // A name that is not UTF-8 is none of ours.
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn sync_names(&self) -> io::Result<()> {
        sync_folder(&self.path)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn lock(&self, name: &str) -> io::Result<Lock> {
        let mut file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.path.join(name))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                file.set_len(0)?;
                writeln!(file, "{}", std::process::id())?;
                Ok(Lock::Taken(Box::new(file)))
            }
            Err(error) if error == rustix::io::Errno::WOULDBLOCK => {
                let mut text = String::new();
                file.read_to_string(&mut text)?;
                Ok(Lock::Held { pid: text.trim().parse().ok() })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn folder(&self, name: &str, access: Access) -> io::Result<Arc<dyn Files>> {
        let path = self.path.join(name);
        Ok(Arc::new(match access {
            Access::Read => Self::existing(path)?,
            Access::Write => Self::make(path)?,
        }))
    }
}

struct DiskFile(fs::File);

impl File for DiskFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(into, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }

    #[cfg(target_os = "linux")]
    fn allocate(&self, bytes: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.0, rustix::fs::FallocateFlags::empty(), 0, bytes) {
            Err(error) if error == rustix::io::Errno::OPNOTSUPP => Ok(()),
            other => Ok(other?),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn allocate(&self, _bytes: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_with_its_parents_and_holds_files_of_its_own() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let files = DiskFiles::make(place.path().join("a/b")).expect("made");
        let file = files.create("one").expect("not there yet");
        assert_eq!(file.write_at(2, b"xy").expect("writes"), 2);
        file.sync().expect("syncs");
        assert_eq!(file.len_bytes().expect("has a length"), 4);
        assert!(files.create("one").is_err(), "it is there already");
        files.rename("one", "two").expect("renames");
        files.folder("inner", Access::Write).expect("made");
        assert!(files.folder("outer", Access::Read).is_err());
        files.sync_names().expect("syncs");
        assert_eq!(files.list().expect("lists"), ["two"]);
        assert!(files.free_bytes().expect("counts") > 0);
        files.remove("two").expect("removes");
        assert!(
            matches!(files.open("two", Access::Read), Err(error) if error.kind() == io::ErrorKind::NotFound)
        );
    }

    #[test]
    fn a_second_taker_of_a_lock_learns_who_holds_it() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let files = DiskFiles::existing(place.path()).expect("there");
        let Ok(Lock::Taken(held)) = files.lock("lock") else { panic!("the lock is free") };
        let Ok(Lock::Held { pid }) = files.lock("lock") else { panic!("the lock is held") };
        assert_eq!(pid, Some(std::process::id()));
        drop(held);
        assert!(matches!(files.lock("lock"), Ok(Lock::Taken(_))));
    }
}
