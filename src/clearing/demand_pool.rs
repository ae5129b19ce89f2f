//! Where the nodes of a sum tree are kept: in pieces that never move, by number.
//!
//! Growing allocates one more piece and copies nothing but the list of pieces, which is short enough to stay
//! in the first-level cache, so that a node is one step away. What is given back is used again.

/// Values by number.
#[derive(Debug, Clone)]
pub(super) struct Pool<T, const PIECE: usize> {
    pieces: Vec<Box<[T; PIECE]>>,
    /// Numbers below this have been given out.
    count: u32,
    free: Vec<u32>,
}

impl<T: Clone + Default, const PIECE: usize> Pool<T, PIECE> {
    pub fn new() -> Self {
        const { assert!(PIECE.is_power_of_two(), "a number's place is found by its bits") };
        Self { pieces: Vec::new(), count: 0, free: Vec::new() }
    }

    /// A number whose value is as it was given back, or as new.
    pub fn take(&mut self) -> u32 {
        if let Some(number) = self.free.pop() {
            return number;
        }
        if self.count as usize == self.pieces.len() * PIECE {
            let piece = vec![T::default(); PIECE].into_boxed_slice();
            self.pieces.push(piece.try_into().ok().expect("a piece has its length"));
        }
        self.count += 1;
        self.count - 1
    }

    /// The value of a number, if there is one.
    #[inline]
    pub fn find(&self, number: u32) -> Option<&T> {
        self.pieces.get(number as usize / PIECE).map(|piece| &piece[number as usize % PIECE])
    }

    /// Takes a number back that nobody will use.
    pub fn give_back(&mut self, number: u32) {
        self.free.push(number);
    }
}

impl<T, const PIECE: usize> std::ops::Index<u32> for Pool<T, PIECE> {
    type Output = T;

    #[inline]
    fn index(&self, number: u32) -> &T {
        &self.pieces[number as usize / PIECE][number as usize % PIECE]
    }
}

impl<T, const PIECE: usize> std::ops::IndexMut<u32> for Pool<T, PIECE> {
    #[inline]
    fn index_mut(&mut self, number: u32) -> &mut T {
        &mut self.pieces[number as usize / PIECE][number as usize % PIECE]
    }
}
