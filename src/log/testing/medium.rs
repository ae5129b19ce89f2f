//! What the simulated disk is made of: sectors and names, each as seen and as stored.

use std::collections::{BTreeMap, BTreeSet};

/// Data is kept or lost by sectors of this many bytes.
pub const SECTOR_BYTES: usize = 512;

#[derive(Debug, Clone, Default)]
pub(super) struct Inode {
    pub seen: Vec<u8>,
    stored: Vec<u8>,
    dirty: BTreeSet<usize>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Folder {
    pub seen: BTreeMap<String, usize>,
    stored: BTreeMap<String, usize>,
    pending: Vec<Rename>,
    pub folders: BTreeMap<String, usize>,
}

/// A change of names: a creation has no `from`, a removal no `to`.
#[derive(Debug, Clone)]
pub(super) struct Rename {
    pub from: Option<String>,
    pub to: Option<(String, usize)>,
}

impl Rename {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        if let Some(from) = &self.from {
            names.remove(from);
        }
        if let Some((to, inode)) = &self.to {
            names.insert(to.clone(), *inode);
        }
    }
}

impl Folder {
    pub fn change(&mut self, change: Rename) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// Puts the first `count` changes on the medium.
    pub fn store(&mut self, count: usize) {
        for change in self.pending.drain(..count) {
            change.apply(&mut self.stored);
        }
    }

    pub fn lose_power(&mut self, luck: Option<&mut Luck>) {
        let kept = luck.map_or(0, |luck| luck.below(self.pending.len() + 1));
        self.store(kept);
        self.pending.clear();
        self.seen = self.stored.clone();
    }
}

/// Numbers that look random and are the same for the same seed.
pub(super) struct Luck(pub u64);

impl Luck {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((value ^ (value >> 31)) % bound as u64) as usize
    }
}

impl Inode {
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if end > self.seen.len() {
            self.resize(end);
        }
        self.seen[offset..end].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.dirty.extend(offset / SECTOR_BYTES..=(end - 1) / SECTOR_BYTES);
        }
    }

    pub fn resize(&mut self, bytes: usize) {
        let old = self.seen.len();
        self.seen.resize(bytes, 0);
        if bytes > old {
            self.dirty.extend(old / SECTOR_BYTES..=(bytes - 1) / SECTOR_BYTES);
        }
    }

    /// Puts the sector on the medium: all of it, or its first `new_bytes` only.
    fn store(&mut self, sector: usize, new_bytes: usize) {
        let start = sector * SECTOR_BYTES;
        let end = (start + new_bytes.min(SECTOR_BYTES)).min(self.seen.len());
        if self.stored.len() < self.seen.len() {
            self.stored.resize(self.seen.len(), 0);
        }
        if start < end {
            self.stored[start..end].copy_from_slice(&self.seen[start..end]);
        }
    }

    pub fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty) {
            self.store(sector, SECTOR_BYTES);
        }
    }

    pub fn sync_half(&mut self) {
        let dirty = std::mem::take(&mut self.dirty);
        for sector in dirty.iter().take(dirty.len() / 2) {
            self.store(*sector, SECTOR_BYTES);
        }
    }

    pub fn flip(&mut self, at: usize, mask: u8) -> bool {
        if let Some(byte) = self.stored.get_mut(at) {
            *byte ^= mask;
        }
        let byte = self.seen.get_mut(at).map(|byte| *byte ^= mask);
        byte.is_some()
    }

    pub fn lose_power(&mut self, luck: Option<&mut Luck>) {
        let dirty = std::mem::take(&mut self.dirty);
        if let Some(luck) = luck {
            for sector in dirty {
                match luck.below(3) {
                    0 => {}
                    1 => self.store(sector, SECTOR_BYTES),
                    _ => self.store(sector, luck.below(SECTOR_BYTES)),
                }
            }
        }
        self.seen = self.stored.clone();
    }
}
