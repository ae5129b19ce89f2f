//! `exp` and `ln` in fixed point, of as many bits as asked for, each with a bound of its error.
//!
//! A [`Fixed`] has one 64-bit limb before the point and `N - 1` behind it. Only whole-number
//! additions, shifts and products take part, so every machine gets the same bits.
//!
//! The idea, for both functions: the factors `1 + 2^-i` cost a shift and an addition each, and their
//! logarithms are a small table. `exp` takes logarithms off its argument as long as they fit and
//! multiplies by their factors; `ln` multiplies its argument up to just below 2 and takes the
//! logarithms off the result. Twelve steps leave less than `2^-12`, for which a short series does the rest.
//! Errors are counted in units of the last place ("ulps") and are bounded generously.

use std::cmp::Ordering;

use crate::units::wide::Wide;

/// How many factors `1 + 2^-i` are used.
const STEPS: usize = 12;

/// More than `exp` of an exact argument is off, in ulps, for any precision used.
pub(super) const EXP_ERROR_ULPS: u128 = 1 << 18;
/// More than `ln` of an exact whole number is off, in ulps, for any precision used.
pub(super) const LN_ERROR_ULPS: u128 = 1 << 24;

/// Whole numbers wide enough for every exact intermediate of a supply schedule.
pub(super) type Whole = Wide<12>;

/// A number that is not negative, below `2^64`: the highest limb is whole, the others are fractional.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fixed<const N: usize>([u64; N]);

impl<const N: usize> Fixed<N> {
    pub const ZERO: Self = Self([0; N]);

    /// A whole number.
    pub fn whole(number: u64) -> Self {
        let mut limbs = [0; N];
        limbs[N - 1] = number;
        Self(limbs)
    }

    /// A fraction, less than one ulp below it; `None` from `2^64` on. The denominator is below `2^700`.
    pub fn fraction(numerator: &Whole, denominator: &Whole) -> Option<Self> {
        let (whole, mut rest) = numerator.div_rem(denominator);
        let mut value = Self::whole(whole.to_u64()?);
        for bit in (0..64 * (N - 1)).rev() {
            rest = rest.shifted_left(1);
            if let Some(left) = rest.checked_sub(denominator) {
                rest = left;
                value.0[bit / 64] |= 1 << (bit % 64);
            }
        }
        Some(value)
    }

    /// The part before the point.
    pub fn floor(&self) -> u64 {
        self.0[N - 1]
    }

    /// The sum; `None` from `2^64` on.
    pub fn plus(&self, other: &Self) -> Option<Self> {
        Wide(self.0).checked_add(&Wide(other.0)).map(|sum| Self(sum.0))
    }

    /// The difference; `None` below 0.
    pub fn minus(&self, other: &Self) -> Option<Self> {
        Wide(self.0).checked_sub(&Wide(other.0)).map(|difference| Self(difference.0))
    }

    /// The product, less than one ulp below it; `None` from `2^64` on.
    pub fn times(&self, other: &Self) -> Option<Self> {
        // The product's 2 N limbs, of which the lowest N - 1 only carry.
        let mut low = [0_u64; N];
        let mut high = [0_u64; N];
        for left in 0..N {
            let mut carry = 0_u128;
            for right in 0..N {
                let place = left + right;
                let limb = if place < N { &mut low[place] } else { &mut high[place - N] };
                carry += u128::from(self.0[left]) * u128::from(other.0[right]) + u128::from(*limb);
                *limb = carry as u64;
                carry >>= 64;
            }
            high[left] = carry as u64;
        }
        if high[N - 1] != 0 {
            return None;
        }
        let mut limbs = [0; N];
        limbs[0] = low[N - 1];
        limbs[1..].copy_from_slice(&high[..N - 1]);
        Some(Self(limbs))
    }

    /// The product with a whole number, exact; `None` from `2^64` on.
    pub fn times_whole(&self, factor: u64) -> Option<Self> {
        let mut limbs = [0; N];
        let mut carry = 0_u128;
        for (limb, own) in limbs.iter_mut().zip(self.0) {
            carry += u128::from(own) * u128::from(factor);
            *limb = carry as u64;
            carry >>= 64;
        }
        (carry == 0).then_some(Self(limbs))
    }

    /// The quotient by a whole number, less than one ulp below it.
    fn over(&self, divisor: u64) -> Self {
        Self(Wide(self.0).div_rem_small(divisor).0.0)
    }

    /// Times `2^bits`; `None` from `2^64` on.
    pub fn doubled(&self, bits: u32) -> Option<Self> {
        let own = Wide(self.0);
        (own.bit_count() + bits <= 64 * N as u32).then(|| Self(own.shifted_left(bits).0))
    }

    /// Times `2^-bits`, less than one ulp below it.
    pub fn halved(&self, bits: u32) -> Self {
        Self(Wide(self.0).shifted_right(bits).0)
    }

    /// The greatest number that is surely not above the true one, and the least surely not below it, where
    /// this one is at most so many ulps off either way.
    pub fn bounds(&self, error_ulps: u128) -> (Self, Option<Self>) {
        let mut error = Self::ZERO;
        error.0[0] = error_ulps as u64;
        error.0[1] = (error_ulps >> 64) as u64;
        (self.minus(&error).unwrap_or(Self::ZERO), self.plus(&error))
    }

    fn is_at_least(&self, other: &Self) -> bool {
        self.0.iter().rev().cmp(other.0.iter().rev()) != Ordering::Less
    }

    /// `self + self * 2^-bits` for 1 to 63 bits, less than one ulp below it. Both stay below 4.
    #[inline]
    fn stretched(&self, bits: usize) -> Self {
        let mut shifted = [0; N];
        let mut upper = 0;
        for (limb, own) in shifted.iter_mut().zip(self.0).rev() {
            *limb = own >> bits | upper << (64 - bits);
            upper = own;
        }
        self.plus(&Self(shifted)).expect("below 4")
    }
}

/// The tables of one precision.
#[derive(Debug, Clone)]
pub(super) struct Tables<const N: usize> {
    ln_2: Fixed<N>,
    /// `ln(1 + 2^-i)` for `i` from 1 on.
    logarithms: [Fixed<N>; STEPS],
    /// `1 / n!` for `n` from 0 on.
    inverse_factorials: Vec<Fixed<N>>,
    /// `1 / n` for `n` from 1 on.
    inverses: Vec<Fixed<N>>,
}

impl<const N: usize> Tables<N> {
    pub fn new() -> Self {
        let fraction_bits = 64 * (N - 1);
        let mut logarithms = [Fixed::ZERO; STEPS];
        for (index, logarithm) in logarithms.iter_mut().enumerate() {
            // ln(1 + 1/n) = 2 artanh(1 / (2 n + 1)).
            *logarithm = twice_artanh_of_inverse((2 << (index + 1)) + 1);
        }
        let mut inverse_factorials = vec![Fixed::whole(1)];
        let mut bits = 0;
        // The terms that are left out stay below one ulp together.
        while bits <= fraction_bits + 2 {
            let n = inverse_factorials.len() as u64;
            bits += STEPS + n.ilog2() as usize;
            inverse_factorials.push(inverse_factorials[n as usize - 1].over(n));
        }
        let terms = fraction_bits as u64 / STEPS as u64 + 2;
        let inverses = (1..=terms).map(|n| Fixed::whole(1).over(n)).collect();
        Self { ln_2: twice_artanh_of_inverse(3), logarithms, inverse_factorials, inverses }
    }

    /// `e^x` as a number from 1 to 2 times `2^exponent`, for `x` below 256. Its own error is below
    /// [`EXP_ERROR_ULPS`], relative to the first factor.
    pub fn exp(&self, x: &Fixed<N>) -> (Fixed<N>, u32) {
        let (exponent, rest) = self.split(x);
        (self.exp_of_small(rest), exponent)
    }

    /// `e^-x` as a number from 1 to 2 times `2^-exponent`, otherwise as [`exp`](Self::exp).
    pub fn exp_of_negative(&self, x: &Fixed<N>) -> (Fixed<N>, u32) {
        let (quotient, rest) = self.split(x);
        let rest = self.ln_2.minus(&rest).expect("the rest is less than ln 2");
        (self.exp_of_small(rest), quotient + 1)
    }

    /// `ln` of a whole number that is not 0, off by less than [`LN_ERROR_ULPS`].
    pub fn ln(&self, number: &Whole) -> Fixed<N> {
        let exponent = number.bit_count() - 1;
        let mut mantissa = Fixed::<N>::whole(1);
        // The bits behind the leading one, aligned to the point.
        for (index, limb) in mantissa.0[..N - 1].iter_mut().enumerate() {
            *limb = bits_at(number, i64::from(exponent) - 64 * (N - 1 - index) as i64);
        }
        let twos = self.ln_2.times_whole(u64::from(exponent) + 1).expect("at most 768 ln 2");
        twos.minus(&self.ln_short_of_2(mantissa)).unwrap_or(Fixed::ZERO)
    }

    /// `ln(2 / m)` for `m` from 1 to 2.
    fn ln_short_of_2(&self, mut m: Fixed<N>) -> Fixed<N> {
        let two = Fixed::whole(2);
        let mut sum = Fixed::ZERO;
        for (index, logarithm) in self.logarithms.iter().enumerate() {
            let stretched = m.stretched(index + 1);
            if two.is_at_least(&stretched) {
                m = stretched;
                sum = sum.plus(logarithm).expect("less than 2");
            }
        }
        // -ln(1 - d) = d + d^2/2 + d^3/3 + …, for 1 - d = m / 2.
        let d = two.minus(&m).expect("m is at most 2").halved(1);
        let mut series = Fixed::ZERO;
        for inverse in self.inverses.iter().rev() {
            series = series.plus(inverse).expect("less than 2").times(&d).expect("less than 1");
        }
        sum.plus(&series).expect("less than 2")
    }

    /// How many whole `ln 2` a number below 256 contains, and what is left.
    fn split(&self, x: &Fixed<N>) -> (u32, Fixed<N>) {
        /// `2^32 / ln 2`, rounded down.
        const INVERSE: u128 = 6_196_328_018;
        let head = u128::from(x.0[N - 1]) << 32 | u128::from(x.0[N - 2]) >> 32;
        let mut quotient = ((head * INVERSE) >> 64) as u64;
        let twos = self.ln_2.times_whole(quotient).expect("at most 256");
        // The estimate is at most one too small, since both its factors are rounded down.
        let mut rest = x.minus(&twos).unwrap_or(Fixed::ZERO);
        while let Some(less) = rest.minus(&self.ln_2) {
            rest = less;
            quotient += 1;
        }
        (quotient as u32, rest)
    }

    /// `e^r` for `r` from 0 to `ln 2`.
    fn exp_of_small(&self, mut r: Fixed<N>) -> Fixed<N> {
        let mut product = Fixed::<N>::whole(1);
        for (index, logarithm) in self.logarithms.iter().enumerate() {
            if let Some(less) = r.minus(logarithm) {
                r = less;
                product = product.stretched(index + 1);
            }
        }
        let mut series = Fixed::ZERO;
        for inverse in self.inverse_factorials.iter().rev() {
            series = series.times(&r).expect("less than 2").plus(inverse).expect("less than 2");
        }
        product.times(&series).expect("about 2 at most")
    }
}

/// `2 artanh(1/n)` = 2 (1/n + 1/(3 n^3) + 1/(5 n^5) + …), less than four ulps a term below it.
fn twice_artanh_of_inverse<const N: usize>(n: u64) -> Fixed<N> {
    let mut power = Fixed::<N>::whole(2).over(n);
    let mut sum = Fixed::ZERO;
    let mut odd = 1;
    while power != Fixed::ZERO {
        sum = sum.plus(&power.over(odd)).expect("less than 2");
        power = power.over(n * n);
        odd += 2;
    }
    sum
}

/// 64 bits of a number from this place on; places below 0 hold zeros.
fn bits_at(number: &Whole, place: i64) -> u64 {
    let limb = |index: i64| usize::try_from(index).ok().and_then(|index| number.0.get(index)).copied();
    let (index, shift) = (place.div_euclid(64), place.rem_euclid(64));
    let low = limb(index).unwrap_or(0) >> shift;
    let high = if shift > 0 { limb(index + 1).unwrap_or(0) << (64 - shift) } else { 0 };
    low | high
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The upper limbs of a number of more bits, and how far another is from it in ulps of its own.
    fn distance<const N: usize, const M: usize>(coarse: &Fixed<N>, fine: &Fixed<M>) -> u128 {
        let mut cut = Fixed::<N>::ZERO;
        cut.0.copy_from_slice(&fine.0[M - N..]);
        let (low, high) = if coarse.is_at_least(&cut) { (cut, *coarse) } else { (*coarse, cut) };
        let difference = high.minus(&low).expect("ordered");
        Wide(difference.0).to_u128().expect("near each other")
    }

    proptest! {
        #[test]
        fn both_functions_keep_their_bounds(whole in 0_u64..256, high: u64, low: u64, places in 1_u32..700) {
            let (coarse, fine) = (Tables::<3>::new(), Tables::<9>::new());
            let argument = Fixed::<3>([low, high, whole]);
            let exact = Fixed::<9>([0, 0, 0, 0, 0, 0, low, high, whole]);
            for (rough, precise) in [
                (coarse.exp(&argument), fine.exp(&exact)),
                (coarse.exp_of_negative(&argument), fine.exp_of_negative(&exact)),
            ] {
                // An argument just below a multiple of ln 2 may fall on the other side.
                if rough.1 == precise.1 {
                    prop_assert!(distance(&rough.0, &precise.0) < EXP_ERROR_ULPS / 2);
                }
            }
            let number = Whole::from_u128(u128::from(high | 1) << 64 | u128::from(low)).shifted_left(places % 500);
            prop_assert!(distance(&coarse.ln(&number), &fine.ln(&number)) < LN_ERROR_ULPS / 2);
        }

        #[test]
        fn each_undoes_the_other(number in 2_u128..u128::MAX) {
            let tables = Tables::<5>::new();
            let ln = tables.ln(&Whole::from_u128(number));
            let (factor, exponent) = tables.exp(&ln);
            // number = factor × 2^exponent, to well over 128 bits.
            let (low, high) = factor.bounds(1 << 64);
            let scaled = |factor: Fixed<5>| {
                let mut whole = Whole::ZERO;
                whole.0[..5].copy_from_slice(&factor.0);
                whole.shifted_left(exponent)
            };
            let number = Whole::from_u128(number).shifted_left(256);
            prop_assert!(scaled(low) <= number && number <= scaled(high.unwrap()));
        }
    }

    #[test]
    fn the_tables_start_with_the_known_digits() {
        let tables = Tables::<3>::new();
        // ln 2 = 0.b17217f7d1cf79abc9e3b39803f2f6af… in hexadecimal digits.
        let ln_2 = [0xc9e3_b398_03f2_f6af, 0xb172_17f7_d1cf_79ab, 0];
        assert!(distance(&tables.ln_2, &Fixed::<3>(ln_2)) < 1 << 8);
        // e = 2 × 1.5bf0a8b145769535…
        let (factor, exponent) = tables.exp(&Fixed::whole(1));
        assert_eq!((factor.floor(), factor.0[1], exponent), (1, 0x5bf0_a8b1_4576_9535, 1));
    }
}
