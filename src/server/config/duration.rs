//! Durations as people write them on a command line: `500ms`, `5s`, `2m`, `1h`.

/// The units, longest word first so that `ms` is not read as `m`.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Reads a duration with its unit, in milliseconds. A bare number is refused: nobody would know what it means.
pub fn parse_duration_ms(text: &str) -> Result<u64, String> {
    let wrong = || format!("must be a whole number with a unit, such as 500ms, 5s, 2m or 1h, not {text:?}");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = UNITS.iter().find(|(word, _)| *word == unit).map(|(_, factor)| *factor).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(factor).ok_or_else(wrong)
}

/// Writes milliseconds in the largest unit that divides them.
pub fn show_duration(ms: u64) -> String {
    let (word, factor) = UNITS
        .iter()
        .rev()
        .find(|(_, factor)| ms != 0 && ms.is_multiple_of(*factor))
        .copied()
        .unwrap_or(("ms", 1));
    format!("{}{word}", ms / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_unit_and_nothing_else() {
        for (text, ms) in [("500ms", 500), ("5s", 5_000), ("2m", 120_000), ("1h", 3_600_000), ("0s", 0)] {
            assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
        }
        for text in
            ["", "5", "s", "5 s", "-5s", "5.5s", "5S", "5d", "99999999999999999999s", "18446744073709551615h"]
        {
            let why = parse_duration_ms(text).expect_err(text);
            assert!(why.contains("500ms, 5s, 2m or 1h"), "{why}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for ms in [0, 1, 999, 1_000, 1_500, 60_000, 90_000, 3_600_000, 86_400_000] {
            assert_eq!(parse_duration_ms(&show_duration(ms)), Ok(ms));
        }
        assert_eq!(show_duration(90_000), "90s");
        assert_eq!(show_duration(86_400_000), "24h");
    }
}
