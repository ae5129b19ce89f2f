//! Memory that is filled soon after it was asked for.
//!
//! A system provides memory page by page, each when it is first written to. A million bids touch 20 000 pages, which is a quarter
//! of what they cost. It provides many at once for two thirds of that, if it is told.

use std::sync::OnceLock;

/// Less is not worth the telling.
const BYTES_MIN: usize = 16 << 10;

static ADVISER: OnceLock<fn(start: *const u8, bytes: usize)> = OnceLock::new();

/// Has `adviser` told of memory that is about to be filled, from now on and by all engines of this process. The first one
/// stays.
pub fn advise_of_memory(adviser: fn(start: *const u8, bytes: usize)) {
    ADVISER.get_or_init(|| adviser);
}

/// Room for so many values, which come soon.
pub(crate) fn room_for<T>(count: usize) -> Vec<T> {
    let mut values: Vec<T> = Vec::with_capacity(count);
    let room = values.spare_capacity_mut();
    if let (Some(adviser), BYTES_MIN..) = (ADVISER.get(), size_of_val(room)) {
        adviser(room.as_ptr().cast(), size_of_val(room));
    }
    values
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    static TOLD: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

    #[test]
    fn large_room_is_told_of_where_it_is() {
        advise_of_memory(|start, bytes| TOLD.lock().expect("no panic").push((start.addr(), bytes)));
        let was_told = |room: &Vec<u64>| {
            TOLD.lock().expect("no panic").contains(&(room.as_ptr().addr(), room.capacity() * 8))
        };
        let (large, small) = (room_for(BYTES_MIN / 8), room_for(BYTES_MIN / 8 - 1));
        assert!(was_told(&large) && large.is_empty());
        assert!(!was_told(&small));
    }
}
