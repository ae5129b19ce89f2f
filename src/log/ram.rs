//! A folder in memory, for what belongs beside a log that writes no files. Bounded like a disk; syncs do nothing.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::files::{Access, File, Files, Lock};

/// A folder in memory.
#[derive(Debug)]
pub struct RamFiles {
    names: Mutex<BTreeMap<String, Arc<RamFile>>>,
    folders: Mutex<BTreeMap<String, Arc<RamFiles>>>,
    room: Arc<Room>,
}

#[derive(Debug)]
struct RamFile {
    bytes: RwLock<Vec<u8>>,
    room: Arc<Room>,
}

/// What all files together may still take.
#[derive(Debug)]
struct Room {
    free_bytes: Mutex<usize>,
}

impl RamFiles {
    /// An empty folder whose files together hold up to `bytes_max`.
    pub fn new(bytes_max: usize) -> Self {
        Self::within(Arc::new(Room { free_bytes: Mutex::new(bytes_max) }))
    }

    fn within(room: Arc<Room>) -> Self {
        Self { names: Mutex::default(), folders: Mutex::default(), room }
    }
}

impl Files for RamFiles {
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut names = self.names.lock();
        if names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = Arc::new(RamFile { bytes: RwLock::default(), room: Arc::clone(&self.room) });
        names.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn open(&self, name: &str, _access: Access) -> io::Result<Arc<dyn File>> {
        let file = self.names.lock().get(name).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(file)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut names = self.names.lock();
        let file = names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        names.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.names.lock().remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names.lock().keys().cloned().collect())
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(*self.room.free_bytes.lock() as u64)
    }

    fn lock(&self, _name: &str) -> io::Result<Lock> {
        // Nobody else can reach this memory.
        Ok(Lock::Taken(Box::new(())))
    }

    fn folder(&self, name: &str, _access: Access) -> io::Result<Arc<dyn Files>> {
        let mut folders = self.folders.lock();
        let fresh = || Arc::new(Self::within(Arc::clone(&self.room)));
        Ok(Arc::clone(folders.entry(name.to_owned()).or_insert_with(fresh)) as Arc<dyn Files>)
    }
}

impl File for RamFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.bytes.read();
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let count = into.len().min(bytes.len() - from);
        into[..count].copy_from_slice(&bytes[from..from + count]);
        Ok(count)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        let from = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let end = from.checked_add(data.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        let mut bytes = self.bytes.write();
        if end > bytes.len() {
            let more = end - bytes.len();
            let mut free = self.room.free_bytes.lock();
            *free = free.checked_sub(more).ok_or(io::ErrorKind::StorageFull)?;
            bytes.resize(end, 0);
        }
        bytes[from..end].copy_from_slice(data);
        Ok(data.len())
    }

    fn allocate(&self, _bytes: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.bytes.read().len() as u64)
    }
}

impl Drop for RamFile {
    fn drop(&mut self) {
        *self.room.free_bytes.lock() += self.bytes.get_mut().len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_shared_and_given_back() {
        let files = RamFiles::new(10);
        let one = files.create("one").expect("not there yet");
        assert_eq!(one.write_at(0, b"123456").expect("fits"), 6);
        let two = files
            .folder("inner", Access::Write)
            .and_then(|inner| inner.create("two"))
            .expect("not there yet");
        assert!(
            matches!(two.write_at(0, b"12345"), Err(error) if error.kind() == io::ErrorKind::StorageFull)
        );
        files.remove("one").expect("there");
        drop(one);
        assert_eq!(two.write_at(0, b"12345").expect("fits now"), 5);
        let mut read = [0; 8];
        assert_eq!(two.read_at(1, &mut read).expect("reads"), 4);
        assert_eq!(&read[..4], b"2345");
    }
}
