//! What belongs to no handle: versions, and floats put on a grid.

use std::ffi::CStr;

use super::boundary::Room;
use super::doubles::{Floats, Rounding};
use super::export::{WALRAS_ROUND_DOWN, WALRAS_ROUND_NEAREST, WALRAS_ROUND_REFUSE};
use super::status::{Fault, WALRAS_BAD_ARGUMENT, WALRAS_NULL_POINTER, WALRAS_OFF_GRID};
use crate::units::{Decimal, Grid};

/// The package's version.
pub(super) const VERSION: &CStr = {
    let with_zero = concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes();
    match CStr::from_bytes_with_nul(with_zero) {
        Ok(version) => version,
        Err(_) => panic!("a version has no zeros"),
    }
};

/// Puts floats on a grid.
pub(super) fn put_on_grid(
    mantissa: i64,
    scale: u32,
    rounding: u32,
    floats: &[f64],
    steps: Option<Room<'_, i64>>,
) -> Result<(), Fault> {
    let grid = Decimal::new(mantissa.into(), scale).and_then(Grid::new);
    let grid = grid.ok_or_else(|| Fault::new(WALRAS_BAD_ARGUMENT, "this is no step"))?;
    let rounding = match rounding {
        WALRAS_ROUND_REFUSE => Rounding::Refuse,
        WALRAS_ROUND_DOWN => Rounding::Down,
        WALRAS_ROUND_NEAREST => Rounding::Nearest,
        _ => return Err(Fault::new(WALRAS_BAD_ARGUMENT, "this is no way of rounding")),
    };
    let on_grid = Floats::on(grid);
    // Outputs are written only on success, so a refusal must come before the first of them.
    if let Some(index) = floats.iter().position(|&float| on_grid.rounded(float, rounding).is_none()) {
        let float = floats[index];
        return Err(Fault::new(WALRAS_OFF_GRID, format!("item {index}, {float}, is no multiple of {grid}")));
    }
    match steps {
        Some(steps) => {
            for (&float, steps) in floats.iter().zip(steps) {
                steps.write(on_grid.rounded(float, rounding).unwrap_or_default());
            }
        }
        None if floats.is_empty() => {}
        None => return Err(Fault::new(WALRAS_NULL_POINTER, "there is no place for the result")),
    }
    Ok(())
}
