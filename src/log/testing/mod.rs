//! A disk in memory that does what real ones do at their worst. For tests of the log and of what stands on it.
//!
//! It models the page cache: what was written is visible at once and on the medium
//! only after a sync. At a power loss each sector that was not synced keeps its old
//! contents, its new ones, or a mixture, and names changed since the last sync of
//! their folder may be the old ones. Any write or sync can be made to fail, to stop
//! half-way, to lie, or to be the last thing before the power fails. The same seed
//! gives the same disk.

mod medium;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use medium::{Folder, Inode, Luck, Rename};

pub use medium::SECTOR_BYTES;

use super::files::{Access, File, Files, Lock};

/// What goes wrong in one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An input/output error. A write has done its first half. A sync has stored half of the sectors, and the system
    /// takes all of them for stored from then on.
    Broken,
    /// No space is left; nothing was done.
    Full,
    /// A write takes half of what it was given and says so. A sync says it is done and has done nothing. Everything
    /// else works.
    Lie,
    /// The power fails half-way; nothing works until [`SimDisk::restart`].
    PowerLoss,
}

/// What a restart does to what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Only the process ended: the system still has everything.
    Nothing,
    /// All of it is gone.
    Everything,
    /// Every sector and name has its own luck, drawn from this seed.
    Lottery(u64),
}

/// The disk. Clones are the same disk; as [`Files`] it is its topmost folder.
#[derive(Clone)]
pub struct SimDisk {
    shared: Arc<Shared>,
    folder: usize,
}

struct Shared {
    disk: Mutex<Disk>,
    released: Condvar,
}

struct Disk {
    inodes: Vec<Inode>,
    folders: Vec<Folder>,
    quota_bytes: usize,
    /// Files opened before the last restart are of an earlier one, and dead.
    life: u64,
    power: Power,
    syncs: Syncs,
    operations: Vec<String>,
    faults: BTreeMap<u64, Fault>,
    locks: BTreeSet<(usize, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    On,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Syncs {
    Honest,
    Held,
    Lying,
}

impl SimDisk {
    /// An empty disk that holds `quota_bytes`.
    pub fn new(quota_bytes: usize) -> Self {
        let disk = Disk {
            inodes: Vec::new(),
            folders: vec![Folder::default()],
            quota_bytes,
            life: 0,
            power: Power::On,
            syncs: Syncs::Honest,
            operations: Vec::new(),
            faults: BTreeMap::new(),
            locks: BTreeSet::new(),
        };
        Self { shared: Arc::new(Shared { disk: Mutex::new(disk), released: Condvar::new() }), folder: 0 }
    }

    /// It as a folder.
    pub fn files(&self) -> Arc<dyn Files> {
        Arc::new(self.clone())
    }

    /// The folder named `name` inside this one.
    pub fn subfolder(&self, name: &str) -> Self {
        let mut disk = self.shared.disk.lock();
        let fresh = disk.folders.len();
        let folder = *disk.folders[self.folder].folders.entry(name.to_owned()).or_insert(fresh);
        if folder == fresh {
            disk.folders.push(Folder::default());
        }
        Self { shared: Arc::clone(&self.shared), folder }
    }

    /// Everything that changed or synced something so far, one line each.
    pub fn operations(&self) -> Vec<String> {
        self.shared.disk.lock().operations.clone()
    }

    /// Makes the operation with this index, counted from the disk's beginning, go wrong.
    pub fn fail_at(&self, operation_index: u64, fault: Fault) {
        self.shared.disk.lock().faults.insert(operation_index, fault);
    }

    /// From now on, until a restart, every sync says it is done and does nothing.
    pub fn lie_from_now_on(&self) {
        self.shared.disk.lock().syncs = Syncs::Lying;
    }

    /// From now on syncs of files do not return, until [`release_syncs`](Self::release_syncs).
    pub fn hold_syncs(&self) {
        self.shared.disk.lock().syncs = Syncs::Held;
    }

    /// Lets held syncs go on.
    pub fn release_syncs(&self) {
        self.shared.disk.lock().syncs = Syncs::Honest;
        self.shared.released.notify_all();
    }

    /// Changes how much the disk holds.
    pub fn set_quota(&self, quota_bytes: usize) {
        self.shared.disk.lock().quota_bytes = quota_bytes;
    }

    /// How much its files take.
    pub fn used_bytes(&self) -> usize {
        self.shared.disk.lock().used_bytes()
    }

    /// Ends the process that used the disk, and with a loss the whole machine, and starts anew. Planned faults are
    /// forgotten and locks are free.
    pub fn restart(&self, loss: Loss) {
        let mut disk = self.shared.disk.lock();
        disk.life += 1;
        disk.power = Power::On;
        disk.syncs = Syncs::Honest;
        disk.faults.clear();
        disk.locks.clear();
        let mut luck = match loss {
            Loss::Nothing => return,
            Loss::Everything => None,
            Loss::Lottery(seed) => Some(Luck(seed)),
        };
        for folder in &mut disk.folders {
            folder.lose_power(luck.as_mut());
        }
        for inode in &mut disk.inodes {
            inode.lose_power(luck.as_mut());
        }
    }

    /// A disk of its own with the same contents, what is not synced included. Faults and operations are not copied.
    pub fn fork(&self) -> Self {
        let fork = Self::new(0);
        let disk = self.shared.disk.lock();
        {
            let mut copy = fork.shared.disk.lock();
            copy.inodes.clone_from(&disk.inodes);
            copy.folders.clone_from(&disk.folders);
            copy.quota_bytes = disk.quota_bytes;
        }
        Self { folder: self.folder, ..fork }
    }

    /// The contents of a file of this folder as they are seen now.
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let disk = self.shared.disk.lock();
        let inode = *disk.folders[self.folder].seen.get(name)?;
        Some(disk.inodes[inode].seen.clone())
    }

    /// Changes one byte of a file of this folder on the medium, behind everybody's back. Says whether it is there.
    pub fn flip(&self, name: &str, offset_bytes: u64, mask: u8) -> bool {
        let mut disk = self.shared.disk.lock();
        let Some(inode) = disk.folders[self.folder].seen.get(name).copied() else { return false };
        let inode = &mut disk.inodes[inode];
        inode.flip(offset_bytes as usize, mask)
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "simulated folder {}", self.folder)
    }
}

/// How an operation is to go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    Well,
    Half(io::ErrorKind),
    Lie,
}

impl Disk {
    /// Counts the operation and says how it goes.
    fn begin(&mut self, life: u64, what: impl FnOnce() -> String) -> io::Result<Course> {
        self.check_alive(life)?;
        let index = self.operations.len() as u64;
        self.operations.push(what());
        match self.faults.remove(&index) {
            None => Ok(Course::Well),
            Some(Fault::Full) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Lie) => Ok(Course::Lie),
            Some(Fault::Broken) => Ok(Course::Half(io::ErrorKind::Other)),
            Some(Fault::PowerLoss) => {
                self.power = Power::Off;
                Ok(Course::Half(io::ErrorKind::Other))
            }
        }
    }

    fn check_alive(&self, life: u64) -> io::Result<()> {
        if self.power == Power::Off || life != self.life {
            return Err(io::Error::other("the power is off"));
        }
        Ok(())
    }

    fn used_bytes(&self) -> usize {
        let inodes = self.folders.iter().flat_map(|folder| folder.seen.values());
        inodes.map(|inode| self.inodes[*inode].seen.len()).sum()
    }

    fn check_room(&self, inode: usize, end: usize) -> io::Result<()> {
        let more = end.saturating_sub(self.inodes[inode].seen.len());
        if more > 0 && self.used_bytes() + more > self.quota_bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn change_names(&mut self, folder: usize, change: Rename, course: Course) -> io::Result<()> {
        if let Course::Half(kind) = course {
            // Names change whole or not at all.
            return Err(kind.into());
        }
        self.folders[folder].change(change);
        Ok(())
    }
}

impl SimDisk {
    fn file(&self, disk: &Disk, name: &str, inode: usize) -> Arc<dyn File> {
        Arc::new(SimFile { shared: Arc::clone(&self.shared), name: name.to_owned(), inode, life: disk.life })
    }
}

impl Files for SimDisk {
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut disk = self.shared.disk.lock();
        let life = disk.life;
        let course = disk.begin(life, || format!("create {name}"))?;
        if disk.folders[self.folder].seen.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = disk.inodes.len();
        disk.inodes.push(Inode::default());
        disk.change_names(self.folder, Rename { from: None, to: Some((name.to_owned(), inode)) }, course)?;
        Ok(self.file(&disk, name, inode))
    }

    fn open(&self, name: &str, _access: Access) -> io::Result<Arc<dyn File>> {
        let disk = self.shared.disk.lock();
        disk.check_alive(disk.life)?;
        let inode = *disk.folders[self.folder].seen.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.file(&disk, name, inode))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut disk = self.shared.disk.lock();
        let life = disk.life;
        let course = disk.begin(life, || format!("rename {from} to {to}"))?;
        let inode = *disk.folders[self.folder].seen.get(from).ok_or(io::ErrorKind::NotFound)?;
        let change = Rename { from: Some(from.to_owned()), to: Some((to.to_owned(), inode)) };
        disk.change_names(self.folder, change, course)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut disk = self.shared.disk.lock();
        let life = disk.life;
        if !disk.folders[self.folder].seen.contains_key(name) {
            disk.check_alive(life)?;
            return Err(io::ErrorKind::NotFound.into());
        }
        let course = disk.begin(life, || format!("remove {name}"))?;
        disk.change_names(self.folder, Rename { from: Some(name.to_owned()), to: None }, course)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let disk = self.shared.disk.lock();
        disk.check_alive(disk.life)?;
        Ok(disk.folders[self.folder].seen.keys().cloned().collect())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut disk = self.shared.disk.lock();
        let life = disk.life;
        let course = disk.begin(life, || "sync names".to_owned())?;
        let lying = disk.syncs == Syncs::Lying;
        let folder = &mut disk.folders[self.folder];
        let pending_count = folder.pending_count();
        folder.store(match course {
            Course::Lie => 0,
            Course::Well if lying => 0,
            Course::Well => pending_count,
            Course::Half(_) => pending_count / 2,
        });
        match course {
            Course::Half(kind) => Err(kind.into()),
            _ => Ok(()),
        }
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let disk = self.shared.disk.lock();
        disk.check_alive(disk.life)?;
        Ok(disk.quota_bytes.saturating_sub(disk.used_bytes()) as u64)
    }

    fn lock(&self, name: &str) -> io::Result<Lock> {
        let mut disk = self.shared.disk.lock();
        disk.check_alive(disk.life)?;
        let key = (self.folder, name.to_owned());
        if !disk.locks.insert(key.clone()) {
            return Ok(Lock::Held { pid: Some(std::process::id()) });
        }
        Ok(Lock::Taken(Box::new(SimLock { shared: Arc::clone(&self.shared), key, life: disk.life })))
    }

    fn folder(&self, name: &str, _access: Access) -> io::Result<Arc<dyn Files>> {
        {
            let disk = self.shared.disk.lock();
            disk.check_alive(disk.life)?;
        }
        Ok(Arc::new(self.subfolder(name)))
    }
}

struct SimLock {
    shared: Arc<Shared>,
    key: (usize, String),
    life: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut disk = self.shared.disk.lock();
        if disk.life == self.life {
            disk.locks.remove(&self.key);
        }
    }
}

struct SimFile {
    shared: Arc<Shared>,
    name: String,
    inode: usize,
    life: u64,
}

impl File for SimFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let disk = self.shared.disk.lock();
        disk.check_alive(self.life)?;
        let seen = &disk.inodes[self.inode].seen;
        let from = (offset as usize).min(seen.len());
        let count = into.len().min(seen.len() - from);
        into[..count].copy_from_slice(&seen[from..from + count]);
        Ok(count)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let mut disk = self.shared.disk.lock();
        let what = || format!("write {} at {offset}, {} bytes", self.name, bytes.len());
        let course = disk.begin(self.life, what)?;
        let offset = offset as usize;
        disk.check_room(self.inode, offset + bytes.len())?;
        let inode = &mut disk.inodes[self.inode];
        match course {
            Course::Well => {
                inode.write(offset, bytes);
                Ok(bytes.len())
            }
            Course::Lie => {
                let count = bytes.len().div_ceil(2);
                inode.write(offset, &bytes[..count]);
                Ok(count)
            }
            Course::Half(kind) => {
                inode.write(offset, &bytes[..bytes.len() / 2]);
                Err(kind.into())
            }
        }
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let mut disk = self.shared.disk.lock();
        let course = disk.begin(self.life, || format!("allocate {bytes} for {}", self.name))?;
        let bytes = bytes as usize;
        disk.check_room(self.inode, bytes)?;
        if let Course::Half(kind) = course {
            return Err(kind.into());
        }
        let inode = &mut disk.inodes[self.inode];
        if inode.seen.len() < bytes {
            inode.resize(bytes);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.shared.disk.lock();
        while disk.syncs == Syncs::Held {
            self.shared.released.wait(&mut disk);
        }
        let course = disk.begin(self.life, || format!("sync {}", self.name))?;
        let lying = disk.syncs == Syncs::Lying;
        let inode = &mut disk.inodes[self.inode];
        match course {
            Course::Well if lying => {}
            Course::Well => inode.sync(),
            Course::Lie => {}
            Course::Half(kind) => {
                inode.sync_half();
                return Err(kind.into());
            }
        }
        Ok(())
    }

    fn len_bytes(&self) -> io::Result<u64> {
        let disk = self.shared.disk.lock();
        disk.check_alive(self.life)?;
        Ok(disk.inodes[self.inode].seen.len() as u64)
    }
}
