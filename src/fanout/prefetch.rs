//! A hint to the processor: what will be looked at next.
#![allow(unsafe_code, reason = "the hint takes a pointer")]

/// Starts to fetch the first line of memory of a value that will be looked at soon. Does nothing where
/// the processor has no such hint.
#[inline(always)]
pub fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing that anybody sees and cannot fault, whatever the address; this one is a reference.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
