//! A view of the parsed message: its nodes, and for each the place of its text.
//!
//! The parser gives numbers as floats, so their exact text is taken from the
//! message itself: its structural positions are walked in lock step with the nodes.

use simd_json::{Node, StaticNode};

use super::error::{DecodeError, Fault};

/// The parsed message.
pub(super) struct Tree<'t, 'a> {
    nodes: &'t [Node<'a>],
    /// For each node the offset of its first byte in `source`.
    places: &'t [u32],
    source: &'a [u8],
}

/// One value of the message.
#[derive(Clone, Copy)]
pub(super) struct Value<'t, 'a> {
    tree: &'t Tree<'t, 'a>,
    node: usize,
}

/// An object of the message.
#[derive(Clone, Copy)]
pub(super) struct Object<'t, 'a> {
    tree: &'t Tree<'t, 'a>,
    first: usize,
    len: usize,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind<'a> {
    Null,
    Flag(bool),
    /// A number's text as it stands in the message.
    Number(&'a str),
    Text(&'a str),
    Array,
    Object,
}

/// Fills `places` from the structural positions of `source`: those that open a value or a key.
pub(super) fn find_places(structural: &[u32], source: &[u8], places: &mut Vec<u32>) {
    places.clear();
    places.resize(structural.len(), 0);
    let mut count = 0;
    for &at in structural {
        // Written always and kept only if it opens something: no branch to guess.
        places[count] = at;
        count += usize::from(!CLOSES_OR_JOINS[usize::from(source[at as usize])]);
    }
    places.truncate(count);
}

/// The structural bytes that open neither a value nor a key.
const CLOSES_OR_JOINS: [bool; 256] = {
    let mut table = [false; 256];
    table[b':' as usize] = true;
    table[b',' as usize] = true;
    table[b'}' as usize] = true;
    table[b']' as usize] = true;
    table
};

impl<'t, 'a> Tree<'t, 'a> {
    /// The tree over a tape and the places of its nodes; `None` if they do not belong together.
    pub fn new(nodes: &'t [Node<'a>], places: &'t [u32], source: &'a [u8]) -> Option<Self> {
        (!nodes.is_empty() && nodes.len() == places.len()).then_some(Self { nodes, places, source })
    }

    pub fn root(&'t self) -> Value<'t, 'a> {
        Value { tree: self, node: 0 }
    }

    /// Fails if any object has a key twice. `order` is scratch space.
    pub fn check_keys(&self, order: &mut Vec<u32>) -> Result<(), Box<DecodeError>> {
        for (node, kind) in self.nodes.iter().enumerate() {
            if let Node::Object { len, .. } = *kind
                && len > 1
                && let Some(key) = self.twin(node + 1, len, order)
            {
                let shown = key.chars().take(64).collect::<String>();
                return Err(DecodeError::new(Fault::DuplicateKey, shown));
            }
        }
        Ok(())
    }

    /// A key that appears twice among the `len` members from `first` on.
    fn twin(&self, first: usize, len: usize, order: &mut Vec<u32>) -> Option<&'a str> {
        // Keys that differ in length or first letter set different bits, mostly: then none can be equal.
        let mut seen = 0_u64;
        let mut is_unsure = false;
        let mut node = first;
        for _ in 0..len {
            let key = self.key(node).as_bytes();
            let mark = key.len().wrapping_mul(29).wrapping_add(key.first().map_or(0, |&byte| byte.into()));
            let bit = 1_u64 << (mark % 64);
            is_unsure |= seen & bit != 0;
            seen |= bit;
            node = self.after(node + 1);
        }
        if is_unsure { self.twin_sorted(first, len, order) } else { None }
    }

    #[inline(never)]
    fn twin_sorted(&self, first: usize, len: usize, order: &mut Vec<u32>) -> Option<&'a str> {
        order.clear();
        let mut node = first;
        for _ in 0..len {
            order.push(node as u32);
            node = self.after(node + 1);
        }
        let key = |node: &u32| self.key(*node as usize);
        order.sort_unstable_by(|left, right| key(left).cmp(key(right)));
        order.windows(2).find(|pair| key(&pair[0]) == key(&pair[1])).map(|pair| key(&pair[0]))
    }

    #[inline]
    fn key(&self, node: usize) -> &'a str {
        match self.nodes[node] {
            Node::String(key) => key,
            Node::Object { .. } | Node::Array { .. } | Node::Static(_) => "",
        }
    }

    /// The node after this value.
    #[inline]
    fn after(&self, node: usize) -> usize {
        match self.nodes[node] {
            Node::Object { count, .. } | Node::Array { count, .. } => node + 1 + count,
            Node::String(_) | Node::Static(_) => node + 1,
        }
    }

    fn number(&self, node: usize) -> &'a str {
        let text = &self.source[self.places[node] as usize..];
        let end =
            text.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        std::str::from_utf8(&text[..end.unwrap_or(text.len())]).unwrap_or("")
    }
}

impl<'t, 'a> Value<'t, 'a> {
    #[inline]
    pub fn kind(self) -> Kind<'a> {
        match self.tree.nodes[self.node] {
            Node::String(text) => Kind::Text(text),
            Node::Object { .. } => Kind::Object,
            Node::Array { .. } => Kind::Array,
            Node::Static(StaticNode::Null) => Kind::Null,
            Node::Static(StaticNode::Bool(flag)) => Kind::Flag(flag),
            Node::Static(_) => Kind::Number(self.tree.number(self.node)),
        }
    }

    /// The value, or `None` for `null`.
    #[inline]
    pub fn unless_null(self) -> Option<Self> {
        if matches!(self.tree.nodes[self.node], Node::Static(StaticNode::Null)) { None } else { Some(self) }
    }

    #[inline]
    pub fn object(self) -> Option<Object<'t, 'a>> {
        match self.tree.nodes[self.node] {
            Node::Object { len, .. } => Some(Object { tree: self.tree, first: self.node + 1, len }),
            Node::Array { .. } | Node::String(_) | Node::Static(_) => None,
        }
    }

    /// The elements of an array; `None` for anything else.
    pub fn elements(self) -> Option<impl ExactSizeIterator<Item = Value<'t, 'a>>> {
        let Node::Array { len, .. } = self.tree.nodes[self.node] else { return None };
        let mut node = self.node + 1;
        Some((0..len).map(move |_| {
            let value = Value { tree: self.tree, node };
            node = self.tree.after(node);
            value
        }))
    }
}

impl<'t, 'a> Object<'t, 'a> {
    /// Keys and values in the order of the message.
    #[inline]
    pub fn members(self) -> impl Iterator<Item = (&'a str, Value<'t, 'a>)> {
        let mut node = self.first;
        (0..self.len).map(move |_| {
            let key = self.tree.key(node);
            let value = Value { tree: self.tree, node: node + 1 };
            node = self.tree.after(node + 1);
            (key, value)
        })
    }

    /// The member with this key, unless it is `null`.
    #[inline]
    pub fn find(self, wanted: &str) -> Option<Value<'t, 'a>> {
        self.find_or_null(wanted).and_then(Value::unless_null)
    }

    /// The member with this key, `null` included.
    #[inline]
    pub fn find_or_null(self, wanted: &str) -> Option<Value<'t, 'a>> {
        self.members().find(|(key, _)| *key == wanted).map(|(_, value)| value)
    }
}
