//! What a run found, for people as a table and for programs as one JSON object.

use std::fmt::Write as _;

use hdrhistogram::Histogram;
use serde_json::{Map, Value};

use super::super::print_line;
use super::process::ProcessorTime;

/// The greatest latency told apart, in nanoseconds: a minute.
const LATENCY_NS_MAX: u64 = 60_000_000_000;
/// Which shares of all latencies are told.
const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999)];

/// The figures of a run, in the order in which they are told.
#[derive(Default)]
pub struct Report {
    rows: Vec<(String, String)>,
    object: Map<String, Value>,
}

/// A histogram of latencies in nanoseconds, exact to a thousandth.
pub fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, LATENCY_NS_MAX, 3).expect("the bounds are in order")
}

impl Report {
    /// Adds a count.
    pub fn count(&mut self, key: &str, label: &str, count: u64) {
        self.rows.push((label.to_owned(), grouped(count)));
        self.object.insert(key.to_owned(), count.into());
    }

    /// Adds a measured value, told with so many places.
    pub fn value(&mut self, key: &str, label: &str, value: f64, places: usize) {
        let shown =
            if places == 0 && value >= 0.0 { grouped(value as u64) } else { format!("{value:.places$}") };
        self.rows.push((label.to_owned(), shown));
        self.object.insert(key.to_owned(), value.into());
    }

    /// Adds the quantiles of latencies; keys start with `key`.
    pub fn latency(&mut self, key: &str, label: &str, histogram: &Histogram<u64>) {
        if histogram.is_empty() {
            return;
        }
        let mut shown = String::new();
        for (name, quantile) in QUANTILES {
            let us = histogram.value_at_quantile(quantile) as f64 / 1e3;
            let _ = write!(shown, "{name} {us:.0}   ");
            self.object.insert(format!("{key}_{}_us", name.replace('.', "_")), us.into());
        }
        let us = histogram.max() as f64 / 1e3;
        let _ = write!(shown, "max {us:.0}");
        self.object.insert(format!("{key}_max_us"), us.into());
        self.rows.push((format!("{label}, µs"), shown));
    }

    /// Adds the server's processor time for so many `things`.
    pub fn processor(&mut self, used: ProcessorTime, span_s: f64, things: u64, name: &str) {
        let millions = things as f64 / 1e6;
        if millions > 0.0 {
            let key = format!("cpu_s_per_million_{name}");
            self.value(&key, &format!("CPU s per million {name}"), used.total_s / millions, 3);
        }
        self.value("server_cpu_s", "CPU s of the server", used.total_s, 2);
        self.value("server_user_s", "  in its own code", used.user_s, 2);
        self.value("server_system_s", "  in the kernel", used.system_s, 2);
        self.value("server_busy", "cores it kept busy", used.total_s / span_s, 2);
    }

    /// Prints it.
    pub fn print(self, is_json: bool) {
        if is_json {
            return print_line(&Value::Object(self.object).to_string());
        }
        let width = self.rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
        let lines: Vec<String> =
            self.rows.iter().map(|(label, shown)| format!("{label:<width$}  {shown}")).collect();
        print_line(&lines.join("\n"));
    }
}

/// `1234567` as `1,234,567`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_in_table_and_object_alike() {
        let mut report = Report::default();
        report.count("deliveries", "deliveries", 1_234_567);
        report.value("rate", "a second", 1_999.6, 0);
        let mut histogram = latencies();
        for us in 1..=1000 {
            histogram.saturating_record(us * 1000);
        }
        report.latency("latency", "latency", &histogram);
        assert_eq!(report.rows[0].1, "1,234,567");
        assert_eq!(report.rows[1].1, "1,999");
        assert!(report.rows[2].1.starts_with("p50 500   p90 900   p99 99"), "{}", report.rows[2].1);
        let p50 = report.object["latency_p50_us"].as_f64().expect("a number");
        assert!((499.0..=501.0).contains(&p50));
        assert_eq!(report.object["deliveries"], 1_234_567);
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
