//! The atomics of the ring: the standard ones, or loom's when the model checker runs.
//!
//! `tests/fanout_loom.rs` compiles this folder into itself under `--cfg walras_loom`; the
//! library proper never depends on loom.

#[cfg(all(test, walras_loom))]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
#[cfg(not(all(test, walras_loom)))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
