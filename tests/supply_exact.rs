//! Supply at every tick, against arithmetic on big numbers.
//!
//! The oracle evaluates each schedule's formula as it is written down, with whole numbers of 420 fractional
//! bits and plain series; powers are compared as whole numbers without any rounding. Nothing is shared with the
//! code under test but the schedule.

use num_bigint::BigInt;
use num_traits::{One, Pow, Signed, ToPrimitive, Zero};
use proptest::prelude::*;
use walras::clearing::{Curve, Offered, Schedule, Shape, StepPoint, Supply};
use walras::units::{Decimal, Grid, PriceTicks, QuantityLots};

type BigRational = num_rational::Ratio<BigInt>;

const BITS: usize = 420;

fn rational(number: Decimal) -> BigRational {
    BigRational::new(number.mantissa().into(), BigInt::from(10).pow(number.scale()))
}

fn decimal(mantissa: i128, scale: u32) -> Decimal {
    Decimal::new(mantissa, scale).unwrap()
}

fn integer(number: i64) -> BigRational {
    BigRational::from_integer(number.into())
}

/// A number as its interval: surely not above it, surely not below it, in units of 2^-BITS.
#[derive(Clone)]
struct Interval(BigInt, BigInt);

impl Interval {
    fn exact(number: &BigRational) -> Self {
        let scaled = number * BigRational::from_integer(BigInt::one() << BITS);
        Self(scaled.floor().to_integer(), scaled.ceil().to_integer())
    }

    fn add(&self, other: &Self) -> Self {
        Self(&self.0 + &other.0, &self.1 + &other.1)
    }

    fn mul(&self, other: &Self) -> Self {
        let corners = [&self.0 * &other.0, &self.0 * &other.1, &self.1 * &other.0, &self.1 * &other.1];
        let low = corners.iter().min().unwrap() >> BITS;
        let high = (corners.iter().max().unwrap() >> BITS) + 1;
        Self(low, high)
    }

    /// e^x: x is halved until it is small, the series is summed, the result squared as often.
    fn exp(&self) -> Self {
        let halvings = 40;
        let small = Self(&self.0 >> halvings, (&self.1 >> halvings) + 1);
        let one = Self::exact(&BigRational::one());
        let mut sum = one.clone();
        let mut term = one;
        for n in 1..40 {
            term = term.mul(&small).mul(&Self::exact(&BigRational::new(1.into(), n.into())));
            sum = sum.add(&term);
        }
        // What is left out is less than 2^-1500.
        let mut power = Self(&sum.0 - 1, &sum.1 + 1);
        for _ in 0..halvings {
            power = power.mul(&power);
        }
        power
    }

    /// ln of a fraction: twos are taken out, 2 artanh((m - 1) / (m + 1)) is summed.
    fn ln(number: &BigRational) -> Self {
        let mut twos = number.numer().bits() as i64 - number.denom().bits() as i64;
        let two = BigRational::from_integer(2.into());
        let mut m = number / two.clone().pow(twos as i32);
        if m < BigRational::one() {
            m *= &two;
            twos -= 1;
        }
        let artanh = |z: BigRational| {
            let z = Self::exact(&z);
            let square = z.mul(&z);
            let (mut sum, mut power) = (Self(0.into(), 0.into()), z);
            for n in 0..160 {
                sum = sum.add(&power.mul(&Self::exact(&BigRational::new(1.into(), (2 * n + 1).into()))));
                power = power.mul(&square);
            }
            // The terms left out are below 2^-500 together.
            Self(sum.0 * 2 - 1, sum.1 * 2 + 1)
        };
        let ln_2 = artanh(BigRational::new(1.into(), 3.into()));
        let rest = artanh((&m - BigRational::one()) / (&m + BigRational::one()));
        ln_2.mul(&Self::exact(&integer(twos))).add(&rest)
    }
}

/// What the oracle knows of one value: exactly, within an interval, or both bounds of its floor.
enum Value {
    Exact(BigRational),
    /// Surely irrational, and within this.
    Within(Interval),
}

fn offered(value: Value) -> Offered {
    let (low, high, is_whole) = match value {
        Value::Exact(value) if value.is_negative() => return Offered::NOTHING,
        Value::Exact(value) => (value.floor().to_integer(), value.floor().to_integer(), value.is_integer()),
        Value::Within(Interval(low, high)) => {
            if high < BigInt::zero() {
                return Offered::NOTHING;
            }
            (low.max(BigInt::zero()) >> BITS, high >> BITS, false)
        }
    };
    let is_beyond_counting = low > BigInt::from(i64::MAX);
    assert!(low == high || is_beyond_counting, "the oracle needs more bits");
    match low.to_i64() {
        Some(lots) => Offered { lots: QuantityLots(lots), is_whole },
        None => Offered { lots: QuantityLots(i64::MAX), is_whole: false },
    }
}

/// The formula of section 1.5, in lots, at a price from the floor to the ceiling.
fn formula(schedule: &Schedule, price: &BigRational, lot: &BigRational) -> Value {
    let one = BigRational::one();
    match &schedule.shape {
        Shape::Fixed { quantity } => Value::Exact(rational(*quantity) / lot),
        Shape::Step { points } => {
            let reached = points.iter().rev().find(|point| rational(point.price) <= *price);
            Value::Exact(reached.map_or(BigRational::zero(), |point| rational(point.quantity) / lot))
        }
        Shape::Linear(curve) => {
            let base = rational(curve.base_quantity) / lot;
            Value::Exact(base * (one + rational(curve.elasticity_factor) * place(schedule, curve, price)))
        }
        Shape::Exponential(curve) => {
            let base = rational(curve.base_quantity) / lot;
            let x = rational(curve.elasticity_factor) * place(schedule, curve, price);
            if x.is_zero() || base.is_zero() {
                return Value::Exact(base);
            }
            exponential(&base, &Interval::exact(&x))
        }
        Shape::Logarithmic(curve) => {
            let base = rational(curve.base_quantity) / lot;
            let k = rational(curve.elasticity_factor);
            let (factor, argument) = match curve.reference_price {
                Some(reference) => (k, price / rational(reference)),
                None => (one.clone(), &one + k * place(schedule, curve, price)),
            };
            if argument.is_one() || base.is_zero() || factor.is_zero() {
                return Value::Exact(base);
            }
            if argument.is_zero() {
                return Value::Exact(BigRational::zero());
            }
            let change = Interval::exact(&factor).mul(&Interval::ln(&argument));
            Value::Within(Interval::exact(&base).mul(&Interval::exact(&one).add(&change)))
        }
        Shape::Power { max_quantity, saturation_price, exponent } => {
            let base = rational(*max_quantity) / lot;
            let ratio = price / rational(*saturation_price);
            let exponent = rational(*exponent);
            if ratio >= one || exponent.is_zero() || base.is_zero() {
                return Value::Exact(base);
            }
            if ratio.is_zero() {
                return Value::Exact(ratio);
            }
            exponential(&base, &Interval::exact(&exponent).mul(&Interval::ln(&ratio)))
        }
    }
}

/// base e^x, for a base from 10^-15 to 10^30.
fn exponential(base: &BigRational, x: &Interval) -> Value {
    let limit = BigInt::from(300) << BITS;
    if x.0 > limit {
        return Value::Exact(integer(i64::MAX) + BigRational::new(1.into(), 2.into()));
    }
    if x.1 < -limit {
        return Value::Within(Interval(1.into(), 1.into()));
    }
    Value::Within(Interval::exact(base).mul(&x.exp()))
}

/// t, or x of the form with a reference price.
fn place(schedule: &Schedule, curve: &Curve, price: &BigRational) -> BigRational {
    match curve.reference_price {
        Some(reference) => (price - rational(reference)) / rational(reference),
        None => {
            let floor = rational(schedule.price_floor.unwrap());
            (price - &floor) / (rational(schedule.price_ceiling.unwrap()) - floor)
        }
    }
}

/// A power as whole numbers: S is the greatest n with n^b d^b v^a <= q^b u^a, for S = (q/d) (u/v)^(a/b).
fn is_exact_power(schedule: &Schedule, price: &BigRational, lot: &BigRational, claimed: Offered) -> bool {
    let Shape::Power { max_quantity, saturation_price, exponent } = &schedule.shape else { unreachable!() };
    let base = rational(*max_quantity) / lot;
    let ratio = (price / rational(*saturation_price)).min(BigRational::one());
    let exponent = rational(*exponent);
    let (a, b) = (exponent.numer().to_u32().unwrap(), exponent.denom().to_u32().unwrap());
    let wanted = Pow::pow(&base, b) * Pow::pow(&ratio, a);
    let power = |lots: i64| BigRational::from_integer(Pow::pow(BigInt::from(lots), b));
    let lots = claimed.lots.0;
    let is_floor = power(lots) <= wanted && power(lots + 1) > wanted;
    is_floor && claimed.is_whole == (power(lots) == wanted)
}

fn oracle(schedule: &Schedule, tick: Grid, lot: Grid, price: PriceTicks) -> Offered {
    let step = rational(tick.step());
    let mut at = &step * integer(price.0);
    if schedule.price_floor.is_some_and(|floor| at < rational(floor)) {
        return Offered::NOTHING;
    }
    // Above the ceiling counts as the highest tick that is not above it.
    if let Some(ceiling) = schedule.price_ceiling.map(rational)
        && at > ceiling
    {
        at = (ceiling / &step).floor() * step;
    }
    offered(formula(schedule, &at, &rational(lot.step())))
}

fn price_decimal() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        4 => (0_i128..30_000, 0_u32..4).prop_map(|(mantissa, scale)| decimal(mantissa, scale)),
        1 => (0_i128..1_000_000_000_000_000_000, 0_u32..19).prop_map(|(mantissa, scale)| decimal(mantissa, scale)),
    ]
}

fn quantity_decimal() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        4 => (0_i128..2_000_000, 0_u32..4).prop_map(|(mantissa, scale)| decimal(mantissa, scale)),
        1 => (0_i128..1_000_000_000_000_000_000, 0_u32..8).prop_map(|(mantissa, scale)| decimal(mantissa, scale)),
    ]
}

fn factor_decimal() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        4 => (0_i128..500, 0_u32..3).prop_map(|(mantissa, scale)| decimal(mantissa, scale)),
        1 => (0_i128..1_000_000_000, 9_u32..30).prop_map(|(mantissa, scale)| decimal(mantissa, scale)),
    ]
}

fn curve() -> impl Strategy<Value = Curve> {
    (quantity_decimal(), factor_decimal(), proptest::option::of(price_decimal())).prop_map(
        |(base_quantity, elasticity_factor, reference_price)| Curve {
            base_quantity,
            elasticity_factor,
            reference_price,
        },
    )
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        quantity_decimal().prop_map(|quantity| Shape::Fixed { quantity }),
        proptest::collection::vec((1_i128..400, 0_i128..90), 1..5).prop_map(|rises| {
            let (mut price, mut quantity) = (0, 0);
            let rise = |(by, more)| {
                price += by;
                quantity += more;
                StepPoint { price: decimal(price, 2), quantity: decimal(quantity, 1) }
            };
            Shape::Step { points: rises.into_iter().map(rise).collect() }
        }),
        curve().prop_map(Shape::Linear),
        curve().prop_map(Shape::Exponential),
        curve().prop_map(Shape::Logarithmic),
        (quantity_decimal(), price_decimal(), factor_decimal()).prop_map(
            |(max_quantity, saturation_price, exponent)| Shape::Power {
                max_quantity,
                saturation_price,
                exponent
            }
        ),
    ]
}

fn grid() -> impl Strategy<Value = Grid> {
    prop::sample::select(vec!["0.01", "1", "0.005", "100", "0.000001", "0.3"])
        .prop_map(|step| Grid::parse(step).unwrap())
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let bound = || proptest::option::weighted(0.8, price_decimal());
    (shape(), bound(), bound()).prop_map(|(shape, one, other)| {
        let (price_floor, price_ceiling) = match (one, other) {
            (Some(one), Some(other)) if rational(one) > rational(other) => (Some(other), Some(one)),
            bounds => bounds,
        };
        Schedule { shape, price_floor, price_ceiling }
    })
}

/// Prices worth asking: around the bounds, between them, and far outside.
fn ticks(schedule: &Schedule, tick: Grid, supply: &Supply, random: &[u64]) -> Vec<PriceTicks> {
    let whole = |price: Decimal| (rational(price) / rational(tick.step())).floor().to_integer();
    let special = match &schedule.shape {
        Shape::Linear(curve) | Shape::Exponential(curve) | Shape::Logarithmic(curve) => curve.reference_price,
        Shape::Power { saturation_price, .. } => Some(*saturation_price),
        Shape::Step { points } => points.last().map(|point| point.price),
        Shape::Fixed { .. } => None,
    };
    let special = special.and_then(|price| whole(price).to_i64());
    let low = supply.floor().map_or(0, |floor| floor.0);
    let high = supply.ceiling().map_or(low.saturating_add(100_000), |ceiling| ceiling.0);
    let near = [Some(low), Some(high), special].into_iter().flatten();
    let near = near.flat_map(|tick| [tick.saturating_sub(1), tick, tick.saturating_add(1)]);
    let inside = random.iter().map(|&r| low + ((i128::from(high - low) * i128::from(r)) >> 64) as i64);
    near.chain(inside).chain([0, 900_000_000_000_000_000]).filter(|&tick| tick >= 0).map(PriceTicks).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_tick_is_exact(
        schedule in schedule(), tick in grid(), lot in grid(), random in proptest::array::uniform3(any::<u64>()),
    ) {
        let Ok(supply) = Supply::new(schedule.clone(), tick, lot) else { return Err(TestCaseError::reject("refused")) };
        for price in ticks(&schedule, tick, &supply, &random) {
            prop_assert_eq!(supply.at(price), oracle(&schedule, tick, lot, price), "at {:?}", price);
            prop_assert_eq!(supply.at(price), supply.at(price), "asked twice");
        }
    }

    #[test]
    fn powers_are_exact_as_whole_numbers(
        max in 1_i64..1_000_000_000_000, saturation in 1_i64..200_000, exponent in (0_i128..60, 0_u32..2),
        price in 1_i64..200_000,
    ) {
        let schedule = power(decimal(max.into(), 2), decimal(saturation.into(), 2), decimal(exponent.0, exponent.1));
        let (tick, lot) = (Grid::parse("0.01").unwrap(), Grid::parse("0.1").unwrap());
        let supply = Supply::new(schedule.clone(), tick, lot).unwrap();
        let price_in_money = rational(tick.step()) * integer(price);
        let claimed = supply.at(PriceTicks(price));
        prop_assert!(is_exact_power(&schedule, &price_in_money, &rational(lot.step()), claimed), "{claimed:?}");
    }

    #[test]
    fn whole_powers_are_known_to_be_whole(
        root in 1_i64..40, top in 40_i64..60, whole in 1_i64..50,
        (exponent, a, b) in prop::sample::select(vec![
            ("0.5", 1, 2), ("1.5", 3, 2), ("0.25", 1, 4), ("0.75", 3, 4), ("2", 2, 1), ("0.2", 1, 5), ("0.6", 3, 5),
        ]),
    ) {
        // whole × top^a × (root^b / top^b)^(a/b) = whole × root^a.
        let max = decimal((whole * top.pow(a)).into(), 0);
        let saturation = decimal(top.pow(b).into(), 0);
        let one = Grid::parse("1").unwrap();
        let supply = Supply::new(power(max, saturation, parsed(exponent)), one, one).unwrap();
        let offered = supply.at(PriceTicks(root.pow(b)));
        prop_assert_eq!(offered, Offered { lots: QuantityLots(whole * root.pow(a)), is_whole: true });
    }

    #[test]
    fn supply_never_falls_as_the_price_rises(schedule in schedule(), tick in grid(), lot in grid(), from in 0_i64..40_000) {
        let Ok(supply) = Supply::new(schedule, tick, lot) else { return Err(TestCaseError::reject("refused")) };
        let from = supply.floor().map_or(0, |floor| floor.0 - 5) + from;
        let mut last = Offered::NOTHING;
        for price in from..from + 200 {
            let offered = supply.at(PriceTicks(price));
            prop_assert!(offered.lots >= last.lots, "at {price}");
            last = offered;
        }
    }
}

fn power(max_quantity: Decimal, saturation_price: Decimal, exponent: Decimal) -> Schedule {
    Schedule {
        shape: Shape::Power { max_quantity, saturation_price, exponent },
        price_floor: None,
        price_ceiling: None,
    }
}

fn parsed(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn curve_of(base: &str, factor: &str, reference: Option<&str>) -> Curve {
    Curve {
        base_quantity: parsed(base),
        elasticity_factor: parsed(factor),
        reference_price: reference.map(parsed),
    }
}

#[test]
fn square_root_of_sixty_four_hundredths_is_eight_tenths() {
    let one = Grid::parse("1").unwrap();
    let supply = Supply::new(power(parsed("1000"), parsed("100"), parsed("0.5")), one, one).unwrap();
    assert_eq!(supply.at(PriceTicks(64)), Offered { lots: QuantityLots(800), is_whole: true });
    assert_eq!(supply.at(PriceTicks(65)), Offered { lots: QuantityLots(806), is_whole: false });
    assert_eq!(supply.at(PriceTicks(100)), Offered { lots: QuantityLots(1000), is_whole: true });
    assert_eq!(supply.at(PriceTicks(0)), Offered::NOTHING);
}

#[test]
fn published_numbers_of_the_reference_form_hold() {
    // S(110) = 1030, 1020.2 is 1000·e^0.02, and S(200) = 1346.57 with a factor of 0.5.
    let (one, tenth) = (Grid::parse("1").unwrap(), Grid::parse("0.1").unwrap());
    let at = |shape, price| {
        let schedule = Schedule { shape, price_floor: None, price_ceiling: None };
        Supply::new(schedule, one, tenth).unwrap().at(PriceTicks(price))
    };
    let linear = at(Shape::Linear(curve_of("1000", "0.3", Some("100"))), 110);
    assert_eq!(linear, Offered { lots: QuantityLots(10_300), is_whole: true });
    let exponential = at(Shape::Exponential(curve_of("1000", "0.2", Some("100"))), 110);
    assert_eq!(exponential, Offered { lots: QuantityLots(10_202), is_whole: false });
    let logarithmic = at(Shape::Logarithmic(curve_of("1000", "0.5", Some("100"))), 200);
    assert_eq!(logarithmic, Offered { lots: QuantityLots(13_465), is_whole: false });
}

#[test]
fn a_value_a_hair_above_a_whole_lot_is_told_from_it() {
    // e^(10^-30 · t) of 10^15 lots: 10^-15 of a lot and less above the base, which itself is whole.
    let one = Grid::parse("1").unwrap();
    for shape in [Shape::Exponential, Shape::Logarithmic] {
        let schedule = Schedule {
            shape: shape(curve_of("1000000000000000", "1e-38", None)),
            price_floor: Some(parsed("0")),
            price_ceiling: Some(parsed("1000000000000000000")),
        };
        let supply = Supply::new(schedule, one, one).unwrap();
        let base = QuantityLots(1_000_000_000_000_000);
        assert_eq!(supply.at(PriceTicks(0)), Offered { lots: base, is_whole: true });
        assert_eq!(supply.at(PriceTicks(1)), Offered { lots: base, is_whole: false });
    }
    let supply = Supply::new(power(parsed("1000"), parsed("900000000000000000"), parsed("1e-38")), one, one);
    let below = Offered { lots: QuantityLots(999), is_whole: false };
    assert_eq!(supply.unwrap().at(PriceTicks(899_999_999_999_999_999)), below);
}

#[test]
fn supply_beyond_all_quantities_is_refused_or_compares_right() {
    let one = Grid::parse("1").unwrap();
    let open = Schedule {
        shape: Shape::Exponential(curve_of("1", "1", Some("1"))),
        price_floor: None,
        price_ceiling: None,
    };
    let supply = Supply::new(open.clone(), one, one).unwrap();
    // e^43 < 2^63 < e^44.
    assert_eq!(supply.at(PriceTicks(44)).lots, QuantityLots(4_727_839_468_229_346_561));
    for price in [45, 46, 1_000, 900_000_000_000_000_000, i64::MAX] {
        let offered = supply.at(PriceTicks(price));
        assert!(offered.has_room_for(i64::MAX.into()) && !offered.is_reached_by(i64::MAX.into()), "{price}");
    }
    let closed = Schedule { price_ceiling: Some(parsed("45")), ..open };
    let error = Supply::new(closed, one, one).unwrap_err().to_string();
    assert_eq!(error, "supply.price_ceiling: more lots are offered there than can be represented");
}

#[test]
fn bad_schedules_name_the_field() {
    let one = Grid::parse("1").unwrap();
    let point = |price, quantity| StepPoint { price: parsed(price), quantity: parsed(quantity) };
    let bounded = |shape, floor: Option<&str>, ceiling: Option<&str>| Schedule {
        shape,
        price_floor: floor.map(parsed),
        price_ceiling: ceiling.map(parsed),
    };
    let step = |points| bounded(Shape::Step { points }, None, None);
    let fixed = |quantity| Shape::Fixed { quantity: parsed(quantity) };
    let linear = |k| Shape::Linear(curve_of("5", k, None));
    let table = [
        (step(vec![]), "supply.points: has no point"),
        (
            step(vec![point("1", "5"), point("2", "6"), point("3", "5.9")]),
            "supply.points[2]: quantity decreases",
        ),
        (step(vec![point("1", "5"), point("1", "6")]), "supply.points[1]: price does not rise"),
        (step(vec![point("-1", "5")]), "supply.points[0]: price is negative"),
        (bounded(fixed("-1"), None, None), "supply.quantity: quantity is negative"),
        (
            bounded(fixed("9223372036854775808"), None, None),
            "supply.quantity: quantity is more lots than can be represented",
        ),
        (bounded(fixed("1"), Some("3"), Some("2")), "supply.price_ceiling: is below the floor"),
        (
            bounded(fixed("1"), Some("2.1"), Some("2.9")),
            "supply.price_ceiling: no tick lies between the floor and it",
        ),
        (bounded(linear("1"), None, Some("2")), "supply.price_floor: is missing"),
        (bounded(linear("1"), Some("1"), None), "supply.price_ceiling: is missing"),
        (bounded(linear("1"), Some("2"), Some("2")), "supply.price_ceiling: must be above the floor"),
        (bounded(linear("-1"), Some("1"), Some("2")), "supply.elasticity_factor: is negative"),
        (
            bounded(Shape::Linear(curve_of("-5", "1", Some("2"))), None, None),
            "supply.base_quantity: quantity is negative",
        ),
        (
            bounded(Shape::Linear(curve_of("5", "1", Some("0"))), None, None),
            "supply.reference_price: must be above 0",
        ),
        (power(parsed("5"), parsed("0"), parsed("1")), "supply.saturation_price: must be above 0"),
        (power(parsed("5"), parsed("1"), parsed("-1")), "supply.exponent: is negative"),
        (power(parsed("5"), parsed("1"), parsed("1000000001")), "supply.exponent: is above 1000000000"),
    ];
    for (schedule, message) in table {
        assert_eq!(Supply::new(schedule, one, one).unwrap_err().to_string(), message);
    }
}
