//! The `walras` command.
fn main() {}
