//! The host and its log together: what is said while a sync is under way and after it
//! failed, on a disk that is full, when the clock steps, and that a replay tells the
//! same messages byte for byte.

mod clock;
mod freeze;
mod replay;
mod space;
mod world;
