//! Sums of quantities by price, in a tree of 64-way nodes: the demand index's ground.
//!
//! Prices are keys counted from the lowest one. A leaf holds the lots of 64 neighbouring keys, an inner node the
//! sums of up to 64 nodes below it, and both a word that says which are occupied. Nodes exist only where there
//! is demand, and inner nodes only where paths part: a lone key costs one leaf, however far up it is,
//! and nothing takes longer than eleven nodes. Nodes without demand are kept and used again.
//! How the tree changes is told here, how it is asked in `demand_search`.

use super::demand_pool::Pool;

/// Children of a node, and keys of a leaf.
pub(super) const FAN: usize = 64;
/// Bits of a key that one node decides.
pub(super) const FAN_BITS: u32 = 6;
/// Inner nodes on the longest way to a leaf: 64 bits of a key, less those that the leaf decides.
const DEPTH_MAX: usize = 10;

/// Sums of lots by key. All sums together stay within 63 bits; whoever adds sees to that.
#[derive(Debug, Clone)]
pub(super) struct SumTree {
    pub(super) root: Option<Node>,
    pub(super) total: i64,
    /// Heads and sums of the leaves, each under the leaf's number: the heads are few enough to stay near.
    pub(super) heads: Pool<Head, 64>,
    pub(super) sums: Pool<Sums, 16>,
    pub(super) inners: Pool<Inner, 4>,
}

/// A place among the inner nodes, or with the top bit among the leaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Node(u32);

const LEAF: u32 = 1 << 31;

/// What is known of a leaf beside its sums.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    /// The first of its keys.
    pub start: u64,
    /// Which of its keys have lots; the others' sums are 0. A leaf without any is in no tree.
    pub occupied: u64,
}

/// The lots at each key of a leaf.
#[derive(Debug, Clone)]
pub(super) struct Sums(pub [i64; FAN]);

#[derive(Debug, Clone)]
pub(super) struct Inner {
    /// The first of its keys.
    pub start: u64,
    /// How many of a key's bits the nodes below decide.
    pub shift: u32,
    /// Which of its children exist; the others' sums are 0.
    pub occupied: u64,
    pub sums: [i64; FAN],
    pub children: [Node; FAN],
}

/// The way to a leaf: inner nodes and which child of each was taken.
struct Way {
    steps: [(u32, usize); DEPTH_MAX],
    count: usize,
}

/// Which child of a node with this shift a key belongs to.
#[inline]
pub(super) fn digit(key: u64, shift: u32) -> usize {
    (key >> shift) as usize % FAN
}

/// The first key of the leaf that a key belongs to.
#[inline]
pub(super) fn leaf_start(key: u64) -> u64 {
    key & !(FAN as u64 - 1)
}

impl SumTree {
    pub fn new() -> Self {
        Self { root: None, total: 0, heads: Pool::new(), sums: Pool::new(), inners: Pool::new() }
    }

    /// The lots at all keys.
    #[inline]
    pub fn total(&self) -> i64 {
        self.total
    }

    /// Adds lots, more than 0, at a key.
    #[inline]
    pub fn add(&mut self, key: u64, lots: i64) {
        self.total += lots;
        let Some(mut node) = self.root else {
            self.root = Some(self.new_leaf(key, lots));
            return;
        };
        let mut parent = None;
        while let Some(index) = node.inner() {
            let inner = &mut self.inners[index];
            if !inner.holds(key) {
                self.part(node, parent, key, lots);
                return;
            }
            let place = digit(key, inner.shift);
            inner.sums[place] += lots;
            if inner.occupied >> place & 1 == 0 {
                let leaf = self.new_leaf(key, lots);
                self.inners[index].link(place, leaf);
                return;
            }
            parent = Some((index, place));
            node = inner.children[place];
        }
        let head = &mut self.heads[node.leaf()];
        if head.start != leaf_start(key) {
            self.part(node, parent, key, lots);
            return;
        }
        let place = digit(key, 0);
        head.occupied |= 1 << place;
        self.sums[node.leaf()].0[place] += lots;
    }

    /// Puts an inner node above one that does not hold a key, and beside that one a leaf for the key.
    /// The sums of the nodes above count the lots already.
    #[cold]
    fn part(&mut self, node: Node, parent: Option<(u32, usize)>, key: u64, lots: i64) {
        let (start, _) = self.place_of(node);
        let shift = (start ^ key).ilog2() / FAN_BITS * FAN_BITS;
        let leaf = self.new_leaf(key, lots);
        let sum = parent.map_or(self.total, |(index, place)| self.inners[index].sums[place]);
        let index = self.inners.take();
        let between = &mut self.inners[index];
        (between.start, between.shift) = (key >> shift >> FAN_BITS << FAN_BITS << shift, shift);
        between.link(digit(start, shift), node);
        between.sums[digit(start, shift)] = sum - lots;
        between.link(digit(key, shift), leaf);
        between.sums[digit(key, shift)] = lots;
        self.hang(parent, Node(index));
    }

    /// Takes lots away from a key if it has as many and `kept` more, and says whether it has.
    #[inline]
    pub fn remove(&mut self, key: u64, lots: i64, kept: i64) -> bool {
        let Some(mut node) = self.root else { return false };
        let mut way = Way { steps: [(0, 0); DEPTH_MAX], count: 0 };
        while let Some(index) = node.inner() {
            let inner = &self.inners[index];
            let place = digit(key, inner.shift);
            if !inner.holds(key) || inner.occupied >> place & 1 == 0 {
                return false;
            }
            way.steps[way.count] = (index, place);
            way.count += 1;
            node = inner.children[place];
        }
        let place = digit(key, 0);
        let head = &mut self.heads[node.leaf()];
        let sum = &mut self.sums[node.leaf()].0[place];
        if head.start != leaf_start(key) || *sum - kept < lots {
            return false;
        }
        *sum -= lots;
        if *sum == 0 {
            head.occupied &= !(1 << place);
        }
        let is_empty = head.occupied == 0;
        self.total -= lots;
        for &(index, place) in &way.steps[..way.count] {
            self.inners[index].sums[place] -= lots;
        }
        if is_empty {
            self.unlink(node, &way);
        }
        true
    }

    /// Takes an empty leaf out of the tree, and the inner node above it if only one child is left.
    #[cold]
    fn unlink(&mut self, leaf: Node, way: &Way) {
        self.heads.give_back(leaf.leaf());
        self.sums.give_back(leaf.leaf());
        let Some(above) = way.count.checked_sub(1) else {
            self.root = None;
            return;
        };
        let (index, place) = way.steps[above];
        let inner = &mut self.inners[index];
        inner.occupied &= !(1 << place);
        if inner.occupied.is_power_of_two() {
            let last = inner.occupied.trailing_zeros() as usize;
            let child = inner.children[last];
            inner.sums[last] = 0;
            inner.occupied = 0;
            self.inners.give_back(index);
            self.hang(above.checked_sub(1).map(|above| way.steps[above]), child);
        }
    }

    /// Puts a node below another, or at the root.
    fn hang(&mut self, parent: Option<(u32, usize)>, node: Node) {
        match parent {
            Some((index, place)) => self.inners[index].children[place] = node,
            None => self.root = Some(node),
        }
    }

    /// A node's first key and shift.
    #[inline]
    pub(super) fn place_of(&self, node: Node) -> (u64, u32) {
        match node.inner() {
            Some(index) => (self.inners[index].start, self.inners[index].shift),
            None => (self.heads[node.leaf()].start, 0),
        }
    }

    #[cold]
    fn new_leaf(&mut self, key: u64, lots: i64) -> Node {
        let (index, same) = (self.heads.take(), self.sums.take());
        debug_assert_eq!(index, same, "both are taken and given back together");
        self.heads[index] = Head { start: leaf_start(key), occupied: 1 << digit(key, 0) };
        // The sums of a leaf that was used before are all 0.
        self.sums[index].0[digit(key, 0)] = lots;
        Node(index | LEAF)
    }
}

impl Node {
    #[inline]
    pub fn inner(self) -> Option<u32> {
        (self.0 & LEAF == 0).then_some(self.0)
    }

    #[inline]
    pub fn leaf(self) -> u32 {
        self.0 & !LEAF
    }
}

impl Default for Sums {
    fn default() -> Self {
        Self([0; FAN])
    }
}

impl Default for Inner {
    fn default() -> Self {
        Self { start: 0, shift: 0, occupied: 0, sums: [0; FAN], children: [Node(0); FAN] }
    }
}

impl Inner {
    #[inline]
    pub fn holds(&self, key: u64) -> bool {
        (key ^ self.start) >> self.shift >> FAN_BITS == 0
    }

    fn link(&mut self, place: usize, child: Node) {
        self.children[place] = child;
        self.occupied |= 1 << place;
    }
}
