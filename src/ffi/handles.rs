//! Handles: what stands behind the pointers that C holds.
//!
//! A handle is no address. It is the number of a place in a table, that place's generation, and the kind of thing
//! meant, packed into the bits of a pointer that nobody follows. A stale, foreign or invented one is found out
//! whatever it looks like; freeing takes the thing out of the table, and calls still under way keep it alive.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::status::{Fault, WALRAS_BAD_HANDLE, WALRAS_FORKED, WALRAS_TOO_MANY_HANDLES};
use super::{forks, platform};

const KIND_BITS: u32 = 3;
const INDEX_BITS: u32 = if usize::BITS == 64 { 24 } else { 14 };
const INDEX_MAX: usize = (1 << INDEX_BITS) - 1;
const GENERATION_MAX: usize = usize::MAX >> (KIND_BITS + INDEX_BITS);

/// What a handle is for. The numbers stand in the handle's bits; 0 is none, so that no handle is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Terms = 1,
    Engine = 2,
    Subscriber = 3,
    Server = 4,
}

/// Whether a thing goes on working in the child of a fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forking {
    /// Plain memory.
    Survives,
    /// It has threads, locks or descriptors that the child does not share.
    Ends,
}

/// All things of one kind.
pub(super) struct Table<T> {
    kind: Kind,
    forking: Forking,
    // The standard library's: whoever lets go of it after a fork does not look for those who waited in the parent.
    inner: RwLock<Inner<T>>,
}

/// A table that nobody else looks into.
pub(super) struct Held<T: 'static>(
    #[expect(dead_code, reason = "it is held")] RwLockWriteGuard<'static, Inner<T>>,
);

struct Inner<T> {
    places: Vec<Place<T>>,
    /// Places without a thing.
    free: Vec<usize>,
}

struct Place<T> {
    generation: usize,
    /// The process, as a count of forks, in which the thing was made.
    forks: u32,
    thing: Option<Arc<T>>,
}

impl<T> Table<T> {
    pub const fn new(kind: Kind, forking: Forking) -> Self {
        let inner = RwLock::new(Inner { places: Vec::new(), free: Vec::new() });
        Self { kind, forking, inner }
    }

    /// Keeps everybody else out until what is returned is dropped.
    pub fn hold(&'static self) -> Held<T> {
        Held(self.write())
    }

    // A panic leaves nothing half done in here.
    fn read(&self) -> RwLockReadGuard<'_, Inner<T>> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner<T>> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a thing into the table and gives its handle, never 0.
    pub fn insert(&self, thing: T) -> Result<usize, Fault> {
        forks::watch();
        let forks = platform::forks();
        let thing = Some(Arc::new(thing));
        let mut inner = self.write();
        let index = match inner.free.pop() {
            Some(index) => {
                let place = &mut inner.places[index];
                (place.forks, place.thing) = (forks, thing);
                index
            }
            None if inner.places.len() <= INDEX_MAX => {
                inner.places.push(Place { generation: 0, forks, thing });
                inner.places.len() - 1
            }
            None => return Err(Fault::new(WALRAS_TOO_MANY_HANDLES, "there are too many handles")),
        };
        Ok(inner.places[index].generation << (KIND_BITS + INDEX_BITS)
            | index << KIND_BITS
            | self.kind as usize)
    }

    /// The thing behind a handle.
    #[inline]
    pub fn find(&self, handle: usize) -> Result<Arc<T>, Fault> {
        let (index, generation) = self.parts(handle)?;
        let inner = self.read();
        let place = inner.places.get(index).filter(|place| place.generation == generation);
        let Some((place, thing)) = place.and_then(|place| Some((place, place.thing.as_ref()?))) else {
            return Err(bad_handle());
        };
        self.check_process(place)?;
        Ok(Arc::clone(thing))
    }

    /// Takes a thing out of the table: its handle means nothing from now on. What belongs to the parent of this
    /// process stays: its threads are not here, so nothing may wait for them, or close what they share.
    pub fn remove(&self, handle: usize) -> Result<Arc<T>, Fault> {
        let (index, generation) = self.parts(handle)?;
        let mut inner = self.write();
        let place = inner.places.get_mut(index).filter(|place| place.generation == generation);
        let place = place.filter(|place| place.thing.is_some()).ok_or_else(bad_handle)?;
        self.check_process(place)?;
        let thing = place.thing.take().ok_or_else(bad_handle)?;
        // A place whose generations are used up is never used again.
        if place.generation < GENERATION_MAX {
            place.generation += 1;
            inner.free.push(index);
        }
        Ok(thing)
    }

    fn check_process(&self, place: &Place<T>) -> Result<(), Fault> {
        if self.forking == Forking::Survives || place.forks == platform::forks() {
            return Ok(());
        }
        Err(Fault::new(WALRAS_FORKED, "the handle belongs to the process this one was forked from"))
    }

    fn parts(&self, handle: usize) -> Result<(usize, usize), Fault> {
        let kind = handle & ((1 << KIND_BITS) - 1);
        if kind != self.kind as usize {
            return Err(bad_handle());
        }
        Ok((handle >> KIND_BITS & INDEX_MAX, handle >> (KIND_BITS + INDEX_BITS)))
    }
}

#[cold]
fn bad_handle() -> Fault {
    Fault::new(WALRAS_BAD_HANDLE, "the handle was freed, is of another kind, or was never given out")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_foreign_and_invented_handles_are_found_out() {
        let terms: Table<u32> = Table::new(Kind::Terms, Forking::Survives);
        let engines: Table<u32> = Table::new(Kind::Engine, Forking::Ends);
        let first = terms.insert(1).expect("there is room");
        let second = terms.insert(2).expect("there is room");
        assert_eq!(*terms.find(second).expect("it is there"), 2);
        assert!(engines.find(first).is_err(), "another kind");
        let held = terms.find(first).expect("it is there");
        assert_eq!(*terms.remove(first).expect("it is there"), 1);
        assert_eq!(*held, 1, "a call under way keeps what it uses");
        assert!(terms.find(first).is_err() && terms.remove(first).is_err(), "freed");
        let third = terms.insert(3).expect("there is room");
        assert_ne!(first, third, "the place is used again, the handle is not");
        assert!(terms.find(first).is_err());
        for invented in [0, 1, 7, usize::MAX, 0xdead_beef, third ^ (1 << KIND_BITS), third + (1 << 40)] {
            assert!(terms.find(invented).is_err(), "{invented:#x}");
        }
    }
}
