//! Exact decimals on a grid.

/// A step, as an exact decimal: prices lie on multiples of a tick, quantities on multiples of a lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grid {
    /// The step is `mantissa / 10^scale`; the mantissa is positive.
    mantissa: i64,
    scale: u32,
}

/// How a number's text is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Exactly, or not at all.
    Exact,
    /// As a JSON number of a program: 16 or more significant digits are rounded to 15
    /// and taken if that lies on the grid.
    ProgramNumber,
}

/// Why a text is no count on a grid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// Not a decimal number.
    #[error("not a decimal number")]
    Unreadable,
    /// Off the grid.
    #[error("{value} is not a multiple of {grid}; the nearest is {nearest}")]
    OffGrid {
        /// What was given, at most 64 characters.
        value: String,
        /// The step.
        grid: String,
        /// The nearest multiple.
        nearest: String,
    },
    /// Beyond what can be represented.
    #[error("{value} is out of range")]
    OutOfRange {
        /// What was given, at most 64 characters.
        value: String,
    },
}
