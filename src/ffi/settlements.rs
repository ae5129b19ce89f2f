//! Settlements as an executor in the host's process carries them out, market data, and events of the host's own.

use serde::de::IgnoredAny;

use super::auctions::{party, reason};
use super::engine::Engine;
use super::status::{Fault, WALRAS_BAD_ARGUMENT};
use super::types::walras_id;
use crate::engine::{AffirmSettlement, Command, ReportSettlement, SettlementId, SettlementStep};
use crate::host::Query;
use crate::limits::TEXT_BYTES_MAX;
use crate::wire::decode::Decoder;
use crate::wire::{Grids, Message, encode};

/// The step that holds money and lots.
pub const WALRAS_STEP_PREPARE: u32 = 0;
/// The step that moves them.
pub const WALRAS_STEP_COMMIT: u32 = 1;
/// The step that lets the holds go.
pub const WALRAS_STEP_ABORT: u32 = 2;

/// Longest name of a token or pair, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// Most entries of an execution path.
const PATH_ENTRIES_MAX: usize = 64;
/// Longest event of the host's own, in bytes.
const HOST_EVENT_BYTES_MAX: usize = 60_000;

impl walras_id {
    fn settlement(self) -> SettlementId {
        SettlementId(self.uuid())
    }
}

/// The settlement of an auction, as `GET /v1/auctions/{id}/settlement` gives it.
pub(super) fn settlement(engine: &Engine, auction: walras_id) -> Result<Vec<u8>, Fault> {
    use crate::host::Found;
    let auction = auction.auction();
    engine.enter(|turn| match turn.ask(&Query::Settlement { auction })? {
        Found::Settlement(view) => {
            let grids = turn.engine().slot(auction).map(|slot| Grids::of(turn.engine().terms(slot)));
            let grids = grids.ok_or_else(super::auctions::other_answer)?;
            let mut message = Message::new();
            encode::settlement(&mut message, turn.now(), grids, &view);
            Ok(message.payload().to_vec())
        }
        _ => Err(super::auctions::other_answer()),
    })?
}

/// Starts a settlement whose terms say so.
pub(super) fn execute(engine: &Engine, auction: walras_id) -> Result<(), Fault> {
    engine.command(Command::ExecuteSettlement { auction: auction.auction() }).map(drop)
}

/// What a participant says.
pub(super) struct Word<'a> {
    pub party: &'a str,
    pub hash: [u8; 32],
    pub agrees: u32,
    pub reason: Option<&'a str>,
}

pub(super) fn affirm(engine: &Engine, settlement: walras_id, word: &Word<'_>) -> Result<(), Fault> {
    let command = Command::AffirmSettlement(AffirmSettlement {
        settlement: settlement.settlement(),
        party: party(word.party)?,
        hash: word.hash,
        agree: yes_or_no(word.agrees)?,
        reason: word.reason.map(reason).transpose()?,
    });
    engine.command(command).map(drop)
}

/// What an executor says of a step.
pub(super) struct Report<'a> {
    pub step: u32,
    pub is_done: u32,
    pub gas_used: u64,
    /// A JSON array of texts.
    pub path: Option<&'a str>,
    pub reason: Option<&'a str>,
}

pub(super) fn report(engine: &Engine, settlement: walras_id, report: &Report<'_>) -> Result<(), Fault> {
    let step = match report.step {
        WALRAS_STEP_PREPARE => SettlementStep::Prepare,
        WALRAS_STEP_COMMIT => SettlementStep::Commit,
        WALRAS_STEP_ABORT => SettlementStep::Abort,
        _ => return Err(Fault::new(WALRAS_BAD_ARGUMENT, "this is no step of a settlement")),
    };
    let path: Vec<String> = match report.path {
        None => Vec::new(),
        Some(json) => serde_json::from_str(json).map_err(|why| Fault::invalid("execution_path", why))?,
    };
    if path.len() > PATH_ENTRIES_MAX || path.iter().any(|entry| entry.len() > TEXT_BYTES_MAX) {
        let why = format!("must have at most {PATH_ENTRIES_MAX} entries of {TEXT_BYTES_MAX} bytes");
        return Err(Fault::invalid("execution_path", why));
    }
    let command = Command::ReportSettlement(ReportSettlement {
        settlement: settlement.settlement(),
        step,
        ok: yes_or_no(report.is_done)?,
        gas_used: report.gas_used,
        execution_path: path.into_iter().map(Into::into).collect(),
        reason: report.reason.map(reason).transpose()?,
    });
    engine.command(command).map(drop)
}

fn yes_or_no(number: u32) -> Result<bool, Fault> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Fault::new(WALRAS_BAD_ARGUMENT, "yes or no must be 1 or 0")),
    }
}

pub(super) fn put_prices(engine: &Engine, token: &str, json: &str) -> Result<(), Fault> {
    check_name("token", token)?;
    let now = engine.host.clock().now();
    let payload = Decoder::new().decode_prices(token, json.as_bytes(), now)?;
    engine.command(Command::PutPrices { token: token.into(), payload: payload.into() }).map(drop)
}

pub(super) fn put_order_book(engine: &Engine, token_pair: &str, json: &str) -> Result<(), Fault> {
    check_name("token_pair", token_pair)?;
    let now = engine.host.clock().now();
    let payload = Decoder::new().decode_order_book(token_pair, json.as_bytes(), now)?;
    let command = Command::PutOrderBook { token_pair: token_pair.into(), payload: payload.into() };
    engine.command(command).map(drop)
}

fn check_name(field: &str, name: &str) -> Result<(), Fault> {
    if (1..=NAME_BYTES_MAX).contains(&name.len()) {
        return Ok(());
    }
    Err(Fault::invalid(field, format!("must be 1 to {NAME_BYTES_MAX} bytes long")))
}

/// Gives a JSON value of the host's own a place in the order that subscribers see.
pub(super) fn publish(engine: &Engine, json: &str) -> Result<(), Fault> {
    let json = json.trim();
    let _: IgnoredAny = serde_json::from_str(json).map_err(|why| Fault::invalid("the event", why))?;
    if json.len() > HOST_EVENT_BYTES_MAX {
        return Err(Fault::invalid(
            "the event",
            format!("must be at most {HOST_EVENT_BYTES_MAX} bytes long"),
        ));
    }
    engine.enter(|turn| turn.announce(json))
}
