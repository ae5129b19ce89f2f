//! Encoding `new_bid` and decoding `submit_bid`, beside what serde_json takes for the same.
//! One message each, warm buffers; every answer is checked before it is timed.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use walras::engine::{AcceptedBid, AuctionId, AuctionSlot, BidFact, BidId, BidStatus, PartyKey, Standing};
use walras::units::{Grid, PriceTicks, QuantityLots, TimeUs};
use walras::wire::decode::{ClientBody, Decoder, read_bid};
use walras::wire::encode::{self, Place, Replay};
use walras::wire::{Grids, Message};

const AUCTION: Uuid = Uuid::from_u128(0x550e8400_e29b_41d4_a716_446655440000);
const BID: Uuid = Uuid::from_u128(0x660e8400_e29b_41d4_a716_446655440001);

const NEW_BID: &str = concat!(
    r#"{"type":"new_bid","timestamp":"2024-01-01T00:00:31.250Z","sequence":43,"payload":{"#,
    r#""bid_id":"660e8400-e29b-41d4-a716-446655440001","auction_id":"550e8400-e29b-41d4-a716-446655440000","#,
    r#""quantity":100.0,"price":52.0,"timestamp":"2024-01-01T00:00:31.250Z","is_phantom":false,"#,
    r#""current_price":48.5,"offset":17}}"#
);
const SUBMIT_BID: &str = concat!(
    r#"{"type":"submit_bid","auction_id":"550e8400-e29b-41d4-a716-446655440000","#,
    r#""payload":{"quantity":100.0,"price":50.0,"is_marginal":false}}"#
);

fn grids() -> Grids {
    let grid = |step| Grid::parse(step).expect("a grid");
    Grids { tick: grid("0.01"), lot: grid("0.000001") }
}

fn bid() -> BidFact {
    BidFact {
        bid: BidId(BID),
        party: PartyKey(1),
        client_bid_id: Some("bid-1".into()),
        quantity: QuantityLots(100_000_000),
        price: Some(PriceTicks(5200)),
        is_marginal: false,
        is_phantom: false,
        current_price: PriceTicks(4850),
        standing: Standing::Above,
    }
}

/// The same message as serde sees it.
#[derive(Serialize)]
struct Envelope<'a> {
    r#type: &'a str,
    timestamp: &'a str,
    sequence: u64,
    payload: NewBid<'a>,
}

#[derive(Serialize)]
struct NewBid<'a> {
    bid_id: Uuid36,
    auction_id: Uuid36,
    quantity: f64,
    price: f64,
    timestamp: &'a str,
    is_phantom: bool,
    current_price: f64,
    offset: u64,
}

struct Uuid36(Uuid);

impl Serialize for Uuid36 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.hyphenated().encode_lower(&mut [0; 36]))
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request<'a> {
    SubmitBid { auction_id: &'a str, payload: Payload },
    Ping { timestamp: Option<&'a str> },
}

#[derive(Deserialize)]
struct Payload {
    quantity: f64,
    price: f64,
    #[serde(default)]
    is_marginal: bool,
}

fn encoding(c: &mut Criterion) {
    let (grids, bid) = (grids(), bid());
    let at = TimeUs(1_704_067_231_250_000);
    let place = Place { auction: AuctionId(AUCTION), offset: 17, at, replay: Replay::Live };
    let mut message = Message::new();
    encode::new_bid(&mut message, &place, grids, &bid);
    let mut whole = Vec::new();
    message.finish(43, b"", &mut whole);
    assert_eq!(std::str::from_utf8(&whole), Ok(NEW_BID));

    let mut group = c.benchmark_group("encode");
    group.throughput(Throughput::Elements(1));
    group.bench_function("new_bid", |b| {
        b.iter(|| encode::new_bid(&mut message, black_box(&place), grids, black_box(&bid)));
    });
    let accepted = AcceptedBid {
        auction: AuctionId(AUCTION),
        slot: AuctionSlot(0),
        bid: bid.clone(),
        at,
        offset: 17,
        status: BidStatus::Pending,
        duplicate: false,
    };
    group.bench_function("bid_accepted", |b| {
        b.iter(|| encode::bid_accepted(&mut message, grids, black_box(&accepted), Replay::Live));
    });
    encode::new_bid(&mut message, &place, grids, &bid);
    group.bench_function("finish", |b| {
        b.iter(|| {
            whole.clear();
            message.finish(black_box(43), b"", &mut whole);
        });
    });
    let stamp = "2024-01-01T00:00:31.250Z";
    let same = |offset| Envelope {
        r#type: "new_bid",
        timestamp: stamp,
        sequence: 43,
        payload: NewBid {
            bid_id: Uuid36(BID),
            auction_id: Uuid36(AUCTION),
            quantity: 100.0,
            price: 52.0,
            timestamp: stamp,
            is_phantom: false,
            current_price: 48.5,
            offset,
        },
    };
    let mut out = Vec::new();
    serde_json::to_writer(&mut out, &same(17)).expect("it is written");
    assert_eq!(std::str::from_utf8(&out), Ok(NEW_BID));
    group.bench_function("new_bid with serde_json", |b| {
        b.iter(|| {
            out.clear();
            serde_json::to_writer(&mut out, black_box(&same(17))).expect("it is written");
        });
    });
    group.finish();
}

fn decoding(c: &mut Criterion) {
    let grids = grids();
    let mut decoder = Decoder::new();
    let read = |decoder: &mut Decoder, text: &str| {
        let message = decoder.decode(text.as_bytes()).expect("a message");
        let ClientBody::SubmitBid { auction, bid } = message.body else { panic!("a bid") };
        let numbers = read_bid(&bid, grids).expect("on the grid");
        (auction.id, numbers.quantity, numbers.price)
    };
    let expected = (Some(AuctionId(AUCTION)), QuantityLots(100_000_000), Some(PriceTicks(5000)));
    assert_eq!(read(&mut decoder, SUBMIT_BID), expected);

    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    group.bench_function("submit_bid", |b| {
        b.iter(|| black_box(decoder.decode(black_box(SUBMIT_BID.as_bytes()))).is_ok());
    });
    group.bench_function("submit_bid into lots and ticks", |b| {
        b.iter(|| read(&mut decoder, black_box(SUBMIT_BID)));
    });
    let plain = |text: &str| match serde_json::from_str::<Request<'_>>(text).expect("a message") {
        Request::SubmitBid { auction_id, payload } => {
            let id = Uuid::try_parse(auction_id).expect("an id");
            (id, payload.quantity, payload.price, payload.is_marginal)
        }
        Request::Ping { timestamp } => panic!("a ping at {timestamp:?}"),
    };
    assert_eq!(plain(SUBMIT_BID), (AUCTION, 100.0, 50.0, false));
    group.bench_function("submit_bid with serde_json", |b| b.iter(|| plain(black_box(SUBMIT_BID))));
    group.finish();
}

criterion_group!(benches, encoding, decoding);
criterion_main!(benches);
