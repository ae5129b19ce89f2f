//! Every server message with the guide's facts, ids and clock, as one connection gets it.
//! The guide's tests and the protocol document's read the same ones.
#![allow(dead_code, reason = "each test that includes this file uses its own part of it")]

use uuid::Uuid;
use walras::engine::{
    AcceptedBid, Allocation, AuctionId, AuctionInfo, AuctionSlot, AuctionState, AuctionStatus, BidFact,
    BidId, BidStatus, BidView, CancelReason, CloseReason, LiveBid, Party, PartyKey, Rejection, ResultSummary,
    SettlementChange, SettlementFact, SettlementId, SettlementPhase, SettlementStep, Standing,
};
use walras::units::{Grid, Money, PriceTicks, QuantityLots, TimeUs};
use walras::wire::decode::{ClientBody, ClientTime, Decoder, read_bid};
use walras::wire::encode::{self, AuctionWord, Place, Replay, Shown};
use walras::wire::{Channel, EndedAuction, Grids, Message, Refusal, SessionRefusal, correlation};

pub const AUCTION: Uuid = Uuid::from_u128(0x550e8400_e29b_41d4_a716_446655440000);
pub const BID: Uuid = Uuid::from_u128(0x660e8400_e29b_41d4_a716_446655440001);
const SECOND_BID: Uuid = Uuid::from_u128(0x660e8400_e29b_41d4_a716_446655440003);
const SETTLEMENT: Uuid = Uuid::from_u128(0x770e8400_e29b_41d4_a716_446655440002);
const CLIENT: Uuid = Uuid::from_u128(0x550e8400_e29b_41d4_a716_446655440000);
const CONNECTION: Uuid = Uuid::from_u128(0x880e8400_e29b_41d4_a716_446655440004);
const CORRELATION: &str = "aa0e8400-e29b-41d4-a716-446655440005";
const EPOCH: &str = "6f1c2a9e";
/// 2024-01-01T00:00:00Z.
const NEW_YEAR_US: i64 = 1_704_067_200_000_000;

/// The labels of all examples: a message's type, and behind a point what is special about it.
pub const LABELS: [&str; 46] = [
    "auth_success",
    "auth_failure",
    "auth_expiring",
    "subscribed",
    "subscribed.resumed",
    "unsubscribed",
    "unsubscribed.completed",
    "subscriptions",
    "auction_created",
    "auction_update",
    "auction_complete",
    "auction_complete.own",
    "auction_complete.unsold",
    "auction_cancelled",
    "auction_info",
    "new_bid",
    "new_bid.replayed",
    "new_bid.market",
    "bids_snapshot",
    "bid_accepted",
    "bid_accepted.duplicate",
    "bid_rejected",
    "bid_rejected.off_grid",
    "bid_cancelled",
    "bid_cancelled.owner",
    "bid_amended",
    "bid_amended.owner",
    "bids_cancelled",
    "bids_result",
    "bid",
    "bids",
    "settlement_started",
    "settlement_progress",
    "settlement_complete",
    "settlement_failed",
    "settlement_request",
    "settlement_affirmed",
    "price_update",
    "order_book_update",
    "cancel_on_disconnect",
    "ping",
    "pong",
    "server_notice",
    "error",
    "error.invalid",
    "rate_limit",
];

/// The example of that label; panics if there is none.
pub fn server(label: &str) -> String {
    let mut message = Message::new();
    let mut extra = Vec::new();
    let written = connection(label, &mut message, &mut extra)
        || of_auction(label, &mut message)
        || of_bid(label, &mut message)
        || of_settlement(label, &mut message)
        || of_market(label, &mut message);
    assert!(written, "there is no example {label}");
    let mut out = Vec::new();
    message.finish(sequence(label), &extra, &mut out);
    String::from_utf8(out).expect("messages are UTF-8")
}

/// The guide numbers three of its messages; the others follow.
fn sequence(label: &str) -> u64 {
    match label {
        "auth_success" | "auth_failure" => 1,
        "auction_update" => 42,
        "new_bid" => 43,
        "settlement_progress" => 44,
        _ => 45,
    }
}

fn grids() -> Grids {
    let grid = |step| Grid::parse(step).expect("a grid");
    Grids { tick: grid("0.01"), lot: grid("0.000001") }
}

fn after_new_year(seconds: i64) -> TimeUs {
    TimeUs(NEW_YEAR_US + seconds * 1_000_000)
}

fn place(offset: u64, seconds: i64) -> Place {
    Place { auction: AuctionId(AUCTION), offset, at: after_new_year(seconds), replay: Replay::Live }
}

fn lots(units: i64) -> QuantityLots {
    QuantityLots(units * 1_000_000)
}

fn money(units: i128) -> Money {
    Money(units * 100_000_000)
}

fn state(status: AuctionStatus, seconds: i64) -> AuctionState {
    AuctionState {
        auction: AuctionId(AUCTION),
        status,
        current_price: PriceTicks(4850),
        total_bids: 127,
        total_quantity: lots(15_000),
        supply_available: lots(10_000),
        ends_at: Some(after_new_year(60)),
        at: after_new_year(seconds),
        offset: 128,
        matched: lots(10_000),
        imbalance: i128::from(lots(5_000).0),
        marginal: (lots(100), lots(300)),
        phantom_bids: 0,
    }
}

fn bid() -> BidFact {
    BidFact {
        bid: BidId(BID),
        party: PartyKey(1),
        client_bid_id: Some("desk-7:0042".into()),
        quantity: lots(100),
        price: Some(PriceTicks(5200)),
        is_marginal: false,
        is_phantom: false,
        current_price: PriceTicks(4850),
        standing: Standing::Above,
    }
}

fn accepted(duplicate: bool) -> AcceptedBid {
    AcceptedBid {
        auction: AuctionId(AUCTION),
        slot: AuctionSlot(0),
        bid: bid(),
        at: after_new_year(31),
        offset: 129,
        status: if duplicate { BidStatus::Filled } else { BidStatus::Pending },
        duplicate,
    }
}

fn result() -> ResultSummary {
    ResultSummary {
        clearing_price: Some(PriceTicks(4850)),
        total_allocated: lots(10_000),
        total_bids: 127,
        total_quantity: lots(15_000),
        total_revenue: money(485_000),
    }
}

fn view() -> BidView {
    BidView {
        auction: AuctionId(AUCTION),
        bid: bid(),
        status: BidStatus::Filled,
        filled: lots(100),
        payment: money(4850),
        at_margin: Some(false),
        at: after_new_year(31),
        offset: 129,
    }
}

fn settlement(phase: SettlementPhase, agreed: u32) -> SettlementFact {
    SettlementFact {
        settlement: SettlementId(SETTLEMENT),
        change: SettlementChange::Progressed,
        phase,
        participants_agreed: agreed,
        participants_total: 10,
        estimated_completion: Some(after_new_year(75)),
        hash: [0x5e; 32],
    }
}

fn connection(label: &str, message: &mut Message, extra: &mut Vec<u8>) -> bool {
    let start = after_new_year(0);
    match label {
        "auth_success" => {
            let limits = encode::Limits {
                messages_per_second: Some(100),
                subscriptions: Some(50),
                connections: Some(10),
            };
            let success = encode::AuthSuccess {
                client_id: CLIENT,
                permissions: &["read", "write", "subscribe"],
                connection_id: CONNECTION,
                expires_at: Some(after_new_year(3600)),
                heartbeat_interval_ms: 30_000,
                limits,
            };
            encode::auth_success(message, start, &success);
        }
        "auth_failure" => encode::auth_failure(message, start, "Invalid token"),
        "auth_expiring" => encode::auth_expiring(message, after_new_year(3540), after_new_year(3600)),
        "subscribed" | "subscribed.resumed" => {
            let recovered = (label == "subscribed.resumed").then_some(encode::Recovered::All);
            let subscribed = encode::Subscribed {
                channel: Channel::Bids,
                auction: AuctionWord::Id(AuctionId(AUCTION)),
                recovered,
                epoch: EPOCH,
                offset: Some(128),
            };
            encode::subscribed(message, after_new_year(30), &subscribed);
        }
        "unsubscribed" => {
            let reason = encode::UnsubscribeReason::Requested;
            let word = AuctionWord::Id(AuctionId(AUCTION));
            encode::unsubscribed(message, after_new_year(40), Channel::Bids, word, reason);
        }
        "unsubscribed.completed" => {
            let reason = encode::UnsubscribeReason::AuctionCompleted;
            let word = AuctionWord::Id(AuctionId(AUCTION));
            encode::unsubscribed(message, after_new_year(60), Channel::Auction, word, reason);
        }
        "subscriptions" => {
            let bids = encode::SubscriptionOptions {
                include_own: Some(true),
                min_quantity: Some("100"),
                ..Default::default()
            };
            let auction = encode::SubscriptionOptions { interval_ms: Some(100), ..Default::default() };
            let of = |channel, auction, options| encode::Subscription { channel, auction, options };
            let all = [
                of(Channel::Bids, AuctionWord::Id(AuctionId(AUCTION)), bids),
                of(Channel::Auction, AuctionWord::All, auction),
            ];
            encode::subscriptions(message, after_new_year(40), all);
        }
        "cancel_on_disconnect" => encode::cancel_on_disconnect(message, start, Some(5000)),
        "ping" => encode::ping(message, after_new_year(30)),
        "pong" => {
            let client_time = Some(ClientTime::Text("2024-01-01T00:00:29.900Z"));
            encode::pong(message, after_new_year(30), client_time);
        }
        "server_notice" => {
            let notice = encode::ServerNotice::Draining { reconnect_in_ms: 2000 };
            encode::server_notice(message, after_new_year(50), notice);
        }
        "error" => {
            let ended = EndedAuction {
                auction: AuctionId(AUCTION),
                status: AuctionStatus::Completed,
                result: Some(result()),
                ended_at: after_new_year(60),
                grids: grids(),
            };
            let refusal = Refusal::of_session(&SessionRefusal::AuctionOver(&ended));
            encode::error(message, after_new_year(61), &refusal);
            correlation(CORRELATION, extra);
        }
        "error.invalid" => {
            let text = r#"{"type":"submit_bid","auction_id":"x","payload":{"quantity":1,"price":null,"client_bid_id":"b"}}"#;
            let mut decoder = Decoder::new();
            let error = decoder.decode(text.as_bytes()).expect_err("the price is missing");
            encode::error(message, after_new_year(31), &Refusal::of_decode(&error));
            correlation(CORRELATION, extra);
        }
        "rate_limit" => encode::rate_limit(message, after_new_year(31), 1000, None),
        _ => return false,
    }
    true
}

fn of_auction(label: &str, message: &mut Message) -> bool {
    match label {
        "auction_created" => {
            let empty = AuctionState {
                current_price: PriceTicks(1000),
                total_bids: 0,
                total_quantity: lots(0),
                offset: 1,
                matched: lots(0),
                imbalance: -i128::from(lots(10_000).0),
                marginal: (lots(0), lots(0)),
                ..state(AuctionStatus::Active, 0)
            };
            encode::auction_created(message, &place(1, 0), grids(), &empty);
        }
        "auction_update" => {
            encode::auction_update(
                message,
                grids(),
                &state(AuctionStatus::Active, 30),
                Some(PriceTicks(4851)),
            );
        }
        "auction_complete" | "auction_complete.own" | "auction_complete.unsold" => complete(label, message),
        "auction_cancelled" => {
            let reason = CancelReason::Operator("the goods were withdrawn".into());
            encode::auction_cancelled(message, &place(130, 40), &reason);
        }
        "auction_info" => {
            let terms = r#"{"tick_size":"0.01","lot_size":"0.000001"}"#;
            let info = AuctionInfo {
                slot: AuctionSlot(0),
                state: state(AuctionStatus::Active, 30),
                terms_json: terms.into(),
                creator: Party("operator-1".into()),
                created_at: after_new_year(0),
            };
            encode::auction_info(message, grids(), &info, encode::TermsShown::IfTheyFit);
        }
        _ => return false,
    }
    true
}

fn complete(label: &str, message: &mut Message) {
    let own = [Allocation {
        bid: BidId(BID),
        party: Party("alice".into()),
        client_bid_id: Some("desk-7:0042".into()),
        filled: lots(100),
        payment: money(4850),
        at_margin: false,
    }];
    let unsold = ResultSummary {
        clearing_price: None,
        total_allocated: lots(0),
        total_bids: 0,
        total_quantity: lots(0),
        total_revenue: Money(0),
    };
    let completed = encode::CompletedAuction {
        result: if label == "auction_complete.unsold" { &unsold } else { &result() },
        reason: CloseReason::Schedule,
        terms_hash: &[0xa1; 32],
        log_head: (label != "auction_complete.unsold").then_some(&[0xb2; 32]),
        own: (label == "auction_complete.own")
            .then_some(encode::OwnAllocations { allocations: &own, more: false }),
    };
    encode::auction_complete(message, &place(130, 60), grids(), &completed);
}

fn of_bid(label: &str, message: &mut Message) -> bool {
    let (now, here, grids) = (after_new_year(31), place(129, 31), grids());
    match label {
        "new_bid" => encode::new_bid(message, &here, grids, &bid()),
        "new_bid.replayed" => {
            encode::new_bid(message, &Place { replay: Replay::Replayed, ..here }, grids, &bid());
        }
        "new_bid.market" => {
            encode::new_bid(message, &here, grids, &BidFact { price: None, ..bid() });
        }
        "bids_snapshot" => {
            let part =
                encode::SnapshotPart { auction: here.auction, index: 0, is_last: true, offset: 129, at: now };
            let live = |id, price, offset| LiveBid {
                bid: BidId(id),
                quantity: lots(100),
                price: Some(PriceTicks(price)),
                is_phantom: false,
                at: now,
                offset,
            };
            let bids = [live(SECOND_BID, 4850, 128), live(BID, 5200, 129)];
            encode::bids_snapshot(message, &part, grids, &bids);
        }
        "bid_accepted" => encode::bid_accepted(message, grids, &accepted(false), Replay::Live),
        "bid_accepted.duplicate" => encode::bid_accepted(message, grids, &accepted(true), Replay::Live),
        "bid_rejected" => {
            let low = Rejection::BidTooLow { price: PriceTicks(900), reserve: PriceTicks(1000) };
            let refusal = Refusal::of_rejection(&low, Some(grids));
            encode::bid_rejected(message, now, &rejected(&refusal, 900));
        }
        "bid_rejected.off_grid" => off_grid(message),
        "bid_cancelled" | "bid_cancelled.owner" => {
            let client_bid_id = (label == "bid_cancelled.owner").then_some("desk-7:0042");
            let cancelled = encode::BidCancellation { bid: BidId(BID), client_bid_id };
            encode::bid_cancelled(message, &place(130, 35), &cancelled);
        }
        "bid_amended" | "bid_amended.owner" => {
            let shown = if label == "bid_amended" { Shown::Public } else { Shown::Owner };
            let bid = BidFact { quantity: lots(80), ..bid() };
            let amendment = encode::BidAmendment { bid: &bid, priority_kept: true, shown };
            encode::bid_amended(message, &place(130, 35), grids, &amendment);
        }
        "bids_cancelled" => encode::bids_cancelled(message, now, &[BidId(SECOND_BID), BidId(BID)]),
        "bids_result" => {
            let limit = Refusal::of_rejection(&Rejection::BidLimit { max: 100 }, Some(grids));
            let limited = rejected(&limit, 5200);
            let entries = [
                encode::BatchEntry::Accepted(&accepted(false), grids),
                encode::BatchEntry::Rejected(&limited),
            ];
            encode::bids_result(message, now, here.auction, entries);
        }
        "bid" => encode::bid(message, after_new_year(61), grids, &view()),
        "bids" => encode::bids(message, after_new_year(61), here.auction, grids, (&[view()], None)),
        _ => return false,
    }
    true
}

fn rejected(refusal: &Refusal, price: i64) -> encode::RejectedBid<'_> {
    encode::RejectedBid {
        auction: AuctionId(AUCTION),
        client_bid_id: Some("desk-7:0043"),
        quantity: encode::RejectedValue::Quantity(lots(100), grids()),
        price: encode::RejectedValue::Price(Some(PriceTicks(price)), grids()),
        refusal,
    }
}

fn off_grid(message: &mut Message) {
    let text = r#"{"type":"submit_bid","auction_id":"x","payload":{"quantity":100,"price":50.005}}"#;
    let mut decoder = Decoder::new();
    let ClientBody::SubmitBid { bid, .. } = decoder.decode(text.as_bytes()).expect("a message").body else {
        panic!("a bid")
    };
    let unreadable = read_bid(&bid, grids()).expect_err("half a tick");
    let refusal = Refusal::invalid_bid(unreadable.message.to_string(), &unreadable.details);
    let rejected = encode::RejectedBid {
        client_bid_id: None,
        quantity: encode::RejectedValue::Json(&unreadable.quantity),
        price: encode::RejectedValue::Json(&unreadable.price),
        ..rejected(&refusal, 0)
    };
    encode::bid_rejected(message, after_new_year(31), &rejected);
}

fn of_settlement(label: &str, message: &mut Message) -> bool {
    match label {
        "settlement_started" => {
            encode::settlement_started(message, &place(131, 60), &settlement(SettlementPhase::Consensus, 0));
        }
        "settlement_progress" => {
            encode::settlement_progress(message, &place(132, 60), &settlement(SettlementPhase::Consensus, 7));
        }
        "settlement_complete" => {
            let completed = encode::CompletedSettlement {
                result: &result(),
                gas_used: 0,
                execution_path: &["ledger".into()],
            };
            let fact = settlement(SettlementPhase::Complete, 10);
            encode::settlement_complete(message, &place(135, 75), grids(), &fact, &completed);
        }
        "settlement_failed" => {
            let fact = settlement(SettlementPhase::RolledBack, 10);
            encode::settlement_failed(message, &place(135, 75), &fact, "the custodian refused");
        }
        "settlement_request" => {
            let request =
                encode::StepRequest { step: SettlementStep::Prepare, attempt: 1, due: after_new_year(90) };
            encode::settlement_request(
                message,
                &place(133, 70),
                &settlement(SettlementPhase::Reserve, 10),
                &request,
            );
        }
        "settlement_affirmed" => {
            let affirmation = encode::Affirmation { settlement: SettlementId(SETTLEMENT), agree: true };
            encode::settlement_affirmed(message, after_new_year(62), affirmation);
        }
        _ => return false,
    }
    true
}

fn of_market(label: &str, message: &mut Message) -> bool {
    let now = after_new_year(30);
    let mut decoder = Decoder::new();
    match label {
        "price_update" => {
            let body = br#"{"prices":{"usd":2500,"eur":2300.5},"24h_change":-1.25}"#;
            let payload = decoder.decode_prices("ETH", body, now).expect("prices");
            encode::price_update(message, now, &payload);
        }
        "order_book_update" => {
            let body =
                br#"{"bids":[{"price":2499.5,"quantity":2}],"asks":[{"price":2500.5,"quantity":1.5}]}"#;
            let payload = decoder.decode_order_book("ETH-USD", body, now).expect("a book");
            encode::order_book_update(message, now, &payload);
        }
        _ => return false,
    }
    true
}
