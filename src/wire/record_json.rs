//! A command of the log as JSON, for people and scripts that read `walras log dump`.
//! Prices and quantities stand in ticks and lots, as the record has them.

use serde_json::{Value, json};

use crate::engine::{BidRef, CloseReason, Command, SettlementStep, SubmitBid};

/// The command's kind and fields.
pub fn command_json(command: &Command) -> Value {
    match command {
        Command::CreateAuction(create) => json!({
            "kind": "create_auction",
            "auction_id": create.auction.0,
            "creator": &*create.creator.0,
            "terms": serde_json::from_str::<Value>(&create.terms_json).unwrap_or(Value::Null),
            "idempotency_key": create.idempotency_key.as_deref(),
        }),
        Command::SubmitBid(bid) => with_kind("submit_bid", bid_json(bid)),
        Command::SubmitBids(bids) => {
            json!({ "kind": "submit_bids", "bids": bids.iter().map(bid_json).collect::<Vec<_>>() })
        }
        Command::CancelBid(cancel) => with_kind(
            "cancel_bid",
            json!({ "bid": bid_ref_json(&cancel.bid), "party": &*cancel.party.0,
                "received_at_us": cancel.received_at_us }),
        ),
        Command::AmendBid(amend) => with_kind(
            "amend_bid",
            json!({ "bid": bid_ref_json(&amend.bid), "party": &*amend.party.0,
                "quantity_lots": amend.quantity.map(|quantity| quantity.0),
                "price_ticks": amend.price.map(|price| price.0), "received_at_us": amend.received_at_us }),
        ),
        Command::CancelAll { party, auction } => {
            json!({ "kind": "cancel_all", "party": &*party.0, "auction_id": auction.map(|auction| auction.0) })
        }
        Command::OpenAuction { auction } => json!({ "kind": "open_auction", "auction_id": auction.0 }),
        Command::CloseAuction { auction, reason, settlement } => json!({
            "kind": "close_auction", "auction_id": auction.0, "settlement_id": settlement.0,
            "reason": match reason { CloseReason::Schedule => "schedule", CloseReason::Operator => "operator" },
        }),
        Command::CancelAuction { auction, reason } => {
            json!({ "kind": "cancel_auction", "auction_id": auction.0, "reason": &**reason })
        }
        Command::HaltAuction { auction, reason } => {
            json!({ "kind": "halt_auction", "auction_id": auction.0, "reason": &**reason })
        }
        Command::ResumeAuction { auction } => json!({ "kind": "resume_auction", "auction_id": auction.0 }),
        Command::ExtendForOutage { auction, outage_ms } => {
            json!({ "kind": "extend_for_outage", "auction_id": auction.0, "outage_ms": outage_ms })
        }
        Command::PutPrices { token, payload } => {
            json!({ "kind": "put_prices", "token": &**token, "payload": &**payload })
        }
        Command::PutOrderBook { token_pair, payload } => {
            json!({ "kind": "put_order_book", "token_pair": &**token_pair, "payload": &**payload })
        }
        Command::AffirmSettlement(affirm) => json!({
            "kind": "affirm_settlement", "settlement_id": affirm.settlement.0, "party": &*affirm.party.0,
            "hash": hex(&affirm.hash), "agree": affirm.agree, "reason": affirm.reason.as_deref(),
        }),
        Command::ExecuteSettlement { auction } => {
            json!({ "kind": "execute_settlement", "auction_id": auction.0 })
        }
        Command::ReportSettlement(report) => json!({
            "kind": "report_settlement", "settlement_id": report.settlement.0, "step": step_word(report.step),
            "ok": report.ok, "gas_used": report.gas_used, "reason": report.reason.as_deref(),
            "execution_path": report.execution_path.iter().map(|step| &**step).collect::<Vec<_>>(),
        }),
        Command::SettlementDeadline { settlement, number } => {
            json!({ "kind": "settlement_deadline", "settlement_id": settlement.0, "number": number })
        }
    }
}

fn with_kind(kind: &str, mut fields: Value) -> Value {
    fields["kind"] = kind.into();
    fields
}

fn bid_json(bid: &SubmitBid) -> Value {
    json!({
        "auction_id": bid.auction.0, "bid_id": bid.bid.0, "party": &*bid.party.0, "salt": hex(&bid.salt),
        "quantity_lots": bid.quantity.0, "price_ticks": bid.price.map(|price| price.0),
        "client_bid_id": bid.client_bid_id.as_deref(), "is_marginal": bid.is_marginal,
        "is_phantom": bid.is_phantom, "received_at_us": bid.received_at_us,
    })
}

fn bid_ref_json(bid: &BidRef) -> Value {
    match bid {
        BidRef::Id(id) => json!({ "bid_id": id.0 }),
        BidRef::Client { auction, client_bid_id } => {
            json!({ "auction_id": auction.0, "client_bid_id": &**client_bid_id })
        }
    }
}

fn step_word(step: SettlementStep) -> &'static str {
    match step {
        SettlementStep::Prepare => "prepare",
        SettlementStep::Commit => "commit",
        SettlementStep::Abort => "abort",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
