//! Texts to counts and back, against big-number arithmetic on the same texts and against `rust_decimal`.

use num_bigint::BigInt;
use num_traits::{Pow, Signed, ToPrimitive, Zero};
use proptest::prelude::*;
use rust_decimal::RoundingStrategy;
use walras::units::{Decimal, Grid, GridError, Money, PriceTicks, QuantityLots, Reading};

type Rational = num_rational::Ratio<BigInt>;

fn grid(step: &str) -> Grid {
    Grid::parse(step).unwrap()
}

/// The value of a number's text, digit by digit.
fn value(text: &str) -> Rational {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: BigInt = format!("{whole}{fraction}").parse().unwrap();
    let exponent = exponent.trim_start_matches('+').parse::<i32>().unwrap() - fraction.len() as i32;
    Rational::from_integer(digits) * Rational::from_integer(10.into()).pow(exponent)
}

fn step(grid: Grid) -> Rational {
    value(&grid.to_string())
}

/// The nearest whole number, halves away from zero.
fn nearest(number: &Rational) -> BigInt {
    let half = Rational::new(1.into(), 2.into());
    let magnitude = (number.abs() + half).floor().to_integer();
    if number.is_negative() { -magnitude } else { magnitude }
}

/// What reading a text exactly must give.
fn expected(grid: Grid, text: &str) -> Result<i64, GridError> {
    let steps = value(text) / step(grid);
    let shortened: String = text.chars().take(64).collect();
    let Some(count) = nearest(&steps).to_i64().filter(|count| *count != i64::MIN) else {
        return Err(GridError::OutOfRange { value: shortened });
    };
    if steps.is_integer() {
        return Ok(count);
    }
    let nearest = shortest(&(Rational::from_integer(count.into()) * step(grid)));
    Err(GridError::OffGrid { value: shortened, grid: grid.to_string(), nearest })
}

/// The shortest exact text of a number whose denominator divides a power of ten.
fn shortest(number: &Rational) -> String {
    let mut scale = 0_usize;
    let mut scaled = number.clone();
    while !scaled.is_integer() {
        scaled *= BigInt::from(10);
        scale += 1;
    }
    let digits = format!("{:0>width$}", scaled.to_integer().abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if number.is_negative() { "-" } else { "" };
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn steps() -> impl Strategy<Value = Grid> {
    prop::sample::select(vec![
        "0.01",
        "1",
        "0.005",
        "1e-6",
        "100",
        "0.000000000000000001",
        "0.25",
        "3",
        "0.3",
        "1e18",
        "9223372036854775807",
        "1e-36",
        "9223372036854775807e-19",
        "0.7e-20",
    ])
    .prop_map(grid)
}

/// Texts in JSON's grammar, many of them near whole steps.
fn texts() -> impl Strategy<Value = String> {
    let digits = prop_oneof![4 => "[1-9][0-9]{0,12}|0", 1 => "[1-9][0-9]{0,60}", 1 => "[1-9]0{0,45}[0-9]?"];
    let fraction =
        prop_oneof![4 => "(\\.[0-9]{1,8})?", 2 => "\\.[0-9]{0,2}0{0,50}[0-9]", 1 => "\\.[0-9]{20,50}"];
    let exponent = prop_oneof![6 => "", 2 => "[eE][+-]?[0-9]", 1 => "[eE][+-]?[0-9]{2}"];
    ("-?", digits, fraction, exponent)
        .prop_map(|(sign, digits, fraction, exponent)| format!("{sign}{digits}{fraction}{exponent}"))
        .prop_filter("negative zero", |text| !(text.starts_with('-') && value(text).is_zero()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn reading_is_exact(grid in steps(), text in texts()) {
        prop_assert_eq!(grid.read(&text, Reading::Exact), expected(grid, &text), "{}", text);
    }

    #[test]
    fn writing_is_the_shortest_text_that_reads_back(grid in steps(), count in any::<i64>(), shift in 0_u32..64) {
        let count = (count >> shift).max(-i64::MAX);
        let exact = shortest(&(Rational::from_integer(count.into()) * step(grid)));
        prop_assert_eq!(&grid.display(count), &exact);
        let mut wire = b"kept".to_vec();
        grid.write(count, &mut wire);
        let wire = String::from_utf8(wire).unwrap();
        let wire = wire.strip_prefix("kept").unwrap();
        prop_assert_eq!(wire, if exact.contains('.') { exact.clone() } else { format!("{exact}.0") });
        prop_assert_eq!(grid.read(wire, Reading::Exact), Ok(count));
        if let Ok(peer) = rust_decimal::Decimal::from_str_exact(&exact) {
            prop_assert_eq!(exact, peer.normalize().to_string());
        }
    }

    #[test]
    fn only_numbers_are_readable(text in "[-+]?[0-9.eE+-]{0,8}") {
        let is_number = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        let is_negative_zero = is_number && text.starts_with('-') && value_is_zero(&text);
        let is_readable = grid("0.01").read(&text, Reading::Exact) != Err(GridError::Unreadable);
        prop_assert_eq!(is_readable, is_number && !is_negative_zero);
        prop_assert_eq!(Decimal::parse(&text) != Err(GridError::Unreadable), is_readable);
    }

    #[test]
    fn a_program_number_is_what_fifteen_digits_of_it_are(grid in steps(), text in "-?[1-9][0-9]{0,9}\\.[0-9]{0,16}[1-9]") {
        let exact = grid.read(&text, Reading::Exact);
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let rounded = text.parse::<rust_decimal::Decimal>().unwrap()
            .round_sf_with_strategy(15, RoundingStrategy::MidpointAwayFromZero).unwrap().normalize().to_string();
        let rounded = grid.read(&rounded, Reading::Exact);
        let expected = if exact.is_err() && digits >= 16 { rounded.or(exact.clone()) } else { exact.clone() };
        prop_assert_eq!(grid.read(&text, Reading::ProgramNumber), expected);
    }

    #[test]
    fn what_programs_make_of_decimals_is_the_decimal(count in 1_i64..1_000_000_000_000, cents in 1_i64..1_000_000) {
        // Sums of floats, printed as programs print them: up to 17 digits.
        let sum = count as f64 / 100.0 + cents as f64 / 100.0;
        let text = format!("{sum}");
        let read = grid("0.01").read(&text, Reading::ProgramNumber);
        // Twelve digits before the point leave three behind it of the fifteen.
        prop_assert_eq!(read, Ok(count + cents), "{}", text);
    }

    #[test]
    fn money_is_exact_in_both_directions(tick in steps(), lot in steps(), amount in any::<i128>(), shift in 0_u32..127) {
        let amount = Money((amount >> shift).max(-i128::MAX));
        let money = tick.times(lot);
        let exact = Rational::from_integer(amount.0.into()) * step(tick) * step(lot);
        let text = shortest(&exact);
        prop_assert_eq!(money.display(amount), text.clone());
        let mut wire = Vec::new();
        money.write(amount, &mut wire);
        prop_assert_eq!(String::from_utf8(wire).unwrap(), if text.contains('.') { text.clone() } else { format!("{text}.0") });
        // At most 78 digits before the grid's end are read; amounts of 38 digits on any sane grid are.
        if amount.0.unsigned_abs() < 1 << 62 && text.trim_matches(['-', '0', '.']).len() <= 38 {
            prop_assert_eq!(money.read(&text), Ok(amount));
        }
    }

    #[test]
    fn whole_units_of_a_currency_are_rounded_down(
        tick in steps(), lot in steps(), amount in 0..i128::MAX, shift in 0_u32..127, unit in steps(),
    ) {
        let amount = amount >> shift;
        let exact = Rational::from_integer(amount.into()) * step(tick) * step(lot) / step(unit);
        let exact = exact.floor().to_integer().to_i128();
        prop_assert_eq!(tick.times(lot).whole_units(Money(amount), unit), exact);
        prop_assert_eq!(tick.times(lot).whole_units(Money(-1 - amount), unit), None);
    }

    #[test]
    fn money_off_its_grid_names_the_nearest(text in texts()) {
        let money = grid("0.05").times(grid("0.5"));
        let peer = grid("0.025");
        match (money.read(&text), expected(peer, &text)) {
            (Ok(Money(count)), Ok(expected)) => prop_assert_eq!(count, i128::from(expected)),
            (Err(GridError::OffGrid { nearest, grid, .. }), Err(GridError::OffGrid { nearest: expected, .. })) => {
                prop_assert_eq!((nearest, grid), (expected, "0.025".to_string()));
            }
            // Money reaches further than a count on a grid.
            (read, Err(GridError::OutOfRange { .. })) => {
                let steps = value(&text) / step(peer);
                match read {
                    Ok(Money(count)) => prop_assert_eq!(steps, Rational::from_integer(count.into())),
                    Err(GridError::OffGrid { .. }) => prop_assert!(!steps.is_integer()),
                    Err(_) => prop_assert!(steps.abs() >= Rational::from_integer(Pow::pow(BigInt::from(2), 120_u32))),
                }
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn decimals_print_what_they_were_read_from(text in texts()) {
        match Decimal::parse(&text) {
            Ok(decimal) => {
                prop_assert_eq!(value(&decimal.to_string()), value(&text));
                prop_assert_eq!(decimal.to_string(), shortest(&value(&text)));
            }
            Err(error) => {
                let digits = shortest(&value(&text));
                let significant = digits.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
                let fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
                prop_assert!(significant > 38 || fraction > 38, "{error} for {digits}");
            }
        }
    }
}

fn value_is_zero(text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap();
    mantissa.bytes().all(|byte| !byte.is_ascii_digit() || byte == b'0')
}

#[test]
fn a_price_of_29_cents_is_29_ticks() {
    for text in
        ["0.29", "29e-2", "2.9e-1", "0.290", "0.0029E+2", "0.29000000000000000000000000000000000000000"]
    {
        assert_eq!(grid("0.01").read(text, Reading::Exact), Ok(29), "{text}");
    }
}

#[test]
fn artefacts_of_floats_are_taken_from_programs_only() {
    for (text, count) in
        [("2706.9300000000003", 270_693), ("0.30000000000000004", 30), ("48.499999999999996", 4_850)]
    {
        assert_eq!(grid("0.01").read(text, Reading::ProgramNumber), Ok(count));
        assert!(matches!(grid("0.01").read(text, Reading::Exact), Err(GridError::OffGrid { .. })));
    }
    let off = GridError::OffGrid { value: "0.299".into(), grid: "0.01".into(), nearest: "0.3".into() };
    assert_eq!(grid("0.01").read("0.299", Reading::ProgramNumber), Err(off));
}

#[test]
fn absurd_texts_cost_nothing() {
    let cent = grid("0.01");
    let out_of_range = |value: &str| Err(GridError::OutOfRange { value: value.into() });
    for text in ["1e999999999", "-1e999999999", "1e99999999999999999999999999", "92233720368547758.08"] {
        assert_eq!(cent.read(text, Reading::ProgramNumber), out_of_range(text));
    }
    let tiny = GridError::OffGrid { value: "1e-999999999".into(), grid: "0.01".into(), nearest: "0".into() };
    assert_eq!(cent.read("1e-999999999", Reading::ProgramNumber), Err(tiny));
    assert_eq!(cent.read("0e999999999999999999999", Reading::Exact), Ok(0));
    assert_eq!(cent.read("92233720368547758.07", Reading::Exact), Ok(i64::MAX));
    let long = format!("1{}.{}", "0".repeat(60_000), "0".repeat(60_000));
    assert_eq!(cent.read(&long, Reading::Exact), out_of_range(&long[..64]));
    assert_eq!(cent.read(&format!("{long}e-60000"), Reading::Exact), Ok(100));
    assert_eq!(Decimal::parse("1e999999999"), Err(GridError::OutOfRange { value: "1e999999999".into() }));
    assert_eq!(
        cent.times(cent).read("1e999999999"),
        Err(GridError::OutOfRange { value: "1e999999999".into() })
    );
    assert!(matches!(cent.times(cent).read("1e-999999999"), Err(GridError::OffGrid { .. })));
}

#[test]
fn steps_are_positive_and_in_lowest_terms() {
    assert_eq!(grid("0.0100"), grid("1e-2"));
    assert_eq!((grid("0.005").mantissa(), grid("0.005").scale()), (5, 3));
    assert_eq!((grid("100").mantissa(), grid("100").scale()), (100, 0));
    assert_eq!((grid("1e-6").to_string(), grid("5e2").to_string()), ("0.000001".into(), "500".into()));
    for text in ["0", "-1", "1e-37", "9223372036854775808", "1e999999999"] {
        assert_eq!(Grid::parse(text), Err(GridError::OutOfRange { value: text.into() }));
    }
    for text in ["", "x", "1.", ".5", "01", "+1", "0x1", "NaN", "1e", "-0", "-0.0e5", " 1"] {
        assert_eq!(Grid::parse(text), Err(GridError::Unreadable), "{text:?}");
    }
}

#[test]
fn sums_and_products_say_when_they_leave_the_range() {
    let price = PriceTicks(900_000_000_000_000_000);
    let quantity = QuantityLots(1_000_000_000_000_000_000);
    assert_eq!(price.times(quantity), Money(900_000_000_000_000_000_000_000_000_000_000_000));
    assert_eq!(PriceTicks(i64::MIN).times(QuantityLots(i64::MIN)), Money(1 << 126));
    assert_eq!(QuantityLots::checked_sum([quantity; 9]), Some(QuantityLots(9_000_000_000_000_000_000)));
    assert_eq!(QuantityLots::checked_sum([quantity; 10]), None);
    assert_eq!(quantity.checked_sub(QuantityLots(1)), Some(QuantityLots(999_999_999_999_999_999)));
    assert_eq!(QuantityLots(i64::MIN).checked_sub(QuantityLots(1)), None);
    assert_eq!(PriceTicks(i64::MAX).checked_add(1), None);
    assert_eq!(PriceTicks(i64::MIN).checked_sub(1), None);
    assert_eq!(Money::checked_sum([Money(i128::MAX), Money(-1), Money(1)]), Some(Money(i128::MAX)));
    assert_eq!(Money::checked_sum([Money(i128::MAX), Money(1), Money(-1)]), None);
    assert_eq!(Money(i128::MIN).checked_sub(Money(1)), None);
}
