//! Several clients, one market: bidders and watchers agree on every number, what is sold
//! is what there was, and nobody pays more than was bid.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{AUCTION, Client, World, bid, named};

/// What a client has heard of the market, by the offset at which it held.
#[derive(Default)]
struct Picture {
    /// Price after each bid, cancellation and amendment.
    prices: BTreeMap<u64, Value>,
    /// Bids, total quantity, price and supply of each state.
    states: BTreeMap<u64, [Value; 4]>,
    complete: Option<Value>,
}

impl Picture {
    /// Two messages about one moment must say the same.
    fn hear(&mut self, message: &Value) {
        let payload = &message["payload"];
        let Some(offset) = payload["offset"].as_u64() else { return };
        match message["type"].as_str() {
            Some("new_bid" | "bid_accepted" | "bid_amended") => {
                let price = payload["current_price"].clone();
                let known = self.prices.entry(offset).or_insert_with(|| price.clone());
                assert_eq!(*known, price, "{message}");
            }
            Some("auction_update") => {
                let state = ["total_bids", "total_quantity", "current_price", "supply_available"];
                let state = state.map(|member| payload[member].clone());
                let known = self.states.entry(offset).or_insert_with(|| state.clone());
                assert_eq!(*known, state, "{message}");
            }
            Some("auction_complete") => {
                let mut complete = payload.clone();
                complete.as_object_mut().expect("an object").remove("own_allocations");
                assert!(self.complete.is_none());
                self.complete = Some(complete);
            }
            _ => {}
        }
    }

    fn hear_all(&mut self, client: &mut Client) -> Vec<Value> {
        let messages = client.all();
        messages.iter().for_each(|message| self.hear(message));
        messages
    }
}

/// A book kept by hand from what was sent: price in halves and lots by bid.
#[derive(Default)]
struct Book(BTreeMap<String, (u64, u64)>);

impl Book {
    /// The price at which the lots on offer run out, in halves: what the lowest bid that sells offers.
    fn price(&self, supply: u64) -> u64 {
        let mut bids: Vec<(u64, u64)> = self.0.values().copied().collect();
        bids.sort_unstable_by_key(|&(price, _)| std::cmp::Reverse(price));
        let mut demand = 0;
        for (price, lots) in bids {
            demand += lots;
            if demand >= supply {
                return price;
            }
        }
        RESERVE
    }

    fn lots(&self) -> u64 {
        self.0.values().map(|(_, lots)| lots).sum()
    }
}

/// In halves.
const RESERVE: u64 = 4;
const SUPPLY: u64 = 1_000;

fn halves(price: u64) -> f64 {
    price as f64 / 2.0
}

fn f64_of(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number, not {value}"))
}

#[test]
fn two_who_bid_and_one_who_watches_agree_on_every_number() {
    let world = World::with(|making| making.server.shards = 2);
    world.create(AUCTION, json!({"reserve_price": 2, "max_bids_per_bidder": 1_000}));
    let follow = |subject: &str| {
        let mut client = world.trader(subject);
        for channel in ["auction", "bids", "settlement"] {
            client.subscribe(channel, json!({"interval_ms": 0}));
        }
        client
    };
    let (mut ann, mut ben, mut eve) = (follow("ann"), follow("ben"), follow("eve"));
    let mut pictures: [Picture; 3] = Default::default();
    let mut book = Book::default();
    for step in 0_u64..120 {
        let (name, bidder) = if step % 2 == 0 { ("ann", &mut ann) } else { ("ben", &mut ben) };
        let picture = &mut pictures[(step % 2) as usize];
        let id = format!("{name}-{step}");
        // Numbers that wander over the grid, above and below the price.
        let (lots, price) = (1 + step * 37 % 90, RESERVE + step * 53 % 41);
        let earlier = format!("{name}-{}", step.saturating_sub(20));
        let message = match step % 10 {
            7 if book.0.contains_key(&earlier) => {
                book.0.remove(&earlier);
                json!({"type": "cancel_bid", "auction_id": AUCTION, "client_bid_id": earlier})
            }
            8 if book.0.contains_key(&earlier) => {
                let higher = book.0[&earlier].0 + 3;
                book.0.insert(earlier.clone(), (higher, lots));
                json!({"type": "amend_bid", "auction_id": AUCTION, "client_bid_id": earlier,
                    "payload": {"quantity": lots, "price": halves(higher)}})
            }
            _ => {
                book.0.insert(id.clone(), (price, lots));
                named(bid(lots, halves(price)), &id)
            }
        };
        bidder.say(message);
        let offset = loop {
            let heard = bidder.message();
            picture.hear(&heard);
            match heard["type"].as_str().expect("a type") {
                "bid_accepted" | "bid_amended" | "bid_cancelled" => break heard["payload"]["offset"].clone(),
                "error" | "bid_rejected" => panic!("{heard}"),
                _ => {}
            }
        };
        // The state of that very moment reaches everybody, and says what a book kept by hand says.
        let wanted = [
            json!(book.0.len()),
            json!(book.lots() as f64),
            json!(halves(book.price(SUPPLY))),
            json!(SUPPLY as f64),
        ];
        let offset = offset.as_u64().expect("an offset");
        for (client, picture) in [&mut ann, &mut ben, &mut eve].into_iter().zip(&mut pictures) {
            while !picture.states.contains_key(&offset) {
                picture.hear(&client.message());
            }
            assert_eq!(picture.states[&offset], wanted, "after step {step}");
        }
        world.advance(Duration::from_millis(20));
    }
    world.close(AUCTION);
    let mut own = Vec::new();
    for (client, picture) in [&mut ann, &mut ben, &mut eve].into_iter().zip(&mut pictures) {
        let mut allocations = Value::Null;
        while picture.complete.is_none() {
            let message = client.message();
            picture.hear(&message);
            if message["type"] == "auction_complete" {
                allocations = message["payload"]["own_allocations"].clone();
            }
        }
        own.push(allocations);
        picture.hear_all(client);
    }
    let [anns, bens, eves] = pictures;
    assert!(eves.prices.len() > 100 && eves.states.len() > 100);
    assert_eq!((&anns.prices, &anns.states, &anns.complete), (&eves.prices, &eves.states, &eves.complete));
    assert_eq!((&bens.prices, &bens.states, &bens.complete), (&eves.prices, &eves.states, &eves.complete));
    assert_eq!(own[2], Value::Null, "who did not bid is told of nobody's allocations");
    check_end(&world, &book, &eves.complete.expect("it ended"), &own[..2]);
}

/// What was sold is what there was; everybody's lots and payments add up; nobody pays above the bid.
fn check_end(world: &World, book: &Book, complete: &Value, own: &[Value]) {
    let price = f64_of(&complete["clearing_price"]);
    assert_eq!(price, halves(book.price(SUPPLY)));
    assert_eq!(f64_of(&complete["total_allocated"]), SUPPLY as f64);
    assert_eq!(complete["total_bids"], book.0.len());
    let (mut lots, mut money) = (0.0, 0.0);
    for allocation in own.iter().flat_map(|list| list.as_array().expect("a list")) {
        let id = allocation["client_bid_id"].as_str().expect("an id");
        let (limit, wanted) = book.0[id];
        let (quantity, payment) = (f64_of(&allocation["quantity"]), f64_of(&allocation["payment"]));
        assert!(halves(limit) >= price && quantity <= wanted as f64, "{allocation}");
        assert_eq!(payment, quantity * price, "{allocation}");
        lots += quantity;
        money += payment;
    }
    assert_eq!((lots, money), (SUPPLY as f64, f64_of(&complete["total_revenue"])));
    for (id, (limit, wanted)) in &book.0 {
        let won = own
            .iter()
            .flat_map(|list| list.as_array().expect("a list"))
            .find(|allocation| allocation["client_bid_id"] == id.as_str());
        let won = won.map_or(0.0, |allocation| f64_of(&allocation["quantity"]));
        let limit = halves(*limit);
        assert!(limit <= price || won == *wanted as f64, "{id} above the price is filled whole");
        assert!(limit >= price || won == 0.0, "{id} below the price wins nothing");
    }
    // The REST face says the same.
    let result = world.call(&world.operator(), "GET", &format!("/v1/auctions/{AUCTION}/result"), Value::Null);
    let result = result.expect(200);
    for member in ["clearing_price", "total_allocated", "total_revenue"] {
        assert_eq!(result[member], complete[member], "{member}");
    }
    let sold: f64 =
        result["allocations"].as_array().expect("a list").iter().map(|one| f64_of(&one["quantity"])).sum();
    assert_eq!(sold, SUPPLY as f64);
}

#[test]
fn many_who_watch_hear_each_bid_once_while_more_come_in() {
    let world = World::start();
    world.create(AUCTION, json!({"max_bids_per_bidder": 1_000}));
    let watchers = (0..40).map(|number| world.subscriber(&format!("watcher-{number}"), "bids"));
    let mut watchers: Vec<Client> = watchers.collect();
    let bid_id = |message: &Value| message["payload"]["bid_id"].as_str().expect("an id").to_owned();
    // Each waits for its answer, so that bids come in at every point of the server's turns.
    let bidder = |number: u64| {
        let mut client = world.trader(&format!("bidder-{number}"));
        let place = |step| {
            client.say(bid(1 + step, 3.0));
            bid_id(&client.expect("bid_accepted"))
        };
        (0_u64..50).map(place).collect::<Vec<_>>()
    };
    let accepted = std::thread::scope(|scope| {
        let bidders = [1, 2, 3, 4].map(|number| scope.spawn(move || bidder(number)));
        bidders.map(|bidder| bidder.join().expect("all was accepted"))
    });
    let heard: Vec<String> = watchers[0].all().iter().map(bid_id).collect();
    assert_eq!(heard.iter().collect::<BTreeSet<_>>(), accepted.iter().flatten().collect());
    assert_eq!(heard.len(), 200, "none came twice");
    for own in accepted {
        assert!(heard.iter().filter(|id| own.contains(id)).eq(&own), "each bidder's come in its order");
    }
    for watcher in &mut watchers[1..] {
        assert_eq!(watcher.all().iter().map(bid_id).collect::<Vec<_>>(), heard);
    }
}
