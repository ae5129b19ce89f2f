//! Supply schedules, from JSON and to it.

use std::fmt::Write as _;

use super::super::document::Value;
use super::super::fields::{Fields, TermsError, decimal_of};
use crate::clearing::{Curve, Schedule, Shape, StepPoint};
use crate::units::Decimal;

/// The keys that any schedule may have; each type takes some of them.
pub(super) const KEYS: &[&[&str]] = &[
    &["type", "elasticity_type", "price_floor", "price_ceiling"],
    &["quantity", "base_quantity", "points", "elasticity_factor", "reference_price"],
    &["max_quantity", "saturation_price", "exponent"],
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fixed,
    Step,
    Linear,
    Exponential,
    Logarithmic,
    Power,
}

const KINDS: &[(&str, Kind)] = &[
    ("fixed", Kind::Fixed),
    ("step", Kind::Step),
    ("linear", Kind::Linear),
    ("exponential", Kind::Exponential),
    ("logarithmic", Kind::Logarithmic),
    ("power", Kind::Power),
];

/// The `k` of a curve that names none.
const ELASTICITY_FACTOR_DEFAULT: (i128, u32) = (15, 1);

/// Reads a schedule. Whether its numbers make sense is for `clearing::Supply` to say.
pub(super) fn read(mut fields: Fields) -> Result<Schedule, TermsError> {
    let own = fields.word("type", KINDS)?;
    let companion = fields.word("elasticity_type", KINDS)?;
    let kind = match (own, companion) {
        (Some(own), Some(companion)) if own != companion => {
            return Err(fields.error("elasticity_type", "says something else than `type`"));
        }
        (Some(kind), _) | (None, Some(kind)) => kind,
        (None, None) => return Err(fields.missing("type")),
    };
    let price_floor = fields.decimal("price_floor")?;
    let price_ceiling = fields.decimal("price_ceiling")?;
    let shape = match kind {
        Kind::Fixed => Shape::Fixed { quantity: fixed_quantity(&mut fields)? },
        Kind::Step => Shape::Step { points: points(&mut fields)? },
        Kind::Linear => Shape::Linear(curve(&mut fields)?),
        Kind::Exponential => Shape::Exponential(curve(&mut fields)?),
        Kind::Logarithmic => Shape::Logarithmic(curve(&mut fields)?),
        Kind::Power => Shape::Power {
            max_quantity: required(&mut fields, "max_quantity")?,
            saturation_price: required(&mut fields, "saturation_price")?,
            exponent: required(&mut fields, "exponent")?,
        },
    };
    let others = KEYS.iter().copied().flatten();
    for key in others {
        if fields.take(key).is_some() {
            return Err(fields.error(key, "does not belong to a schedule of this type"));
        }
    }
    Ok(Schedule { shape, price_floor, price_ceiling })
}

fn required(fields: &mut Fields, key: &str) -> Result<Decimal, TermsError> {
    fields.decimal(key)?.ok_or_else(|| fields.missing(key))
}

fn fixed_quantity(fields: &mut Fields) -> Result<Decimal, TermsError> {
    let quantity = fields.decimal("quantity")?;
    let base_quantity = fields.decimal("base_quantity")?;
    match (quantity, base_quantity) {
        (Some(_), Some(_)) => Err(fields.error("base_quantity", "says the same as `quantity`: give one")),
        (Some(quantity), None) | (None, Some(quantity)) => Ok(quantity),
        (None, None) => Err(fields.missing("quantity")),
    }
}

fn curve(fields: &mut Fields) -> Result<Curve, TermsError> {
    let (mantissa, scale) = ELASTICITY_FACTOR_DEFAULT;
    let default = Decimal::new(mantissa, scale).expect("the default is a decimal");
    Ok(Curve {
        base_quantity: required(fields, "base_quantity")?,
        elasticity_factor: fields.decimal("elasticity_factor")?.unwrap_or(default),
        reference_price: fields.decimal("reference_price")?,
    })
}

fn points(fields: &mut Fields) -> Result<Vec<StepPoint>, TermsError> {
    let values = fields.list("points")?.ok_or_else(|| fields.missing("points"))?;
    let path = fields.at("points");
    let point = |(index, value): (usize, Value)| {
        let field = format!("{path}[{index}]");
        let Value::List(pair) = &value else {
            return Err(TermsError::new(field, format!("expected [price, quantity], not {}", value.kind())));
        };
        let [price, quantity] = pair.as_slice() else {
            return Err(TermsError::new(field, "expected [price, quantity]"));
        };
        Ok(StepPoint { price: decimal_of(price, &field)?, quantity: decimal_of(quantity, &field)? })
    };
    values.into_iter().enumerate().map(point).collect()
}

/// Appends a schedule as canonical JSON.
pub(super) fn write(schedule: &Schedule, out: &mut String) {
    out.push_str("{\"type\":\"");
    match &schedule.shape {
        Shape::Fixed { quantity } => {
            out.push_str("fixed\"");
            write_member("quantity", Some(*quantity), out);
        }
        Shape::Step { points } => {
            out.push_str("step\",\"points\":[");
            for (index, StepPoint { price, quantity }) in points.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write!(out, "[\"{price}\",\"{quantity}\"]").expect("a string takes everything");
            }
            out.push(']');
        }
        Shape::Linear(curve) => write_curve("linear", curve, out),
        Shape::Exponential(curve) => write_curve("exponential", curve, out),
        Shape::Logarithmic(curve) => write_curve("logarithmic", curve, out),
        Shape::Power { max_quantity, saturation_price, exponent } => {
            out.push_str("power\"");
            write_member("max_quantity", Some(*max_quantity), out);
            write_member("saturation_price", Some(*saturation_price), out);
            write_member("exponent", Some(*exponent), out);
        }
    }
    write_member("price_floor", schedule.price_floor, out);
    write_member("price_ceiling", schedule.price_ceiling, out);
    out.push('}');
}

fn write_curve(word: &str, curve: &Curve, out: &mut String) {
    out.push_str(word);
    out.push('"');
    write_member("base_quantity", Some(curve.base_quantity), out);
    write_member("elasticity_factor", Some(curve.elasticity_factor), out);
    write_member("reference_price", curve.reference_price, out);
}

fn write_member(key: &str, value: Option<Decimal>, out: &mut String) {
    if let Some(value) = value {
        write!(out, ",\"{key}\":\"{value}\"").expect("a string takes everything");
    }
}
