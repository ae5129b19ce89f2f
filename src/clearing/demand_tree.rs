//! Sums of quantities by price, in a tree of 64-way nodes: the demand index's ground.
//!
//! Prices are keys counted from the lowest one. A leaf holds the lots of 64 neighbouring keys, an inner node the
//! sums of up to 64 nodes below it, and both a word that says which are occupied. Nodes exist only where there
//! is demand, and inner nodes only where paths part: a lone key costs one leaf, however far up it is,
//! and nothing takes longer than eleven nodes. Nodes without demand are kept and used again.

/// Children of a node, and keys of a leaf.
const FAN: usize = 64;
/// Bits of a key that one node decides.
const FAN_BITS: u32 = 6;

/// Sums of lots by key. All sums together stay within 63 bits; whoever adds sees to that.
#[derive(Debug, Clone)]
#[expect(clippy::vec_box, reason = "growth then moves pointers, not nodes")]
pub(super) struct SumTree {
    root: Option<Node>,
    total: i64,
    heads: Vec<LeafHead>,
    leaves: Vec<Box<[i64; FAN]>>,
    inners: Vec<Box<Inner>>,
    free_leaves: Vec<u32>,
    free_inners: Vec<u32>,
}

/// A place among the inner nodes, or with the top bit among the leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Node(u32);

const LEAF: u32 = 1 << 31;

#[derive(Debug, Clone, Copy)]
struct LeafHead {
    /// The first of its keys.
    start: u64,
    /// Which of its keys have lots.
    occupied: u64,
}

#[derive(Debug, Clone)]
struct Inner {
    /// The first of its keys.
    start: u64,
    /// How many of a key's bits the nodes below decide.
    shift: u32,
    /// Which of its children exist; the others' sums are 0.
    occupied: u64,
    sums: [i64; FAN],
    children: [Node; FAN],
}

/// Where the search ended: a key, and the lots at all keys above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub key: u64,
    pub above: i64,
}

/// Keys from `low` to `high`, `above` being the lots at all higher keys.
struct Span {
    low: u64,
    high: u64,
    above: i64,
}

/// Which child of a node with this shift a key belongs to.
#[inline]
fn digit(key: u64, shift: u32) -> usize {
    (key >> shift) as usize % FAN
}

/// The words above and below a digit.
#[inline]
fn bits_above(word: u64, digit: usize) -> u64 {
    word & (u64::MAX << 1 << digit)
}

#[inline]
fn bits_below(word: u64, digit: usize) -> u64 {
    word & !(u64::MAX << digit)
}

impl SumTree {
    pub fn new() -> Self {
        Self {
            root: None,
            total: 0,
            heads: Vec::new(),
            leaves: Vec::new(),
            inners: Vec::new(),
            free_leaves: Vec::new(),
            free_inners: Vec::new(),
        }
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
            let inner = &mut *self.inners[index];
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
        if head.start != key & !(FAN as u64 - 1) {
            self.part(node, parent, key, lots);
            return;
        }
        let place = digit(key, 0);
        head.occupied |= 1 << place;
        self.leaves[node.leaf()][place] += lots;
    }

    /// Puts an inner node above one that does not hold a key, and beside that one a leaf for the key.
    /// The sums of the nodes above count the lots already.
    #[cold]
    fn part(&mut self, node: Node, parent: Option<(usize, usize)>, key: u64, lots: i64) {
        let start = match node.inner() {
            Some(index) => self.inners[index].start,
            None => self.heads[node.leaf()].start,
        };
        let shift = (start ^ key).ilog2() / FAN_BITS * FAN_BITS;
        let leaf = self.new_leaf(key, lots);
        let sum = parent.map_or(self.total, |(index, place)| self.inners[index].sums[place]);
        let inner = self.new_inner(key >> shift >> FAN_BITS << FAN_BITS << shift, shift);
        let between = &mut self.inners[inner.0 as usize];
        between.link(digit(start, shift), node);
        between.sums[digit(start, shift)] = sum - lots;
        between.link(digit(key, shift), leaf);
        between.sums[digit(key, shift)] = lots;
        match parent {
            Some((index, place)) => self.inners[index].children[place] = inner,
            None => self.root = Some(inner),
        }
    }

    /// Takes lots away from a key that has at least as many.
    #[inline]
    pub fn remove(&mut self, key: u64, lots: i64) {
        self.total -= lots;
        let mut node = self.root.expect("a key with lots is in a node");
        while let Some(index) = node.inner() {
            let inner = &mut *self.inners[index];
            let place = digit(key, inner.shift);
            inner.sums[place] -= lots;
            node = inner.children[place];
        }
        let place = digit(key, 0);
        let sum = &mut self.leaves[node.leaf()][place];
        *sum -= lots;
        if *sum == 0 {
            let head = &mut self.heads[node.leaf()];
            head.occupied &= !(1 << place);
            if head.occupied == 0 {
                self.unlink(key);
            }
        }
    }

    /// Takes the empty leaf of a key out of the tree, and the inner node above it if only one child is left.
    #[cold]
    fn unlink(&mut self, key: u64) {
        let mut node = self.root.expect("the leaf is in the tree");
        let (mut parent, mut grandparent) = (None, None);
        while let Some(index) = node.inner() {
            let place = digit(key, self.inners[index].shift);
            grandparent = parent;
            parent = Some((index, place));
            node = self.inners[index].children[place];
        }
        self.free_leaves.push(node.leaf() as u32);
        let Some((index, place)) = parent else {
            self.root = None;
            return;
        };
        let inner = &mut self.inners[index];
        inner.occupied &= !(1 << place);
        if inner.occupied.is_power_of_two() {
            let last = inner.occupied.trailing_zeros() as usize;
            let child = inner.children[last];
            inner.sums[last] = 0;
            inner.occupied = 0;
            self.free_inners.push(index as u32);
            match grandparent {
                Some((index, place)) => self.inners[index].children[place] = child,
                None => self.root = Some(child),
            }
        }
    }

    /// The lots at a key.
    #[inline]
    pub fn at(&self, key: u64) -> i64 {
        let Some(mut node) = self.root else { return 0 };
        while let Some(index) = node.inner() {
            let inner = &*self.inners[index];
            let place = digit(key, inner.shift);
            if !inner.holds(key) || inner.occupied >> place & 1 == 0 {
                return 0;
            }
            node = inner.children[place];
        }
        let is_here = self.heads[node.leaf()].start == key & !(FAN as u64 - 1);
        if is_here { self.leaves[node.leaf()][digit(key, 0)] } else { 0 }
    }

    /// The lots at all keys above a key.
    pub fn above(&self, key: u64) -> i64 {
        let Some(mut node) = self.root else { return 0 };
        let (mut sum, mut above) = (self.total, 0);
        loop {
            let (start, shift) = self.place_of(node);
            if (key ^ start) >> shift >> FAN_BITS != 0 {
                return if key < start { above + sum } else { above };
            }
            let place = digit(key, shift);
            let Some(index) = node.inner() else {
                let leaf = &self.leaves[node.leaf()];
                return above + leaf[place + 1..].iter().sum::<i64>();
            };
            let inner = &*self.inners[index];
            above += inner.sums[place + 1..].iter().sum::<i64>();
            if inner.occupied >> place & 1 == 0 {
                return above;
            }
            (node, sum) = (inner.children[place], inner.sums[place]);
        }
    }

    /// The lowest key above a key that has lots.
    #[inline]
    pub fn next(&self, key: u64) -> Option<u64> {
        let mut node = self.root?;
        // The nearest subtree known to lie above.
        let mut beyond = None;
        loop {
            let (start, shift) = self.place_of(node);
            if (key ^ start) >> shift >> FAN_BITS != 0 {
                return if key < start {
                    Some(self.first_of(node))
                } else {
                    beyond.map(|node| self.first_of(node))
                };
            }
            let place = digit(key, shift);
            let Some(index) = node.inner() else {
                let higher = bits_above(self.heads[node.leaf()].occupied, place);
                if higher != 0 {
                    return Some(start + u64::from(higher.trailing_zeros()));
                }
                return beyond.map(|node| self.first_of(node));
            };
            let inner = &*self.inners[index];
            let higher = bits_above(inner.occupied, place);
            if higher != 0 {
                beyond = Some(inner.children[higher.trailing_zeros() as usize]);
            }
            if inner.occupied >> place & 1 == 0 {
                return beyond.map(|node| self.first_of(node));
            }
            node = inner.children[place];
        }
    }

    /// The highest key below a key that has lots.
    pub fn previous(&self, key: u64) -> Option<u64> {
        let mut node = self.root?;
        let mut beyond = None;
        loop {
            let (start, shift) = self.place_of(node);
            if (key ^ start) >> shift >> FAN_BITS != 0 {
                return if key > start {
                    Some(self.last_of(node))
                } else {
                    beyond.map(|node| self.last_of(node))
                };
            }
            let place = digit(key, shift);
            let Some(index) = node.inner() else {
                let lower = bits_below(self.heads[node.leaf()].occupied, place);
                if lower != 0 {
                    return Some(start + u64::from(lower.ilog2()));
                }
                return beyond.map(|node| self.last_of(node));
            };
            let inner = &*self.inners[index];
            let lower = bits_below(inner.occupied, place);
            if lower != 0 {
                beyond = Some(inner.children[lower.ilog2() as usize]);
            }
            if inner.occupied >> place & 1 == 0 {
                return beyond.map(|node| self.last_of(node));
            }
            node = inner.children[place];
        }
    }

    /// The lowest key that has lots.
    pub fn first(&self) -> Option<u64> {
        self.root.map(|root| self.first_of(root))
    }

    /// The highest key that has lots.
    pub fn last(&self) -> Option<u64> {
        self.root.map(|root| self.last_of(root))
    }

    /// The lowest key up to `last` that `fits`, given the lots above it; `last` if none does.
    ///
    /// What fits at one key fits at every higher one.
    pub fn first_fit(&self, last: u64, fits: impl Fn(u64, i64) -> bool) -> Found {
        let Some(mut node) = self.root else { return bisect(Span { low: 0, high: last, above: 0 }, fits) };
        let mut sum = self.total;
        // The key lies in this span, and so does the whole node but what `last` cuts off.
        let mut span = Span { low: 0, high: last, above: 0 };
        loop {
            let (start, shift) = self.place_of(node);
            let end = start | (u64::MAX >> (u64::BITS - FAN_BITS) << shift) | ((1 << shift) - 1);
            if start > span.high || (start > span.low && fits(start - 1, span.above + sum)) {
                let high = span.high.min(start.wrapping_sub(1));
                return bisect(Span { high, above: span.above + sum, ..span }, fits);
            }
            if end < span.high && !fits(end, span.above) {
                return bisect(Span { low: end + 1, ..span }, fits);
            }
            span.low = start;
            span.high = span.high.min(end);
            let sums =
                node.inner().map_or_else(|| &*self.leaves[node.leaf()], |index| &self.inners[index].sums);
            let place = span.narrow(sums, shift, &fits);
            let Some(index) = node.inner() else { return Found { key: span.low, above: span.above } };
            let inner = &*self.inners[index];
            if inner.occupied >> place & 1 == 0 {
                return bisect(span, fits);
            }
            (node, sum) = (inner.children[place], inner.sums[place]);
        }
    }

    fn first_of(&self, mut node: Node) -> u64 {
        while let Some(index) = node.inner() {
            let inner = &*self.inners[index];
            node = inner.children[inner.occupied.trailing_zeros() as usize];
        }
        let head = &self.heads[node.leaf()];
        head.start + u64::from(head.occupied.trailing_zeros())
    }

    fn last_of(&self, mut node: Node) -> u64 {
        while let Some(index) = node.inner() {
            let inner = &*self.inners[index];
            node = inner.children[inner.occupied.ilog2() as usize];
        }
        let head = &self.heads[node.leaf()];
        head.start + u64::from(head.occupied.ilog2())
    }

    /// A node's first key and shift.
    #[inline]
    fn place_of(&self, node: Node) -> (u64, u32) {
        match node.inner() {
            Some(index) => (self.inners[index].start, self.inners[index].shift),
            None => (self.heads[node.leaf()].start, 0),
        }
    }

    #[cold]
    fn new_leaf(&mut self, key: u64, lots: i64) -> Node {
        let head = LeafHead { start: key & !(FAN as u64 - 1), occupied: 1 << digit(key, 0) };
        let index = self.free_leaves.pop().unwrap_or_else(|| {
            self.heads.push(head);
            self.leaves.push(Box::new([0; FAN]));
            self.leaves.len() as u32 - 1
        });
        // A leaf that was used before holds only zeros.
        self.heads[index as usize] = head;
        self.leaves[index as usize][digit(key, 0)] = lots;
        Node(index | LEAF)
    }

    fn new_inner(&mut self, start: u64, shift: u32) -> Node {
        let index = self.free_inners.pop().unwrap_or_else(|| {
            let inner = Inner { start: 0, shift: 0, occupied: 0, sums: [0; FAN], children: [Node(0); FAN] };
            self.inners.push(Box::new(inner));
            self.inners.len() as u32 - 1
        });
        let inner = &mut self.inners[index as usize];
        (inner.start, inner.shift) = (start, shift);
        Node(index)
    }
}

impl Node {
    #[inline]
    fn inner(self) -> Option<usize> {
        (self.0 & LEAF == 0).then_some(self.0 as usize)
    }

    #[inline]
    fn leaf(self) -> usize {
        (self.0 & !LEAF) as usize
    }
}

impl Inner {
    #[inline]
    fn holds(&self, key: u64) -> bool {
        (key ^ self.start) >> self.shift >> FAN_BITS == 0
    }

    fn link(&mut self, place: usize, child: Node) {
        self.children[place] = child;
        self.occupied |= 1 << place;
    }
}

impl Span {
    /// Narrows the span of a node to the child that holds the first fitting key, and says which that is.
    #[inline]
    fn narrow(&mut self, sums: &[i64; FAN], shift: u32, fits: &impl Fn(u64, i64) -> bool) -> usize {
        let start = self.low;
        // Lots in this node above each child.
        let mut higher = [0_i64; FAN];
        for place in (0..FAN - 1).rev() {
            higher[place] = higher[place + 1] + sums[place + 1];
        }
        let (mut low, mut high) = (0, digit(self.high, shift));
        while low < high {
            let middle = (low + high) / 2;
            let end = start + ((middle as u64 + 1) << shift) - 1;
            if fits(end, self.above + higher[middle]) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        self.low = start + ((low as u64) << shift);
        self.high = self.high.min(self.low + ((1 << shift) - 1));
        self.above += higher[low];
        low
    }
}

/// The lowest key of a span without lots that fits, or its highest: in doubling steps from the lowest, then by
/// halving, since the answer is near in most spans and some are endless.
fn bisect(span: Span, fits: impl Fn(u64, i64) -> bool) -> Found {
    let Span { mut low, mut high, above } = span;
    let mut step = 0;
    while low < high {
        let tried = low + step.min(high - low);
        if tried == high || fits(tried, above) {
            high = tried;
            break;
        }
        low = tried + 1;
        step = step * 2 + 1;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if fits(middle, above) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Found { key: low, above }
}
