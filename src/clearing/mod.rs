//! The rule of the sale.

/// The market's rules of one sale.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {}
