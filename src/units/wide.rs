//! Whole numbers wider than 128 bits, of a fixed number of 64-bit limbs, on the stack.
//!
//! Little-endian limbs, unsigned. Arithmetic that may leave the range is checked. Division is the
//! plain one, bit by bit: it runs where an auction is set up, never per bid.

use std::cmp::Ordering;

/// An unsigned whole number of `64 * N` bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wide<const N: usize>(pub [u64; N]);

impl<const N: usize> Wide<N> {
    pub const ZERO: Self = Self([0; N]);

    /// Needs at least two limbs.
    pub fn from_u128(value: u128) -> Self {
        let mut limbs = [0; N];
        limbs[0] = value as u64;
        limbs[1] = (value >> 64) as u64;
        Self(limbs)
    }

    /// The number, where it fits 128 bits.
    pub fn to_u128(self) -> Option<u128> {
        let fits = self.0[2..].iter().all(|&limb| limb == 0);
        fits.then_some(u128::from(self.0[0]) | u128::from(self.0[1]) << 64)
    }

    /// The number, where it fits 64 bits.
    pub fn to_u64(self) -> Option<u64> {
        self.to_u128().and_then(|value| u64::try_from(value).ok())
    }

    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|&limb| limb == 0)
    }

    /// How many bits it takes: 0 for 0.
    pub fn bit_count(&self) -> u32 {
        let top = self.0.iter().rposition(|&limb| limb != 0);
        top.map_or(0, |index| 64 * index as u32 + 64 - self.0[index].leading_zeros())
    }

    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        let mut limbs = [0; N];
        let mut carry = false;
        for (index, limb) in limbs.iter_mut().enumerate() {
            let (sum, first) = self.0[index].overflowing_add(other.0[index]);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = first | second;
        }
        (!carry).then_some(Self(limbs))
    }

    pub fn checked_sub(&self, other: &Self) -> Option<Self> {
        let mut limbs = [0; N];
        let mut borrow = false;
        for (index, limb) in limbs.iter_mut().enumerate() {
            let (difference, first) = self.0[index].overflowing_sub(other.0[index]);
            let (difference, second) = difference.overflowing_sub(u64::from(borrow));
            *limb = difference;
            borrow = first | second;
        }
        (!borrow).then_some(Self(limbs))
    }

    pub fn checked_mul(&self, other: &Self) -> Option<Self> {
        let mut limbs = [0; N];
        for (left_index, &left) in self.0.iter().enumerate() {
            if left == 0 {
                continue;
            }
            let mut carry = 0_u128;
            for (right_index, &right) in other.0.iter().enumerate() {
                let place = left_index + right_index;
                if place < N {
                    carry += u128::from(left) * u128::from(right) + u128::from(limbs[place]);
                    limbs[place] = carry as u64;
                    carry >>= 64;
                } else if right != 0 {
                    return None;
                }
            }
            if carry != 0 {
                return None;
            }
        }
        Some(Self(limbs))
    }

    /// Quotient and remainder by a small number.
    pub fn div_rem_small(&self, divisor: u64) -> (Self, u64) {
        let mut quotient = Self::ZERO;
        let mut remainder = 0_u128;
        for index in (0..N).rev() {
            let part = remainder << 64 | u128::from(self.0[index]);
            quotient.0[index] = (part / u128::from(divisor)) as u64;
            remainder = part % u128::from(divisor);
        }
        (quotient, remainder as u64)
    }

    /// Quotient and remainder. The divisor must not be 0, and must leave the top bit free.
    pub fn div_rem(&self, divisor: &Self) -> (Self, Self) {
        debug_assert!(!divisor.is_zero() && divisor.bit_count() < 64 * N as u32);
        let mut quotient = Self::ZERO;
        let mut remainder = Self::ZERO;
        for bit in (0..self.bit_count()).rev() {
            remainder = remainder.shifted_left(1);
            remainder.0[0] |= self.0[bit as usize / 64] >> (bit % 64) & 1;
            if let Some(rest) = remainder.checked_sub(divisor) {
                remainder = rest;
                quotient.0[bit as usize / 64] |= 1 << (bit % 64);
            }
        }
        (quotient, remainder)
    }

    /// Shifted towards the top; what leaves the top is lost.
    pub fn shifted_left(&self, bits: u32) -> Self {
        let (limbs, bits) = (bits as usize / 64, bits % 64);
        let mut shifted = [0; N];
        for index in (limbs..N).rev() {
            let mut limb = self.0[index - limbs] << bits;
            if bits > 0 && index > limbs {
                limb |= self.0[index - limbs - 1] >> (64 - bits);
            }
            shifted[index] = limb;
        }
        Self(shifted)
    }

    /// Shifted towards the bottom; what leaves it is lost.
    pub fn shifted_right(&self, bits: u32) -> Self {
        let (limbs, bits) = (bits as usize / 64, bits % 64);
        let mut shifted = [0; N];
        for index in limbs..N {
            let mut limb = self.0[index] >> bits;
            if bits > 0 && index + 1 < N {
                limb |= self.0[index + 1] << (64 - bits);
            }
            shifted[index - limbs] = limb;
        }
        Self(shifted)
    }

    /// The greatest common divisor; of 0 and a number, that number.
    pub fn gcd(self, other: Self) -> Self {
        if self.is_zero() || other.is_zero() {
            return if self.is_zero() { other } else { self };
        }
        let (own_zeros, other_zeros) = (self.trailing_zeros(), other.trailing_zeros());
        let mut left = self.shifted_right(own_zeros);
        let mut right = other.shifted_right(other_zeros);
        while left != right {
            if left < right {
                std::mem::swap(&mut left, &mut right);
            }
            let difference = left.checked_sub(&right).expect("left is the greater");
            left = difference.shifted_right(difference.trailing_zeros());
        }
        left.shifted_left(own_zeros.min(other_zeros))
    }

    fn trailing_zeros(&self) -> u32 {
        let bottom = self.0.iter().position(|&limb| limb != 0);
        bottom.map_or(64 * N as u32, |index| 64 * index as u32 + self.0[index].trailing_zeros())
    }
}

impl<const N: usize> PartialOrd for Wide<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const N: usize> Ord for Wide<N> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}
