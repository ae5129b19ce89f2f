//! The curved supply schedules: exponential, logarithmic, power.
//!
//! Each is evaluated in fixed point with a bound of the error. Where the bound leaves the whole number of
//! lots open, it is evaluated again with twice the bits, and so on. This ends: the value is irrational
//! but in cases that are told apart beforehand, or, for powers, by their roots.

use super::fixed_point::{EXP_ERROR_ULPS, Fixed, LN_ERROR_ULPS, Tables, Whole};
use super::supply::Offered;
use super::supply_memo::Memo;
use super::supply_ratio::{Line, Ratio, offered, product, wide};
use crate::units::QuantityLots;

/// `e^x` of 256 is beyond every supply, and of −256 below every lot, whatever the base.
const EXPONENT_MAX: u64 = 256;

/// A curved schedule: `base` times something that depends on the price.
#[derive(Debug)]
pub(super) struct Curved {
    base: Ratio,
    law: Law,
    /// The tick at which supply is exactly the base, if it is one.
    base_tick: Option<i64>,
    quick: Prepared<3>,
    memo: Memo,
}

/// What the base is multiplied with.
#[derive(Debug, Clone)]
pub(super) enum Law {
    /// `e^x`.
    Exponential(Line),
    /// `1 + ln(1 + x)`, for x that is not negative.
    Logarithmic(Line),
    /// `1 + k ln(p / reference)`, not below 0.
    LogarithmicAbout { factor: Ratio, reference: Ratio },
    /// `(p / saturation)^n`, not above 1.
    Power { exponent: Ratio, saturation: Ratio },
}

/// What an evaluation says about the whole number of lots.
enum Verdict {
    /// The formula is below 0: nothing.
    Nothing,
    /// This many and a fraction.
    Between(u64),
    /// More than can be represented.
    Beyond,
    /// More bits are needed; it is this many or one less.
    Open(u64),
}

impl Curved {
    /// The factor and exponent of the law are at most 10^9 and not 0.
    ///
    /// The first ticks from `origin` on will be remembered when they have been asked for.
    pub fn new(base: Ratio, law: Law, base_tick: Option<i64>, origin: i64) -> Self {
        let quick = Prepared::new(base, &law);
        Self { base, law, base_tick, quick, memo: Memo::new(origin) }
    }

    /// The supply at a tick that is not negative and not below the law's origin.
    pub fn at(&self, tick: i64) -> Offered {
        self.memo.recall(tick, || self.find(tick))
    }

    fn find(&self, tick: i64) -> Offered {
        if let Some(offered) = self.known(tick) {
            return offered;
        }
        let verdict = match self.quick.evaluate(&self.law, tick) {
            Verdict::Open(_) => match self.rational(tick) {
                Some(offered) => return offered,
                None => self.evaluate_finer(tick),
            },
            verdict => verdict,
        };
        let within = |lots| i64::try_from(lots).map(QuantityLots);
        match verdict {
            Verdict::Nothing => Offered::NOTHING,
            Verdict::Between(lots) => {
                within(lots).map_or(Offered::BEYOND, |lots| Offered { lots, is_whole: false })
            }
            // Two thousand bits and still the same to the eye: whole, for every purpose.
            Verdict::Open(lots) => {
                within(lots).map_or(Offered::BEYOND, |lots| Offered { lots, is_whole: true })
            }
            Verdict::Beyond => Offered::BEYOND,
        }
    }

    /// Where the value is rational and known without a calculation.
    fn known(&self, tick: i64) -> Option<Offered> {
        if self.base.is_zero() {
            return Some(Offered::NOTHING);
        }
        if self.base_tick == Some(tick) {
            return Some(self.base.offered());
        }
        match &self.law {
            Law::LogarithmicAbout { .. } if tick == 0 => Some(Offered::NOTHING),
            Law::Power { .. } if tick == 0 => Some(Offered::NOTHING),
            Law::Power { saturation, .. } => {
                let is_saturated = saturation.ceil().is_some_and(|saturation| tick >= saturation);
                is_saturated.then(|| self.base.offered())
            }
            _ => None,
        }
    }

    fn evaluate_finer(&self, tick: i64) -> Verdict {
        let evaluations: [fn(&Self, i64) -> Verdict; 4] = [
            Self::evaluate_with::<5>,
            Self::evaluate_with::<9>,
            Self::evaluate_with::<17>,
            Self::evaluate_with::<33>,
        ];
        let mut verdict = Verdict::Beyond;
        for evaluate in evaluations {
            verdict = evaluate(self, tick);
            if !matches!(verdict, Verdict::Open(_)) {
                break;
            }
        }
        verdict
    }

    fn evaluate_with<const N: usize>(&self, tick: i64) -> Verdict {
        Prepared::<N>::new(self.base, &self.law).evaluate(&self.law, tick)
    }

    /// The exact value of a power whose roots come out even, unless it is surely not whole.
    fn rational(&self, tick: i64) -> Option<Offered> {
        let Law::Power { exponent, saturation } = &self.law else { return None };
        let numerator = wide(u128::try_from(tick).ok()?, saturation.denominator);
        let denominator = Whole::from_u128(saturation.numerator);
        let common = numerator.gcd(denominator);
        let degree = u32::try_from(exponent.denominator).ok()?;
        let root_of = |number: Whole| root(&number.div_rem(&common).0, degree);
        let (numerator, denominator) = (root_of(numerator)?, root_of(denominator)?);
        // Both are coprime: the value is whole only if the denominator's power divides the base's numerator.
        let power = u32::try_from(exponent.numerator).ok().filter(|&power| power < 128)?;
        let denominator = power_of(&denominator, power).filter(|power| power.bit_count() < 128)?;
        let numerator = power_of(&numerator, power)?;
        Some(offered(
            &product(&numerator, self.base.numerator),
            &product(&denominator, self.base.denominator),
        ))
    }
}

/// The root of this degree, if it is a whole number.
fn root(number: &Whole, degree: u32) -> Option<Whole> {
    let one = Whole::from_u128(1);
    if *number == one {
        return Some(one);
    }
    let bits = number.bit_count().div_ceil(degree.max(1));
    let mut root = Whole::ZERO;
    for bit in (0..bits).rev() {
        let tried = root.checked_add(&one.shifted_left(bit))?;
        if power_of(&tried, degree).is_some_and(|power| power <= *number) {
            root = tried;
        }
    }
    (power_of(&root, degree)? == *number).then_some(root)
}

fn power_of(base: &Whole, exponent: u32) -> Option<Whole> {
    let mut power = Whole::from_u128(1);
    for bit in (0..32 - exponent.leading_zeros()).rev() {
        power = power.checked_mul(&power)?;
        if exponent >> bit & 1 == 1 {
            power = power.checked_mul(base)?;
        }
    }
    Some(power)
}

/// A law's constants in one precision.
#[derive(Debug, Clone)]
struct Prepared<const N: usize> {
    tables: Tables<N>,
    /// The base, in lots.
    base: Fixed<N>,
    constants: Constants<N>,
}

/// Each is less than one ulp below its true value, or off by what `ln` is.
#[derive(Debug, Clone)]
enum Constants<const N: usize> {
    /// The line's parts; without a slope any tick but the origin is beyond.
    Exponential {
        slope: Option<Fixed<N>>,
        plus: Fixed<N>,
        minus: Fixed<N>,
    },
    Logarithmic {
        ln_denominator: Fixed<N>,
    },
    LogarithmicAbout {
        factor: Fixed<N>,
        ln_reference: Fixed<N>,
    },
    Power {
        exponent: Fixed<N>,
        ln_saturation: Fixed<N>,
    },
}

impl<const N: usize> Prepared<N> {
    fn new(base: Ratio, law: &Law) -> Self {
        let tables = Tables::new();
        let fixed = |ratio: Ratio| {
            let (numerator, denominator) =
                (Whole::from_u128(ratio.numerator), Whole::from_u128(ratio.denominator));
            Fixed::fraction(&numerator, &denominator).expect("checked to be below 2^63")
        };
        let constants = match law {
            Law::Exponential(line) => {
                let part = |part: &Whole| Fixed::fraction(part, &line.denominator);
                let small = "at most the factor, which is at most 10^9";
                Constants::Exponential {
                    slope: part(&line.slope),
                    plus: part(&line.plus).expect(small),
                    minus: part(&line.minus).expect(small),
                }
            }
            Law::Logarithmic(line) => Constants::Logarithmic { ln_denominator: tables.ln(&line.denominator) },
            Law::LogarithmicAbout { factor, reference } => Constants::LogarithmicAbout {
                factor: fixed(*factor),
                ln_reference: tables.ln(&Whole::from_u128(reference.numerator)),
            },
            Law::Power { exponent, saturation } => Constants::Power {
                exponent: fixed(*exponent),
                ln_saturation: tables.ln(&Whole::from_u128(saturation.numerator)),
            },
        };
        Self { base: fixed(base), tables, constants }
    }

    fn evaluate(&self, law: &Law, tick: i64) -> Verdict {
        match (&self.constants, law) {
            (Constants::Exponential { slope, plus, minus }, Law::Exponential(line)) => {
                self.exponential(slope.as_ref(), plus, minus, (tick - line.origin).unsigned_abs())
            }
            (Constants::Logarithmic { ln_denominator }, Law::Logarithmic(line)) => {
                let (numerator, _) = line.numerator(tick);
                let numerator = numerator.checked_add(&line.denominator).expect("both are below 2^640");
                let ln = self.tables.ln(&numerator).minus(ln_denominator).unwrap_or(Fixed::ZERO);
                let value = Fixed::whole(1).plus(&ln).expect("a logarithm is small");
                self.verdict(&value, 2 * LN_ERROR_ULPS, Shift::None)
            }
            (
                Constants::LogarithmicAbout { factor, ln_reference },
                Law::LogarithmicAbout { reference, .. },
            ) => self.logarithmic_about(factor, ln_reference, &price_over(tick, reference)),
            (Constants::Power { exponent, ln_saturation }, Law::Power { saturation, .. }) => {
                let ln = self.tables.ln(&price_over(tick, saturation));
                let ln = ln_saturation.minus(&ln).unwrap_or(Fixed::ZERO);
                let error = error_of_product(exponent, 1, &ln, 2 * LN_ERROR_ULPS);
                match exponent.times(&ln) {
                    Some(x) => self.exponential_of(&x, Sign::Minus, error),
                    None => Verdict::Between(0),
                }
            }
            _ => unreachable!("constants are made from their law"),
        }
    }

    fn exponential(
        &self,
        slope: Option<&Fixed<N>>,
        plus: &Fixed<N>,
        minus: &Fixed<N>,
        above: u64,
    ) -> Verdict {
        let rise = match slope {
            Some(slope) => slope.times_whole(above),
            None => (above == 0).then_some(Fixed::ZERO),
        };
        let Some(sum) = rise.and_then(|rise| rise.plus(plus)) else { return Verdict::Beyond };
        let error = u128::from(above) + 2;
        match sum.minus(minus) {
            Some(x) => self.exponential_of(&x, Sign::Plus, error),
            None => {
                let x = minus.minus(&sum).expect("one of the differences is not negative");
                self.exponential_of(&x, Sign::Minus, error)
            }
        }
    }

    /// The verdict on `base e^±x`, `x` being off by at most so many ulps.
    fn exponential_of(&self, x: &Fixed<N>, sign: Sign, error_ulps: u128) -> Verdict {
        if x.floor() >= EXPONENT_MAX {
            return match sign {
                Sign::Plus => Verdict::Beyond,
                Sign::Minus => Verdict::Between(0),
            };
        }
        // The factor is at most 2, so an error of the exponent counts twice, and a little.
        let error = error_ulps.saturating_mul(4).saturating_add(EXP_ERROR_ULPS);
        let (value, shift) = match sign {
            Sign::Plus => {
                let (value, exponent) = self.tables.exp(x);
                (value, Shift::Up(exponent))
            }
            Sign::Minus => {
                let (value, exponent) = self.tables.exp_of_negative(x);
                (value, Shift::Down(exponent))
            }
        };
        self.verdict(&value, error, shift)
    }

    fn logarithmic_about(&self, factor: &Fixed<N>, ln_reference: &Fixed<N>, price: &Whole) -> Verdict {
        let ln = self.tables.ln(price);
        let (ln, sign) = match ln.minus(ln_reference) {
            Some(ln) => (ln, Sign::Plus),
            None => (ln_reference.minus(&ln).expect("the other way round"), Sign::Minus),
        };
        let error = error_of_product(factor, 1, &ln, 2 * LN_ERROR_ULPS);
        let change = factor.times(&ln).expect("10^9 times 768 at most");
        let one = Fixed::whole(1);
        match sign {
            Sign::Plus => self.verdict(&one.plus(&change).expect("far below 2^64"), error, Shift::None),
            Sign::Minus => match one.minus(&change) {
                Some(value) => self.verdict(&value, error, Shift::None),
                None if change.bounds(error).0.minus(&one).is_some() => Verdict::Nothing,
                None => Verdict::Open(0),
            },
        }
    }

    /// The verdict on `base × value × 2^shift`, the value being off by at most so many ulps.
    fn verdict(&self, value: &Fixed<N>, error_ulps: u128, shift: Shift) -> Verdict {
        let error = error_of_product(&self.base, 1, value, error_ulps);
        let Some(lots) = self.base.times(value) else { return Verdict::Beyond };
        let (low, high) = lots.bounds(error);
        let (low, high) = match shift {
            Shift::None => (Some(low), high),
            Shift::Up(bits) => (low.doubled(bits), high.and_then(|high| high.doubled(bits))),
            Shift::Down(bits) => {
                let high = high.and_then(|high| high.halved(bits).bounds(1).1);
                (Some(low.halved(bits)), high)
            }
        };
        match (low.map(|low| low.floor()), high.map(|high| high.floor())) {
            (None, _) => Verdict::Beyond,
            (Some(low), _) if low > i64::MAX.unsigned_abs() => Verdict::Beyond,
            (Some(low), Some(high)) if low == high => Verdict::Between(low),
            (Some(low), high) => Verdict::Open(high.unwrap_or(low)),
        }
    }
}

#[derive(Clone, Copy)]
enum Sign {
    Plus,
    Minus,
}

/// A power of two.
#[derive(Clone, Copy)]
enum Shift {
    None,
    Up(u32),
    Down(u32),
}

/// How far a product is off at most, in ulps, if its factors are off by so many.
fn error_of_product<const N: usize>(
    left: &Fixed<N>,
    left_error_ulps: u128,
    right: &Fixed<N>,
    right_error_ulps: u128,
) -> u128 {
    let by_left = left_error_ulps.saturating_mul(u128::from(right.floor()) + 1);
    let by_right = right_error_ulps.saturating_mul(u128::from(left.floor()) + 2);
    by_left.saturating_add(by_right).saturating_add(2)
}

/// The numerator of a price over another, whose denominator is the other's numerator.
fn price_over(tick: i64, other: &Ratio) -> Whole {
    wide(u128::from(tick.unsigned_abs()), other.denominator)
}
