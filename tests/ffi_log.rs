//! What the library reports of itself: a process of its own, since there is one such report for each.
#![cfg(feature = "ffi")]
#![allow(unsafe_code, reason = "the calls of C are unsafe by nature")]

mod ffi_support;

use std::ffi::{CStr, c_char, c_void};
use std::ptr::null_mut;
use std::sync::Mutex;

use ffi_support::*;
use walras::ffi::*;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

unsafe extern "C" fn note(_argument: *mut c_void, level: u32, line: *const c_char) {
    // SAFETY: the library gives a line that ends with a zero.
    let line = unsafe { CStr::from_ptr(line) }.to_string_lossy().into_owned();
    LINES.lock().expect("nobody panics with it").push(format!("{level} {line}"));
}

#[test]
fn what_the_library_reports_goes_to_the_function_of_the_host_from_a_level_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = format!(r#"{{"data":{:?},"durability":"os"}}"#, folder.path().to_str().expect("a path"));
    // SAFETY: the function may be called from any thread at any time.
    unsafe {
        assert_eq!(walras_log_set(6, None, null_mut()), WALRAS_BAD_ARGUMENT);
        ok(walras_log_set(WALRAS_LOG_INFO, Some(note), null_mut()));
    }
    drop(Engine::new(&options));
    let heard = |word: &str| {
        let lines = LINES.lock().expect("nobody panics with it");
        lines.iter().filter(|line| line.starts_with("3 ") && line.contains(word)).count()
    };
    assert_eq!(heard("the log is replayed commands=0"), 1, "{:?}", LINES.lock());
    // SAFETY: as above.
    ok(unsafe { walras_log_set(WALRAS_LOG_ERROR, Some(note), null_mut()) });
    drop(Engine::new(&options));
    assert_eq!(heard("the log is replayed"), 1, "too low a level");
    // SAFETY: null is no function.
    ok(unsafe { walras_log_set(WALRAS_LOG_OFF, None, null_mut()) });
}
