//! Records of the log: every command comes back as it was, and what is no record
//! is refused with a reason, whatever its bytes.

use std::sync::Arc;

use proptest::prelude::*;
use uuid::Uuid;
use walras::engine::{
    AffirmSettlement, AmendBid, AuctionId, BidId, BidRef, CancelBid, CloseReason, Command, CreateAuction,
    Party, ReportSettlement, SettlementId, SettlementStep, SubmitBid,
};
use walras::units::{PriceTicks, QuantityLots};
use walras::wire::record::{self, RECORD_VERSION, RecordError};
use walras::wire::terms::{LiveDefaults, parse_live};

fn id() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn auction() -> impl Strategy<Value = AuctionId> {
    id().prop_map(AuctionId)
}

fn settlement() -> impl Strategy<Value = SettlementId> {
    id().prop_map(SettlementId)
}

fn words() -> impl Strategy<Value = Arc<str>> {
    any::<String>().prop_map(Arc::from)
}

fn party() -> impl Strategy<Value = Party> {
    any::<String>().prop_map(|name| Party(name.chars().chain(['.']).take(32).collect::<String>().into()))
}

fn words_opt() -> impl Strategy<Value = Option<Arc<str>>> {
    proptest::option::of(words())
}

fn bid() -> impl Strategy<Value = SubmitBid> {
    let ids = (auction(), party(), id(), any::<[u8; 16]>());
    let numbers = (any::<i64>(), any::<Option<i64>>(), any::<i64>());
    (ids, numbers, words_opt(), any::<(bool, bool)>()).prop_map(|(ids, numbers, client_bid_id, flags)| {
        SubmitBid {
            auction: ids.0,
            party: ids.1,
            bid: BidId(ids.2),
            salt: ids.3,
            quantity: QuantityLots(numbers.0),
            price: numbers.1.map(PriceTicks),
            client_bid_id,
            is_marginal: flags.0,
            is_phantom: flags.1,
            received_at_us: numbers.2,
        }
    })
}

fn bid_ref() -> impl Strategy<Value = BidRef> {
    prop_oneof![
        id().prop_map(|id| BidRef::Id(BidId(id))),
        (auction(), words()).prop_map(|(auction, client_bid_id)| BidRef::Client { auction, client_bid_id }),
    ]
}

fn create() -> impl Strategy<Value = Command> {
    let supply = prop_oneof![
        (1..1_000_000_u32).prop_map(|quantity| format!(r#"{{"type":"fixed","quantity":{quantity}}}"#)),
        (1..1_000_u32, 1..50_u32).prop_map(|(base, more)| format!(
            r#"{{"type":"step","points":[[10,{base}],["20.5",{}]]}}"#,
            base + more
        )),
    ];
    let terms = (supply, 0..5_000_u32, 1..90_000_u32, any::<bool>());
    (auction(), party(), terms, words_opt()).prop_map(|(auction, creator, terms, idempotency_key)| {
        let (supply, reserve, duration_ms, partial) = terms;
        let json = format!(
            r#"{{"supply":{supply},"reserve_price":"{reserve}.25","duration_ms":{duration_ms},"allow_partial_fills":{partial},"name":"a \"b\""}}"#
        );
        let defaults = LiveDefaults { seller: creator.clone() };
        let live = parse_live(json.as_bytes(), &defaults).expect("these are good terms");
        Command::CreateAuction(Box::new(CreateAuction {
            auction,
            creator,
            terms: live.terms,
            terms_json: live.canonical.into(),
            idempotency_key,
        }))
    })
}

fn of_settlements() -> impl Strategy<Value = Command> {
    let step =
        prop_oneof![Just(SettlementStep::Prepare), Just(SettlementStep::Commit), Just(SettlementStep::Abort)];
    let path = proptest::collection::vec(words(), 0..4);
    prop_oneof![
        (settlement(), party(), any::<[u8; 32]>(), any::<bool>(), words_opt()).prop_map(
            |(settlement, party, hash, agree, reason)| Command::AffirmSettlement(AffirmSettlement {
                settlement,
                party,
                hash,
                agree,
                reason
            })
        ),
        auction().prop_map(|auction| Command::ExecuteSettlement { auction }),
        (settlement(), step, any::<bool>(), any::<u64>(), path, words_opt()).prop_map(
            |(settlement, step, ok, gas_used, execution_path, reason)| {
                Command::ReportSettlement(ReportSettlement {
                    settlement,
                    step,
                    ok,
                    gas_used,
                    execution_path,
                    reason,
                })
            }
        ),
        (settlement(), any::<u32>())
            .prop_map(|(settlement, number)| Command::SettlementDeadline { settlement, number }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let reason = prop_oneof![Just(CloseReason::Schedule), Just(CloseReason::Operator)];
    prop_oneof![
        create(),
        bid().prop_map(Command::SubmitBid),
        proptest::collection::vec(bid(), 0..5).prop_map(Command::SubmitBids),
        (bid_ref(), party(), any::<i64>()).prop_map(|(bid, party, received_at_us)| Command::CancelBid(
            CancelBid { bid, party, received_at_us }
        )),
        (bid_ref(), party(), any::<(Option<i64>, Option<i64>, i64)>()).prop_map(|(bid, party, numbers)| {
            Command::AmendBid(AmendBid {
                bid,
                party,
                quantity: numbers.0.map(QuantityLots),
                price: numbers.1.map(PriceTicks),
                received_at_us: numbers.2,
            })
        }),
        (party(), proptest::option::of(auction()))
            .prop_map(|(party, auction)| Command::CancelAll { party, auction }),
        auction().prop_map(|auction| Command::OpenAuction { auction }),
        (auction(), reason, settlement()).prop_map(|(auction, reason, settlement)| Command::CloseAuction {
            auction,
            reason,
            settlement
        }),
        (auction(), words()).prop_map(|(auction, reason)| Command::CancelAuction { auction, reason }),
        (auction(), words()).prop_map(|(auction, reason)| Command::HaltAuction { auction, reason }),
        auction().prop_map(|auction| Command::ResumeAuction { auction }),
        (auction(), any::<u64>())
            .prop_map(|(auction, outage_ms)| Command::ExtendForOutage { auction, outage_ms }),
        (words(), words()).prop_map(|(token, payload)| Command::PutPrices { token, payload }),
        (words(), words()).prop_map(|(token_pair, payload)| Command::PutOrderBook { token_pair, payload }),
        of_settlements(),
    ]
}

fn bytes_of(command: &Command) -> Vec<u8> {
    let mut bytes = Vec::new();
    record::encode(command, &mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_command_comes_back_as_it_was(command in command()) {
        prop_assert_eq!(record::decode(&bytes_of(&command)).expect("a record"), command);
    }

    #[test]
    fn a_record_that_is_cut_short_is_refused(command in command(), cut in any::<prop::sample::Index>()) {
        let bytes = bytes_of(&command);
        prop_assert!(record::decode(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn a_record_with_bytes_left_over_is_refused(command in command(), rest in 1..9_usize) {
        let mut bytes = bytes_of(&command);
        let end = bytes.len();
        bytes.resize(end + rest, 0);
        prop_assert_eq!(record::decode(&bytes), Err(RecordError::Malformed { at: end }));
    }

    #[test]
    fn a_damaged_record_gives_an_error_or_a_command_never_a_panic(
        command in command(),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let mut bytes = bytes_of(&command);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(other) = record::decode(&bytes) {
            // What reads as a command must be written as the same bytes: there is one record per command.
            prop_assert_eq!(bytes_of(&other), bytes);
        }
    }

    #[test]
    fn garbage_behind_a_known_head_never_panics(kind in any::<u8>(), body in any::<Vec<u8>>()) {
        let record = [&[RECORD_VERSION, kind], body.as_slice()].concat();
        if let Err(error) = record::decode(&record) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}

#[test]
fn another_version_and_an_unknown_kind_are_named() {
    assert_eq!(record::decode(&[9, 1]), Err(RecordError::UnknownVersion(9)));
    assert_eq!(record::decode(&[RECORD_VERSION, 200]), Err(RecordError::UnknownKind(200)));
    assert_eq!(record::decode(&[]), Err(RecordError::Truncated { at: 0 }));
}

#[test]
fn a_huge_count_costs_no_memory() {
    // `SubmitBids` with four billion bids announced and none there.
    let record = [&[RECORD_VERSION, 3][..], &u32::MAX.to_le_bytes()].concat();
    assert_eq!(record::decode(&record), Err(RecordError::Truncated { at: 6 }));
}

/// The bytes of one record are part of the format: they may never change within a version.
#[test]
fn the_documented_record_has_the_documented_bytes() {
    let command = Command::SubmitBid(SubmitBid {
        auction: AuctionId(Uuid::from_u128(0x550e8400_e29b_41d4_a716_446655440000)),
        party: Party("alice".into()),
        bid: BidId(Uuid::from_u128(0x660e8400_e29b_41d4_a716_446655440001)),
        salt: [0xab; 16],
        quantity: QuantityLots(100_000_000),
        price: Some(PriceTicks(5000)),
        client_bid_id: Some("a-1".into()),
        is_marginal: false,
        is_phantom: false,
        received_at_us: 1_704_067_231_000_000,
    });
    let hex: String = bytes_of(&command).iter().map(|byte| format!("{byte:02x}")).collect();
    let documented = include_str!("../docs/RECORDS.md");
    let example: String = documented
        .split("```hex\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("the document has an example")
        .lines()
        .map(|line| line.split('#').next().unwrap_or("").split_whitespace().collect::<String>())
        .collect();
    assert_eq!(hex, example);
}
