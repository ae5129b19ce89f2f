//! The one door between C and Rust: every exported function is one [`call`] with what follows here.
//!
//! Panics become `WALRAS_INTERNAL`, errors a status and a text kept for the thread, and raw pointers slices and
//! texts once they are checked. Nothing else in the face looks at a raw pointer.

use std::cell::{Cell, RefCell};
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use super::handles::Table;
use super::status::{
    Fault, WALRAS_BAD_LENGTH, WALRAS_INTERNAL, WALRAS_NOT_UTF8, WALRAS_NULL_POINTER, WALRAS_OK,
    WALRAS_REENTRANT, walras_status,
};

thread_local! {
    /// The text of this thread's last error.
    static LAST_ERROR: RefCell<Option<CString>> = const { RefCell::new(None) };
    /// Whether this thread is inside a function that the library called.
    static CALLED_BACK: Cell<bool> = const { Cell::new(false) };
    /// The last text that a call of this thread gave.
    static LAST_TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static HAS_ERROR: Cell<bool> = const { Cell::new(false) };
}

/// Runs one exported call.
#[inline]
pub(super) fn call(work: impl FnOnce() -> Result<(), Fault>) -> walras_status {
    if CALLED_BACK.get() {
        return fail(Fault::new(WALRAS_REENTRANT, "a wake-up or log function must not call the library"));
    }
    // Whatever a panic may have left half done belongs to an engine that stops by itself, or to nobody.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => {
            if HAS_ERROR.get() {
                forget_error();
            }
            WALRAS_OK
        }
        Ok(Err(fault)) => fail(fault),
        Err(panic) => {
            let why = panic.downcast_ref::<String>().map(String::as_str);
            let why = why.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
            fail(Fault::new(WALRAS_INTERNAL, format!("a fault of the library: {why}")))
        }
    }
}

#[cold]
fn fail(fault: Fault) -> walras_status {
    let mut bytes = fault.message.into_owned().into_bytes();
    bytes.retain(|&byte| byte != 0);
    // Without zeros it is a C string; during the end of a thread there is nowhere to keep it.
    let text = CString::new(bytes).ok();
    let _ = LAST_ERROR.try_with(|last| *last.borrow_mut() = text);
    let _ = HAS_ERROR.try_with(|has| has.set(true));
    fault.status
}

#[cold]
fn forget_error() {
    let _ = LAST_ERROR.try_with(|last| *last.borrow_mut() = None);
    HAS_ERROR.set(false);
}

/// The text of the thread's last error; empty if its last call succeeded. Valid until the thread's next call.
pub(super) fn last_error() -> *const c_char {
    let found = LAST_ERROR.try_with(|last| last.borrow().as_ref().map(|text| text.as_ptr()));
    found.ok().flatten().unwrap_or(c"".as_ptr())
}

/// Marks this thread as being inside a function of the host's while `call` runs.
pub(super) fn call_back<T>(call: impl FnOnce() -> T) -> T {
    struct Guard(bool);
    impl Drop for Guard {
        fn drop(&mut self) {
            CALLED_BACK.set(self.0);
        }
    }
    let _guard = Guard(CALLED_BACK.replace(true));
    call()
}

/// The items at `pointer`.
///
/// # Safety
/// `pointer` is null or points to `count` readable items that nobody writes while the result lives.
pub(super) unsafe fn items<'a, T>(pointer: *const T, count: u64) -> Result<&'a [T], Fault> {
    let count = length::<T>(count)?;
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(null());
    }
    check_aligned(pointer)?;
    // SAFETY: not null, aligned, and the caller promises `count` readable items.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// As [`items`], but null means that there are none at all.
///
/// # Safety
/// As for [`items`].
pub(super) unsafe fn items_if_given<'a, T>(pointer: *const T, count: u64) -> Result<Option<&'a [T]>, Fault> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise is the same.
    unsafe { items(pointer, count) }.map(Some)
}

/// Room for `count` items of plain numbers, which need not be initialised; `None` for null.
///
/// # Safety
/// `pointer` is null or points to room for `count` items that nobody else reads or writes while the result lives.
pub(super) unsafe fn room<'a, T: Copy>(pointer: *mut T, count: u64) -> Result<Option<Room<'a, T>>, Fault> {
    if pointer.is_null() {
        return Ok(None);
    }
    let count = length::<T>(count)?;
    check_aligned(pointer)?;
    // SAFETY: not null, aligned, and the caller promises room for `count` items. `MaybeUninit` may hold anything.
    Ok(Some(unsafe { std::slice::from_raw_parts_mut(pointer.cast(), count) }))
}

/// As [`room`], but null is refused unless nothing is to be written.
///
/// # Safety
/// As for [`room`].
pub(super) unsafe fn needed_room<'a, T: Copy>(pointer: *mut T, count: u64) -> Result<Room<'a, T>, Fault> {
    // SAFETY: the caller's promise is the same.
    match unsafe { room(pointer, count) }? {
        Some(room) => Ok(room),
        None if count == 0 => Ok(&mut []),
        None => Err(null()),
    }
}

/// Takes the thing behind a handle out of its table; 0 is no thing.
pub(super) fn release<T>(table: &Table<T>, handle: usize) -> Result<Option<Arc<T>>, Fault> {
    if handle == 0 { Ok(None) } else { table.remove(handle).map(Some) }
}

/// Memory of the caller's for results; it may hold anything before.
pub(super) type Room<'a, T> = &'a mut [std::mem::MaybeUninit<T>];

/// One value behind a pointer.
///
/// # Safety
/// `pointer` is null or points to a readable value.
pub(super) unsafe fn value<T: Copy>(pointer: *const T) -> Result<T, Fault> {
    if pointer.is_null() {
        return Err(null());
    }
    // SAFETY: not null, and readable as the caller promises; it need not be aligned.
    Ok(unsafe { ptr::read_unaligned(pointer) })
}

/// Text in UTF-8.
///
/// # Safety
/// As for [`items`].
pub(super) unsafe fn text<'a>(pointer: *const c_char, bytes: u64) -> Result<&'a str, Fault> {
    // SAFETY: the caller's promise is the same; `c_char` is a byte.
    let bytes = unsafe { items(pointer.cast::<u8>(), bytes) }?;
    std::str::from_utf8(bytes).map_err(|error| {
        Fault::new(WALRAS_NOT_UTF8, format!("the text is not UTF-8 at byte {}", error.valid_up_to()))
    })
}

/// Text in UTF-8, or `None` for null.
///
/// # Safety
/// As for [`items`].
pub(super) unsafe fn text_if_given<'a>(pointer: *const c_char, bytes: u64) -> Result<Option<&'a str>, Fault> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise is the same.
    unsafe { text(pointer, bytes) }.map(Some)
}

/// A place for one result, known not to be null before any work is done.
pub(super) struct Place<T>(*mut T);

impl<T> Place<T> {
    /// Writes the result.
    pub fn put(self, value: T) {
        // SAFETY: `place` was given a writable pointer; it need not be aligned.
        unsafe { ptr::write_unaligned(self.0, value) }
    }
}

/// A place for one result.
///
/// # Safety
/// `pointer` is null or writable until the call ends.
pub(super) unsafe fn place<T>(pointer: *mut T) -> Result<Place<T>, Fault> {
    if pointer.is_null() { Err(null()) } else { Ok(Place(pointer)) }
}

/// A place for one result that the caller may not want.
///
/// # Safety
/// As for [`place`].
pub(super) unsafe fn place_if_wanted<T>(pointer: *mut T) -> Option<Place<T>> {
    (!pointer.is_null()).then_some(Place(pointer))
}

/// Where a text result goes: a pointer to it and its length.
pub(super) struct TextPlace(Place<*const c_char>, Place<u64>);

/// Where a text result goes.
///
/// # Safety
/// Both are null or writable until the call ends.
pub(super) unsafe fn text_place(pointer: *mut *const c_char, bytes: *mut u64) -> Result<TextPlace, Fault> {
    // SAFETY: the caller's promise is the same.
    unsafe { Ok(TextPlace(place(pointer)?, place(bytes)?)) }
}

impl TextPlace {
    /// Keeps the text for this thread until its next call that gives one, ended by a zero that does not count.
    pub fn put(self, mut text: Vec<u8>) {
        let bytes = text.len() as u64;
        text.push(0);
        LAST_TEXT.with(|last| {
            *last.borrow_mut() = text;
            self.0.put(last.borrow().as_ptr().cast());
        });
        self.1.put(bytes);
    }
}

/// Fails where two arrays that belong together do not fit.
pub(super) fn bad_length(what: &'static str) -> Fault {
    Fault::new(WALRAS_BAD_LENGTH, what)
}

fn length<T>(count: u64) -> Result<usize, Fault> {
    let count = usize::try_from(count).ok();
    let fits =
        |&count: &usize| count.checked_mul(size_of::<T>()).is_some_and(|bytes| bytes <= isize::MAX as usize);
    count.filter(fits).ok_or_else(|| bad_length("a length is beyond what memory holds"))
}

fn check_aligned<T>(pointer: *const T) -> Result<(), Fault> {
    if pointer.is_aligned() { Ok(()) } else { Err(bad_length("an array is not aligned to its items")) }
}

#[cold]
fn null() -> Fault {
    Fault::new(WALRAS_NULL_POINTER, "a pointer is null that must not be")
}
