//! The terms of an auction in the engine's binary form.

use super::bytes::{BytesError, Read, Reader, Writer};
use super::terms::{End, Executor, OnOutage, SettlementStart, SettlementTerms, Terms, TimeoutPolicy};
use crate::clearing::{
    self, Allocation, AwardLimit, Curve, MoneyTerm, PriceRule, Schedule, Shape, StepPoint, Supply,
    Undersubscribed,
};
use crate::units::{Grid, TimeUs};

/// Grows whenever the form changes.
const FORMAT: u32 = 1;

const PRICE_RULES: [PriceRule; 4] = [PriceRule::Lab, PriceRule::Hrb, PriceRule::Mid, PriceRule::PayAsBid];
const UNDERSUBSCRIBED: [Undersubscribed; 3] =
    [Undersubscribed::Reserve, Undersubscribed::LowestBid, Undersubscribed::Cancel];
const ALLOCATIONS: [Allocation; 5] = [
    Allocation::ProRata,
    Allocation::PriceTime,
    Allocation::SizeTime,
    Allocation::ProRataDemand,
    Allocation::Treasury,
];
const ON_OUTAGE: [OnOutage; 3] = [OnOutage::Extend, OnOutage::Close, OnOutage::Cancel];
const POLICIES: [TimeoutPolicy; 2] = [TimeoutPolicy::Affirm, TimeoutPolicy::Fail];
const EXECUTORS: [Executor; 2] = [Executor::Ledger, Executor::Host];
const STARTS: [SettlementStart; 2] = [SettlementStart::Auto, SettlementStart::Manual];

impl Terms {
    /// Appends the terms in a binary form that [`Terms::from_bytes`] reads: complete, canonical, versioned.
    pub fn to_bytes(&self, out: &mut Vec<u8>) {
        let out = &mut Writer(out);
        out.u32(FORMAT);
        out.decimal(self.tick.step());
        out.decimal(self.lot.step());
        write_sale(out, &self.sale);
        out.option(self.name.as_deref(), |out, name| out.text(name));
        out.option(self.metadata.as_deref(), |out, metadata| out.text(metadata));
        out.party(&self.seller);
        out.option(self.starts_at, Writer::time);
        match self.end {
            End::Open => out.byte(0),
            End::After { duration_ms } => {
                out.byte(1);
                out.u64(duration_ms);
            }
            End::At(moment) => {
                out.byte(2);
                out.time(moment);
            }
        }
        out.u64(self.lock_ms);
        out.u64(self.extend_window_ms);
        out.u64(self.extend_ms);
        out.u32(self.max_extensions);
        out.choice(&ON_OUTAGE, &self.on_outage);
        out.u32(self.max_bids_per_bidder);
        out.flag(self.allow_price_takers);
        out.flag(self.allow_phantom_bids);
        out.flag(self.allow_cancel);
        let settlement = &self.settlement;
        out.option(settlement.participants.as_deref(), |out, parties| out.list(parties, Writer::party));
        out.u32(settlement.quorum_ppm);
        out.u64(settlement.affirm_timeout_ms);
        out.choice(&POLICIES, &settlement.timeout_policy);
        out.choice(&EXECUTORS, &settlement.executor);
        out.choice(&STARTS, &settlement.start);
        out.u32(self.rules_version);
    }

    /// Reads what [`Terms::to_bytes`] wrote, and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BytesError> {
        let mut input = Reader(bytes);
        let terms = Self::read(&mut input)?;
        input.finish()?;
        Ok(terms)
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Read<Self> {
        match input.u32()? {
            FORMAT => {}
            found => return Err(BytesError::Format { found }),
        }
        let (tick, lot) = (input.grid()?, input.grid()?);
        Ok(Self {
            tick,
            lot,
            sale: read_sale(input, tick, lot)?,
            name: input.option(Reader::text)?,
            metadata: input.option(Reader::text)?,
            seller: input.party()?,
            starts_at: input.option(Reader::time)?,
            end: read_end(input)?,
            lock_ms: input.u64()?,
            extend_window_ms: input.u64()?,
            extend_ms: input.u64()?,
            max_extensions: input.u32()?,
            on_outage: input.choice(&ON_OUTAGE, "on_outage")?,
            max_bids_per_bidder: input.u32()?,
            allow_price_takers: input.flag()?,
            allow_phantom_bids: input.flag()?,
            allow_cancel: input.flag()?,
            settlement: SettlementTerms {
                participants: input.option(|input| input.list(4, Reader::party))?,
                quorum_ppm: input.u32()?,
                affirm_timeout_ms: input.u64()?,
                timeout_policy: input.choice(&POLICIES, "timeout_policy")?,
                executor: input.choice(&EXECUTORS, "executor")?,
                start: input.choice(&STARTS, "settlement.start")?,
            },
            rules_version: input.u32()?,
        })
    }
}

fn read_end(input: &mut Reader<'_>) -> Read<End> {
    Ok(match input.byte()? {
        0 => End::Open,
        1 => End::After { duration_ms: input.u64()? },
        2 => End::At(TimeUs(input.i64()?)),
        _ => return Err(BytesError::Wrong { what: "the end" }),
    })
}

fn write_sale(out: &mut Writer<'_>, sale: &clearing::Terms) {
    out.i64(sale.reserve.0);
    write_schedule(out, sale.supply.schedule());
    out.choice(&PRICE_RULES, &sale.price_rule);
    out.choice(&UNDERSUBSCRIBED, &sale.undersubscribed);
    out.choice(&ALLOCATIONS, &sale.allocation);
    out.flag(sale.allow_partial_fills);
    out.option(sale.max_quantity_per_bidder, |out, lots| out.i64(lots.0));
    out.option(sale.max_award, |out, limit| {
        out.decimal(limit.fraction);
        out.i64(limit.lots.0);
    });
    out.count(sale.net_long.len());
    for (bidder, lots) in &sale.net_long {
        out.u32(*bidder);
        out.i64(lots.0);
    }
    for lots in [sale.min_bid_quantity, sale.award_multiple, sale.award_minimum] {
        out.option(lots, |out, lots| out.i64(lots.0));
    }
    for money in [sale.min_revenue, sale.money_unit] {
        out.option(money, |out, money| out.decimal(money.stated));
    }
}

fn read_sale(input: &mut Reader<'_>, tick: Grid, lot: Grid) -> Read<clearing::Terms> {
    let reserve = input.price()?;
    let supply = Supply::new(read_schedule(input)?, tick, lot);
    let mut sale =
        clearing::Terms::new(reserve, supply.map_err(|_| BytesError::Wrong { what: "the supply" })?);
    sale.price_rule = input.choice(&PRICE_RULES, "price_rule")?;
    sale.undersubscribed = input.choice(&UNDERSUBSCRIBED, "undersubscribed")?;
    sale.allocation = input.choice(&ALLOCATIONS, "allocation")?;
    sale.allow_partial_fills = input.flag()?;
    sale.max_quantity_per_bidder = input.option(Reader::lots)?;
    sale.max_award =
        input.option(|input| Ok(AwardLimit { fraction: input.decimal()?, lots: input.lots()? }))?;
    sale.net_long = input.list(12, |input| Ok((input.u32()?, input.lots()?)))?.into_iter().collect();
    sale.min_bid_quantity = input.option(Reader::lots)?;
    sale.award_multiple = input.option(Reader::lots)?;
    sale.award_minimum = input.option(Reader::lots)?;
    let money = |input: &mut Reader<'_>| {
        MoneyTerm::new(input.decimal()?, tick.times(lot)).ok_or(BytesError::Wrong { what: "an amount" })
    };
    sale.min_revenue = input.option(money)?;
    sale.money_unit = input.option(money)?;
    Ok(sale)
}

fn write_schedule(out: &mut Writer<'_>, schedule: &Schedule) {
    let curve = |out: &mut Writer<'_>, number: u8, curve: &Curve| {
        out.byte(number);
        out.decimal(curve.base_quantity);
        out.decimal(curve.elasticity_factor);
        out.option(curve.reference_price, Writer::decimal);
    };
    match &schedule.shape {
        Shape::Fixed { quantity } => {
            out.byte(0);
            out.decimal(*quantity);
        }
        Shape::Step { points } => {
            out.byte(1);
            out.list(points, |out, point| {
                out.decimal(point.price);
                out.decimal(point.quantity);
            });
        }
        Shape::Linear(numbers) => curve(out, 2, numbers),
        Shape::Exponential(numbers) => curve(out, 3, numbers),
        Shape::Logarithmic(numbers) => curve(out, 4, numbers),
        Shape::Power { max_quantity, saturation_price, exponent } => {
            out.byte(5);
            out.decimal(*max_quantity);
            out.decimal(*saturation_price);
            out.decimal(*exponent);
        }
    }
    out.option(schedule.price_floor, Writer::decimal);
    out.option(schedule.price_ceiling, Writer::decimal);
}

fn read_schedule(input: &mut Reader<'_>) -> Read<Schedule> {
    let number = input.byte()?;
    let shape = match number {
        0 => Shape::Fixed { quantity: input.decimal()? },
        1 => Shape::Step {
            points: input
                .list(40, |input| Ok(StepPoint { price: input.decimal()?, quantity: input.decimal()? }))?,
        },
        2..=4 => {
            let curve = Curve {
                base_quantity: input.decimal()?,
                elasticity_factor: input.decimal()?,
                reference_price: input.option(Reader::decimal)?,
            };
            match number {
                2 => Shape::Linear(curve),
                3 => Shape::Exponential(curve),
                _ => Shape::Logarithmic(curve),
            }
        }
        5 => Shape::Power {
            max_quantity: input.decimal()?,
            saturation_price: input.decimal()?,
            exponent: input.decimal()?,
        },
        _ => return Err(BytesError::Wrong { what: "the supply" }),
    };
    Ok(Schedule {
        shape,
        price_floor: input.option(Reader::decimal)?,
        price_ceiling: input.option(Reader::decimal)?,
    })
}
