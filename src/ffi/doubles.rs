//! Floats onto a grid, exactly or not at all.
//!
//! A float counts as `n` steps if it is the float nearest to the decimal number that `n` steps are: then whoever wrote
//! that decimal in a program meant it. The test is a division of two exactly represented whole numbers, which
//! the processor rounds correctly; where they are too large for that, the float's shortest text is read instead.

use crate::units::{Grid, Reading};

/// Whole numbers up to here are floats without rounding.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
/// Powers of ten up to this one are floats without rounding.
const EXACT_POWER_MAX: u32 = 22;

/// What to do with a float between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    /// It is no step.
    Refuse,
    /// The step below.
    Down,
    /// The nearest step; of two equally near ones the even.
    Nearest,
}

/// A grid that floats are put on.
pub(super) struct Floats {
    grid: Grid,
    mantissa: f64,
    power: f64,
    is_exact: bool,
}

impl Floats {
    pub fn on(grid: Grid) -> Self {
        let is_exact = grid.scale() <= EXACT_POWER_MAX && (grid.mantissa() as f64) < EXACT_MAX;
        // Read from its text, since only that is rounded correctly on every machine.
        let power = format!("1e{}", grid.scale()).parse().expect("a power of ten is a number");
        Self { grid, mantissa: grid.mantissa() as f64, power, is_exact }
    }

    /// How many steps a float is; `None` where it is none exactly.
    #[inline]
    pub fn steps(&self, float: f64) -> Option<i64> {
        if self.is_exact {
            let steps = (float * self.power / self.mantissa).round_ties_even();
            let units = steps * self.mantissa;
            // Both sides of the division are exact, so its result is the nearest float to the decimal.
            if units.abs() < EXACT_MAX && units / self.power == float {
                return Some(steps as i64);
            }
        }
        self.steps_by_text(float)
    }

    /// As [`steps`](Self::steps), with floats between two steps rounded.
    pub fn rounded(&self, float: f64, rounding: Rounding) -> Option<i64> {
        if let Some(steps) = self.steps(float) {
            return Some(steps);
        }
        let quotient = float * self.power / self.mantissa;
        let steps = match rounding {
            Rounding::Refuse => return None,
            Rounding::Down => quotient.floor(),
            Rounding::Nearest => quotient.round_ties_even(),
        };
        (steps.abs() < EXACT_MAX).then_some(steps as i64)
    }

    #[cold]
    fn steps_by_text(&self, float: f64) -> Option<i64> {
        if float == 0.0 {
            return Some(0);
        }
        // The shortest text that reads as this float; infinities and NaN have none that is a number.
        self.grid.read(&format!("{float:e}"), Reading::ProgramNumber).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(step: &str) -> Floats {
        Floats::on(Grid::parse(step).expect("a grid"))
    }

    #[test]
    fn floats_that_programs_write_are_taken_and_others_are_not() {
        let cents = on("0.01");
        for (float, steps) in
            [(48.5, 4850), (0.07, 7), (1e15, 100_000_000_000_000_000), (-0.0, 0), (-0.25, -25)]
        {
            assert_eq!(cents.steps(float), Some(steps), "{float}");
        }
        for float in [0.005, 48.501, f64::NAN, f64::INFINITY, 1e300, f64::MIN_POSITIVE] {
            assert_eq!(cents.steps(float), None, "{float}");
        }
        assert_eq!(on("0.000001").steps(0.1), Some(100_000));
        assert_eq!(on("0.005").steps(0.015), Some(3));
        assert_eq!(on("1e-30").steps(1e-30), Some(1), "beyond what is divided exactly");
        assert_eq!(on("250").steps(1000.0), Some(4));
    }

    #[test]
    fn every_step_comes_back_from_its_float() {
        for step in ["0.01", "0.000001", "0.005", "1", "0.25", "3e-7"] {
            let (grid, floats) = (Grid::parse(step).expect("a grid"), on(step));
            for steps in (0..200_000).chain((1 << 40)..(1 << 40) + 1000) {
                let float: f64 = grid.display(steps).parse().expect("a number");
                assert_eq!(floats.steps(float), Some(steps), "{steps} of {step}");
            }
        }
    }

    #[test]
    fn rounding_is_to_the_step_below_or_the_nearest() {
        let cents = on("0.01");
        assert_eq!(cents.rounded(1.239, Rounding::Down), Some(123));
        assert_eq!(cents.rounded(-1.231, Rounding::Down), Some(-124));
        assert_eq!(cents.rounded(1.239, Rounding::Nearest), Some(124));
        assert_eq!(cents.rounded(1.239, Rounding::Refuse), None);
        assert_eq!(cents.rounded(1.23, Rounding::Down), Some(123), "on the grid is no matter of rounding");
        assert_eq!(cents.rounded(f64::NAN, Rounding::Nearest), None);
    }
}
