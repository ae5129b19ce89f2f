//! Worked auctions with the results they must have: `walras clear --check`.
//!
//! A vector is `{id, auction, expect, …}`, a file holds one or an array of them. Every member of `expect` is
//! compared with the result; numbers as numbers, however they are written.

use super::super::document::{self, Members, Value};
use super::super::fields::TermsError;
use super::{exact, result_line};

/// One vector and what did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedVector {
    /// Its id, or its place in the file.
    pub id: String,
    /// A line for every field that differs; none if the vector holds.
    pub failures: Vec<String>,
}

/// Clears every vector of a file and compares.
pub fn check(file: &[u8]) -> Result<Vec<CheckedVector>, TermsError> {
    let vectors = match document::read(file)? {
        Value::List(vectors) => vectors,
        vector @ Value::Object(_) => vec![vector],
        other => {
            return Err(TermsError::new("json", format!("expected vectors, not {}", other.kind())));
        }
    };
    let checked = vectors.into_iter().enumerate().map(|(index, vector)| check_vector(index, vector));
    checked.collect()
}

fn check_vector(index: usize, vector: Value) -> Result<CheckedVector, TermsError> {
    let Value::Object(members) = vector else {
        return Err(TermsError::new(format!("[{index}]"), "expected a vector"));
    };
    let id = match find(&members, "id") {
        Some(Value::Text(id)) => id.to_string(),
        _ => format!("[{index}]"),
    };
    let missing = |key| TermsError::new(format!("{id}.{key}"), "is required, an object");
    let Some(auction @ Value::Object(_)) = find(&members, "auction") else { return Err(missing("auction")) };
    let Some(Value::Object(expected)) = find(&members, "expect") else { return Err(missing("expect")) };
    let mut json = String::new();
    auction.write(&mut json);
    let (line, _) = result_line(json.as_bytes());
    let Value::Object(result) = document::read(&line).expect("results are JSON") else {
        unreachable!("results are objects");
    };
    let mut failures = Vec::new();
    compare_result(expected, &result, &mut failures);
    Ok(CheckedVector { id, failures })
}

fn compare_result(expected: &Members, result: &Members, failures: &mut Vec<String>) {
    if let Some(Value::Text(error)) = find(result, "error")
        && find(expected, "error").is_none()
    {
        failures.push(format!("error: {error}"));
        return;
    }
    for (key, expected) in expected {
        match (&**key, expected) {
            ("quantities" | "payments", Value::Object(expected)) => {
                let member = if key == "quantities" { "quantity" } else { "payment" };
                compare_awards(key, member, expected, find(result, "allocations"), failures);
            }
            ("refused", Value::Object(bids)) => {
                compare_value(key, expected, find(result, key), failures);
                if let Some(Value::Object(actual)) = find(result, key) {
                    let others = actual.iter().filter(|(id, _)| find(bids, id).is_none());
                    failures
                        .extend(others.map(|(id, code)| {
                            format!("{key}.{id}: expected no refusal, got {}", show(code))
                        }));
                }
            }
            ("error", Value::Text(expected)) => match find(result, "error") {
                Some(Value::Text(error)) if error.contains(&**expected) => {}
                actual => failures.push(format!("error: expected {expected:?}, got {}", show_option(actual))),
            },
            _ => compare_value(key, expected, find(result, key), failures),
        }
    }
}

/// What each bid won or pays; a bid that the result does not name won nothing.
fn compare_awards(
    key: &str,
    member: &str,
    expected: &Members,
    allocations: Option<&Value>,
    failures: &mut Vec<String>,
) {
    let nothing = Value::Number("0");
    for (id, expected) in expected {
        let award = match allocations {
            Some(Value::Object(allocations)) => find(allocations, id),
            _ => None,
        };
        let actual = match award {
            Some(Value::Object(award)) => find(award, member),
            _ => Some(&nothing),
        };
        compare_value(&format!("{key}.{id}"), expected, actual, failures);
    }
}

fn compare_value(path: &str, expected: &Value, actual: Option<&Value>, failures: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(expected), Some(Value::Object(actual))) => {
            for (key, expected) in expected {
                compare_value(&format!("{path}.{key}"), expected, find(actual, key), failures);
            }
        }
        (Value::List(expected), Some(Value::List(actual))) if expected.len() == actual.len() => {
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare_value(&format!("{path}[{index}]"), expected, Some(actual), failures);
            }
        }
        (expected, Some(actual)) if is_same(expected, actual) => {}
        (expected, actual) => {
            failures.push(format!("{path}: expected {}, got {}", show(expected), show_option(actual)));
        }
    }
}

fn is_same(expected: &Value, actual: &Value) -> bool {
    if let (Some(left), Some(right)) = (text(expected), text(actual)) {
        return exact::same_number(left, right).unwrap_or(left == right);
    }
    expected == actual
}

fn text<'v>(value: &'v Value) -> Option<&'v str> {
    match value {
        Value::Number(text) => Some(text),
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn find<'v, 'a>(members: &'v Members<'a>, key: &str) -> Option<&'v Value<'a>> {
    members.iter().find(|member| member.0 == key).map(|member| &member.1)
}

fn show(value: &Value) -> String {
    let mut shown = String::new();
    value.write(&mut shown);
    shown
}

fn show_option(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".into(), show)
}
