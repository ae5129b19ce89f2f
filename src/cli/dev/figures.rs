//! Numbers as people read them: thousands apart, and prices as a small picture.

/// `12345.5` as `12,345.5`.
pub fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) =
        digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let mut out = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A number with exactly `places` fractional digits, cutting only zeros: `48.5` as `48.50`.
pub fn padded(number: &str, places: usize) -> String {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.trim_end_matches('0');
    if places == 0 && fraction.is_empty() {
        return whole.to_owned();
    }
    format!("{whole}.{fraction:0<places$}")
}

/// Points as bars between the least and the greatest of them.
pub fn sparkline(points: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let least = points.iter().copied().fold(f64::INFINITY, f64::min);
    let most = points.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let height = |point: f64| if most > least { (point - least) / (most - least) } else { 0.0 };
    points.iter().map(|&point| BARS[((height(point) * 7.0).round() as usize).min(7)]).collect()
}

/// `0:07`, `12:30`.
pub fn minutes(ms: u64) -> String {
    let seconds = ms.div_ceil(1_000);
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, shown) in [
            ("0", "0"),
            ("999", "999"),
            ("1000", "1,000"),
            ("-1234567.89", "-1,234,567.89"),
            ("100000", "100,000"),
        ] {
            assert_eq!(grouped(number), shown);
        }
    }

    #[test]
    fn fractions_are_padded_and_never_rounded() {
        assert_eq!(padded("48.5", 2), "48.50");
        assert_eq!(padded("48.0", 0), "48");
        assert_eq!(padded("48", 2), "48.00");
        assert_eq!(padded("48.125", 2), "48.125");
    }

    #[test]
    fn pictures_and_clocks() {
        assert_eq!(sparkline(&[1.0, 2.0, 8.0]), "▁▂█");
        assert_eq!(sparkline(&[5.0, 5.0]), "▁▁");
        assert_eq!(sparkline(&[]), "");
        assert_eq!(
            (minutes(0), minutes(6_001), minutes(750_000)),
            ("0:00".into(), "0:07".into(), "12:30".into())
        );
    }
}
