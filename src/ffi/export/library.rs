//! The library itself: its version, and what the last call of this thread had to say.

use std::ffi::{c_char, c_void};

use crate::ffi::boundary;
use crate::ffi::status::walras_status;
use crate::ffi::{library, log};

/// Off the grid is refused with `WALRAS_OFF_GRID`.
pub const WALRAS_ROUND_REFUSE: u32 = 0;
/// Off the grid goes to the step below.
pub const WALRAS_ROUND_DOWN: u32 = 1;
/// Off the grid goes to the nearest step; of two equally near ones to the even.
pub const WALRAS_ROUND_NEAREST: u32 = 2;

/// The version of the interface that this header describes; see `walras_abi_version`.
pub const WALRAS_ABI_VERSION: u32 = 1;

/// The version of this interface. It grows when a signature, a number or a layout changes; a host that was built against
/// another one must not go on.
#[unsafe(no_mangle)]
pub extern "C" fn walras_abi_version() -> u32 {
    WALRAS_ABI_VERSION
}

/// The version of the library, such as "0.1.0". Lives as long as the process.
#[unsafe(no_mangle)]
pub extern "C" fn walras_version() -> *const c_char {
    library::VERSION.as_ptr()
}

/// What went wrong in this thread's last call, for people; empty if nothing did. Ends with a zero. Valid until the
/// thread's next call into the library; the statuses alone are enough to act on.
#[unsafe(no_mangle)]
pub extern "C" fn walras_last_error() -> *const c_char {
    boundary::last_error()
}

/// Reports what happens inside the library, from `level` (`WALRAS_LOG_…`) on; at first nothing is reported. Lines go to standard
/// error, or with `function` to that: `function(argument, level, line)`, the line ending with a zero and valid during the
/// call. The function is called by whatever thread has something to say, the engine's own among them. It must not block, and
/// must not call this library (`WALRAS_REENTRANT`). When this call returns, no thread is inside the function that was set before.
/// In a process that was forked while the function was under way, lines go to standard error for good, and
/// this call answers `WALRAS_FORKED`.
///
/// # Safety
/// `function` is null or may be called with `argument` from any thread until another one is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_log_set(
    level: u32,
    function: Option<unsafe extern "C" fn(*mut c_void, u32, *const c_char)>,
    argument: *mut c_void,
) -> walras_status {
    boundary::call(|| log::set(level, function, argument as usize))
}

/// Puts floats on the grid of the step `mantissa / 10^scale`: `steps_out[i]` is how many steps `floats[i]` is. A float that
/// is not the nearest one to any multiple of the step is treated as `rounding` (`WALRAS_ROUND_…`) says. Without rounding
/// a float whose decimal has 16 or more digits counts as what it is in 15: programs write 0.1 + 0.2 for 0.3.
///
/// # Safety
/// `floats` is null or has `count` items, and `steps_out` has room for as many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_steps_from_floats(
    mantissa: i64,
    scale: u32,
    rounding: u32,
    floats: *const f64,
    count: u64,
    steps_out: *mut i64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the arrays are as this function's caller promises.
        let (floats, steps) = unsafe { (boundary::items(floats, count)?, boundary::room(steps_out, count)?) };
        library::put_on_grid(mantissa, scale, rounding, floats, steps)
    })
}
