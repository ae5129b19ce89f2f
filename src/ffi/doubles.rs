//! Floats onto a grid, exactly or not at all.
//!
//! A float counts as `n` steps if it is the float nearest to the decimal number that `n` steps are: then whoever wrote
//! that decimal in a program meant it. The test is a division of two exactly represented whole numbers, which
//! the processor rounds correctly; where they are too large for that, the float's shortest text is read instead.

use super::platform::expect_filling;
use crate::engine::{advise_of_memory, room_for};
use crate::units::{Grid, Reading};

/// Whole numbers up to here are floats without rounding.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
/// Powers of ten up to this one are floats without rounding.
const EXACT_POWER_MAX: u32 = 22;

/// Adding this rounds to a whole number and leaves it in the lowest bits, for the numbers up to the next: without a branch
/// or a call, several at a time.
const SHIFT: f64 = 6_755_399_441_055_744.0;
const SHIFTED_MAX: f64 = 2_251_799_813_685_248.0;
/// Floats that are looked at one by one if there is an odd one among them.
const CHUNK: usize = 64;

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
    /// About as many as this are in one.
    steps_per_one: f64,
    /// Whole units, of which a step has `mantissa` and one has `power`, are exact below this; 0 if the grid is too fine.
    units_max: f64,
}

impl Floats {
    pub fn on(grid: Grid) -> Self {
        let mantissa = grid.mantissa() as f64;
        // Read from its text, since only that is rounded correctly on every machine.
        let power: f64 = format!("1e{}", grid.scale()).parse().expect("a power of ten is a number");
        let is_exact = grid.scale() <= EXACT_POWER_MAX && mantissa < EXACT_MAX;
        let units_max = if is_exact { EXACT_MAX.min(SHIFTED_MAX * mantissa) } else { 0.0 };
        Self { grid, mantissa, power, steps_per_one: power / mantissa, units_max }
    }

    /// How many steps each float is, or what `odd` says of one that is none exactly.
    pub fn column(&self, floats: &[f64], odd: impl Fn(f64) -> i64) -> Vec<i64> {
        advise_of_memory(expect_filling);
        let mut column: Vec<i64> = room_for(floats.len());
        for chunk in floats.chunks(CHUNK) {
            let (start, mut are_steps) = (column.len(), true);
            column.extend(chunk.iter().map(|&float| {
                let (steps, is_step) = self.quick(float);
                are_steps &= is_step;
                steps
            }));
            if !are_steps {
                for (steps, &float) in column[start..].iter_mut().zip(chunk) {
                    *steps = self.steps(float).unwrap_or_else(|| odd(float));
                }
            }
        }
        column
    }

    /// How many steps a float is; `None` where it is none exactly.
    pub fn steps(&self, float: f64) -> Option<i64> {
        match self.quick(float) {
            (steps, true) => Some(steps),
            (_, false) => self.steps_by_text(float),
        }
    }

    /// How many steps a float is, and whether it is that many for certain.
    #[inline(always)]
    fn quick(&self, float: f64) -> (i64, bool) {
        let shifted = float * self.steps_per_one + SHIFT;
        let steps = shifted - SHIFT;
        let units = steps * self.mantissa;
        // Both sides of the division are exact, so its result is the nearest float to the decimal.
        let is_step = (units.abs() < self.units_max) & (units / self.power == float);
        (shifted.to_bits().wrapping_sub(SHIFT.to_bits()) as i64, is_step)
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
        // Price takers' prices are no number, and may be many.
        if float.is_nan() {
            return None;
        }
        if float == 0.0 {
            return Some(0);
        }
        // The shortest text that reads as this float; infinities have none that is a number.
        self.grid.read(&format!("{float:e}"), Reading::ProgramNumber).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn what_is_found_by_dividing_is_what_the_text_says(
            step in prop::sample::select(vec!["0.01", "1", "3", "0.25", "0.007", "1e-12", "9007199254740991", "1e-23"]),
            steps in prop_oneof![-1000_i64..1000, any::<i64>().prop_map(|bits| bits >> (bits & 31))],
            ulps in -2_i64..=2,
        ) {
            let floats = on(step);
            let nearest: f64 = floats.grid.display(steps).parse().expect("a number");
            let float = f64::from_bits(nearest.to_bits().wrapping_add_signed(ulps));
            prop_assert_eq!(floats.steps(float), floats.steps_by_text(float), "{}", float);
            prop_assert_eq!(floats.column(&[0.0, float], |_| i64::MIN)[1], floats.steps(float).unwrap_or(i64::MIN));
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
