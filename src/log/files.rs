//! What the log asks of a disk, small enough that tests can stand a treacherous one in its place.
//!
//! A [`Files`] is one folder. Names are plain, without separators. Everything
//! written is uncertain until synced: contents by [`File::sync`], names by
//! [`Files::sync_names`].

use std::fmt;
use std::io;
use std::sync::Arc;

/// A file opened for reading, or for both.
pub trait File: Send + Sync {
    /// Reads at `offset` into `into` and says how many bytes; 0 only at the file's end.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes at `offset` and says how many bytes were taken, which may be fewer than given.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Has the disk set `bytes` aside and makes the file that long; fails at once if there is not enough room. Where
    /// the system cannot set room aside it does nothing.
    fn allocate(&self, bytes: u64) -> io::Result<()>;

    /// Returns when the contents and the length are on the disk.
    fn sync(&self) -> io::Result<()>;

    /// The length in bytes.
    fn len_bytes(&self) -> io::Result<u64>;
}

/// What an opened file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading and writing.
    Write,
}

/// A folder.
pub trait Files: Send + Sync + fmt::Debug {
    /// Makes a file that is not there yet and opens it for both.
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Opens a file that is there.
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn File>>;

    /// Gives a file another name, replacing what had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names of all files, in order. Folders are left out.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Returns when all creations, renamings and removals are on the disk.
    fn sync_names(&self) -> io::Result<()>;

    /// How much more could be written, as far as the system says.
    fn free_bytes(&self) -> io::Result<u64>;

    /// Takes the lock named `name` for this process, until the value given is dropped.
    fn lock(&self, name: &str) -> io::Result<Lock>;

    /// The folder named `name` inside this one; for writing it is made if it is not there.
    fn folder(&self, name: &str, access: Access) -> io::Result<Arc<dyn Files>>;
}

/// What became of the attempt to take a lock.
pub enum Lock {
    /// It is ours until this is dropped.
    Taken(Box<dyn Send + Sync>),
    /// Another has it.
    Held {
        /// The other's process, where it says so.
        pid: Option<u32>,
    },
}

/// Writes all of `bytes` at `offset`.
pub(super) fn write_all_at(file: &dyn File, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(offset, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads at `offset` until `into` is full or the file ends, and says how many bytes.
pub(super) fn read_full_at(file: &dyn File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < into.len() {
        match file.read_at(offset + count as u64, &mut into[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

/// The whole contents of the file named `name`, or `None` if it is not there.
pub(super) fn read_whole(files: &dyn Files, name: &str) -> io::Result<Option<Vec<u8>>> {
    let file = match files.open(name, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = usize::try_from(file.len_bytes()?).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut bytes = vec![0; length];
    let count = read_full_at(&*file, 0, &mut bytes)?;
    bytes.truncate(count);
    Ok(Some(bytes))
}

/// What a file is called while it is being made.
pub(super) const UNFINISHED_SUFFIX: &str = ".tmp";

/// Makes a file in full under another name and gives it its own only then, so that after a crash it has the old
/// contents or the new. `fill` writes it; it is synced here.
pub(super) fn replace_with(
    files: &dyn Files,
    name: &str,
    fill: impl FnOnce(&dyn File) -> io::Result<()>,
) -> io::Result<()> {
    let unfinished = format!("{name}{UNFINISHED_SUFFIX}");
    remove_if_there(files, &unfinished)?;
    let file = files.create(&unfinished)?;
    let made = fill(&*file).and_then(|()| file.sync());
    if let Err(error) = made {
        // The space matters more than the reason why it could not be given back.
        let _ = files.remove(&unfinished);
        return Err(error);
    }
    files.rename(&unfinished, name)?;
    files.sync_names()
}

/// [`replace_with`] for contents at hand.
pub(super) fn replace(files: &dyn Files, name: &str, bytes: &[u8]) -> io::Result<()> {
    replace_with(files, name, |file| write_all_at(file, 0, bytes))
}

/// Removes a file that may not be there.
pub(super) fn remove_if_there(files: &dyn Files, name: &str) -> io::Result<()> {
    match files.remove(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether the system says that there is no room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
