//! A second engine, written to be obvious: bids in a list, the whole sale cleared anew for every price, every check a
//! line. It knows auctions and bids, not settlements.

use std::collections::BTreeMap;
use std::sync::Arc;

use walras::clearing::{self, Bid, BidKind, Clearing, Want};
use walras::engine::{
    AcceptedBid, Answer, AuctionId, AuctionSlot, AuctionState, AuctionStatus, BidFact, BidId, BidRef,
    BidStatus, CancelReason, CloseReason, Command, End, EngineLimits, Event, EventAuction, ExtensionCause,
    Fact, OnOutage, Party, Rejection, ResultSummary, Standing, SubmitBid, Terms,
};
use walras::units::{Money, PriceTicks, QuantityLots, TimeUs};

pub struct Model {
    pub limits: EngineLimits,
    pub auctions: Vec<ModelAuction>,
    keys: Vec<(Party, Arc<str>, usize)>,
    events: Vec<Event>,
    now: TimeUs,
}

#[derive(Clone)]
pub struct ModelAuction {
    pub id: AuctionId,
    pub terms: Terms,
    terms_json: Arc<str>,
    pub status: AuctionStatus,
    pub offset: u64,
    pub ends_at: Option<TimeUs>,
    extensions: u32,
    pub bids: Vec<ModelBid>,
    next_seq: u64,
    /// The sale as it closed, whether it sold or was called off for it.
    closed: Option<Clearing>,
    pub result: Option<Clearing>,
}

#[derive(Clone)]
pub struct ModelBid {
    pub id: BidId,
    pub party: Party,
    pub client: Option<Arc<str>>,
    pub quantity: QuantityLots,
    pub price: Option<PriceTicks>,
    pub is_marginal: bool,
    pub is_phantom: bool,
    pub seq: u64,
    pub cancelled: Option<(TimeUs, u64)>,
    shown: QuantityLots,
    first: AcceptedBid,
    amended: Option<(TimeUs, u64, bool)>,
}

impl ModelBid {
    pub fn is_live(&self) -> bool {
        self.cancelled.is_none()
    }
}

impl Model {
    pub fn new(limits: EngineLimits) -> Self {
        Self { limits, auctions: Vec::new(), keys: Vec::new(), events: Vec::new(), now: TimeUs(0) }
    }

    /// What the engine must answer, and its events.
    pub fn apply(&mut self, command: &Command, now: TimeUs) -> (Result<Answer, Rejection>, Vec<Event>) {
        self.now = now;
        self.events.clear();
        let answer = self.answer(command);
        (answer, std::mem::take(&mut self.events))
    }

    fn answer(&mut self, command: &Command) -> Result<Answer, Rejection> {
        match command {
            Command::CreateAuction(wish) => {
                let key = wish.idempotency_key.as_ref();
                let known = self.keys.iter().find(|known| known.0 == wish.creator && Some(&known.1) == key);
                if let Some(&(_, _, place)) = known {
                    if self.auctions[place].terms_json == wish.terms_json {
                        return Ok(Answer::Created { slot: AuctionSlot(place as u32), created: false });
                    }
                    return Err(Rejection::AuctionExists { auction: self.auctions[place].id });
                }
                if self.auctions.iter().any(|auction| auction.id == wish.auction) {
                    return Err(Rejection::AuctionExists { auction: wish.auction });
                }
                let opens_at = wish.terms.starts_at.unwrap_or(self.now).max(self.now);
                let ends_at = end_of(&wish.terms, opens_at);
                if ends_at.is_some_and(|end| end <= opens_at) {
                    return Err(Rejection::InvalidTerms {
                        field: "ends_at",
                        why: "it must come after the start",
                    });
                }
                let open = self.auctions.iter().filter(|auction| !auction.status.is_final()).count();
                if open as u32 >= self.limits.active_auctions_max {
                    let max = self.limits.active_auctions_max.into();
                    return Err(Rejection::CapacityReached { what: "the number of active auctions", max });
                }
                let place = self.auctions.len();
                self.auctions.push(ModelAuction {
                    id: wish.auction,
                    terms: wish.terms.clone(),
                    terms_json: wish.terms_json.clone(),
                    status: if opens_at > self.now {
                        AuctionStatus::Scheduled
                    } else {
                        AuctionStatus::Active
                    },
                    offset: 0,
                    ends_at,
                    extensions: 0,
                    bids: Vec::new(),
                    next_seq: 0,
                    closed: None,
                    result: None,
                });
                if let Some(key) = key {
                    self.keys.push((wish.creator.clone(), key.clone(), place));
                }
                let mut state = self.state(place, self.now);
                state.offset = 1;
                self.tell(place, Fact::AuctionCreated { state });
                Ok(Answer::Created { slot: AuctionSlot(place as u32), created: true })
            }
            Command::SubmitBid(wish) => self.submit(wish).map(Answer::Bid),
            Command::SubmitBids(wishes) => {
                if let Some(first) = wishes.first() {
                    self.find(first.auction)?;
                }
                Ok(Answer::Bids(wishes.iter().map(|wish| self.submit(wish)).collect()))
            }
            Command::CancelBid(wish) => {
                let (place, index) = self.own(&wish.bid, &wish.party)?;
                let again = !self.auctions[place].bids[index].is_live();
                if !again {
                    self.check_not_ended(place, wish.received_at_us)?;
                    self.check_lowering(place)?;
                    self.take_back(place, index);
                }
                let bid = &self.auctions[place].bids[index];
                let (cancelled_at, offset) = bid.cancelled.expect("it was just taken back");
                Ok(Answer::Cancelled {
                    auction: self.auctions[place].id,
                    bid: bid.id,
                    client_bid_id: bid.client.clone(),
                    cancelled_at,
                    offset,
                    again,
                })
            }
            Command::CancelAll { party, auction } => {
                let places = match auction {
                    Some(auction) => {
                        let place = self.find(*auction)?;
                        self.check_not_ended(place, self.now.0)?;
                        self.check_lowering(place)?;
                        vec![place]
                    }
                    None => (0..self.auctions.len()).collect(),
                };
                let mut gone = Vec::new();
                for place in places {
                    let is_running =
                        matches!(self.auctions[place].status, AuctionStatus::Active | AuctionStatus::Halted);
                    let may = self.check_not_ended(place, 0).is_ok() && self.check_lowering(place).is_ok();
                    for index in 0..self.auctions[place].bids.len() {
                        let bid = &self.auctions[place].bids[index];
                        if is_running && may && bid.is_live() && bid.party == *party {
                            gone.push(bid.id);
                            self.take_back(place, index);
                        }
                    }
                }
                Ok(Answer::CancelledAll { bids: gone, more: false })
            }
            Command::AmendBid(wish) => {
                self.amend(&wish.bid, &wish.party, wish.quantity, wish.price, wish.received_at_us)
            }
            Command::OpenAuction { auction } => {
                let place = self.find(*auction)?;
                let auction = &mut self.auctions[place];
                let starts_at = auction.terms.starts_at.unwrap_or(self.now);
                if auction.status != AuctionStatus::Scheduled || self.now < starts_at {
                    return Err(wrong_status(auction, "opened"));
                }
                auction.status = AuctionStatus::Active;
                self.tell(place, Fact::AuctionOpened);
                Ok(Answer::Done)
            }
            Command::CloseAuction { auction, reason, .. } => self.close(*auction, *reason),
            Command::CancelAuction { auction, reason } => {
                let place = self.find(*auction)?;
                if self.auctions[place].status.is_final() {
                    return Err(wrong_status(&self.auctions[place], "cancelled"));
                }
                self.call_off(place, CancelReason::Operator(reason.clone()));
                Ok(Answer::Done)
            }
            Command::HaltAuction { auction, reason } => {
                let place = self.find(*auction)?;
                if self.auctions[place].status != AuctionStatus::Active {
                    return Err(wrong_status(&self.auctions[place], "halted"));
                }
                self.auctions[place].status = AuctionStatus::Halted;
                self.tell(place, Fact::AuctionHalted { reason: reason.clone() });
                Ok(Answer::Done)
            }
            Command::ResumeAuction { auction } => {
                let place = self.find(*auction)?;
                if self.auctions[place].status != AuctionStatus::Halted {
                    return Err(wrong_status(&self.auctions[place], "resumed"));
                }
                self.auctions[place].status = AuctionStatus::Active;
                self.tell(place, Fact::AuctionResumed);
                Ok(Answer::Done)
            }
            Command::ExtendForOutage { auction, outage_ms } => {
                let place = self.find(*auction)?;
                let auction = &mut self.auctions[place];
                let is_running = matches!(auction.status, AuctionStatus::Active | AuctionStatus::Halted);
                let (true, Some(end)) = (is_running, auction.ends_at) else {
                    return Err(wrong_status(auction, "extended"));
                };
                match auction.terms.on_outage {
                    OnOutage::Close => return Err(wrong_status(auction, "extended")),
                    OnOutage::Cancel => self.call_off(place, CancelReason::Outage),
                    OnOutage::Extend => {
                        let ends_at = TimeUs((end.0 + *outage_ms as i64 * 1000).max(self.now.0 + 60_000_000));
                        auction.ends_at = Some(ends_at);
                        self.tell(place, Fact::AuctionExtended { ends_at, cause: ExtensionCause::Outage });
                    }
                }
                Ok(Answer::Done)
            }
            _ => panic!("the model knows neither settlements nor market data"),
        }
    }

    fn submit(&mut self, wish: &SubmitBid) -> Result<AcceptedBid, Rejection> {
        let place = self.find(wish.auction)?;
        let known = self.auctions[place].bids.iter().position(|bid| {
            bid.party == wish.party && bid.client.is_some() && bid.client == wish.client_bid_id
        });
        if let Some(index) = known {
            let first = &self.auctions[place].bids[index].first;
            let is_same = first.bid.quantity == wish.quantity
                && first.bid.price == wish.price
                && first.bid.is_marginal == wish.is_marginal
                && first.bid.is_phantom == wish.is_phantom;
            if is_same {
                let status = self.status_of(place, index);
                return Ok(AcceptedBid { status, duplicate: true, ..first.clone() });
            }
        }
        self.check_open(place, wish.received_at_us)?;
        self.check_numbers(place, wish.quantity, wish.price, wish.is_phantom)?;
        let max = self.auctions[place].terms.max_bids_per_bidder;
        let live = self.auctions[place].bids.iter().filter(|bid| bid.is_live() && bid.party == wish.party);
        if live.count() as u32 >= max {
            return Err(Rejection::BidLimit { max });
        }
        if let (Some(index), Some(client_bid_id)) = (known, &wish.client_bid_id) {
            let bid = self.auctions[place].bids[index].id;
            return Err(Rejection::DuplicateBidId { client_bid_id: client_bid_id.clone(), bid });
        }
        let max = self.limits.bids_per_auction_max;
        if self.auctions[place].bids.len() as u32 >= max {
            let max = max.into();
            return Err(Rejection::CapacityReached { what: "the number of the auction's bids", max });
        }
        if self.auctions.iter().flat_map(|auction| &auction.bids).any(|bid| bid.id == wish.bid) {
            return Err(Rejection::InvalidBid { field: "bid_id", why: "it names another bid" });
        }
        let before = self.indicative(place).indicative_price;
        let auction = &mut self.auctions[place];
        let fact = BidFact {
            bid: wish.bid,
            party: wish.party.key(),
            client_bid_id: wish.client_bid_id.clone(),
            quantity: wish.quantity,
            price: wish.price,
            is_marginal: wish.is_marginal,
            is_phantom: wish.is_phantom,
            current_price: PriceTicks(0),
            standing: Standing::Below,
        };
        auction.bids.push(ModelBid {
            id: wish.bid,
            party: wish.party.clone(),
            client: wish.client_bid_id.clone(),
            quantity: wish.quantity,
            price: wish.price,
            is_marginal: wish.is_marginal,
            is_phantom: wish.is_phantom,
            seq: auction.next_seq,
            cancelled: None,
            shown: wish.quantity,
            first: AcceptedBid {
                auction: auction.id,
                slot: AuctionSlot(place as u32),
                bid: fact,
                at: self.now,
                offset: auction.offset + 1,
                status: BidStatus::Pending,
                duplicate: false,
            },
            amended: None,
        });
        auction.next_seq += 1;
        let index = auction.bids.len() - 1;
        let fact = self.fact(place, index);
        self.auctions[place].bids[index].first.bid = fact.clone();
        self.tell(place, Fact::BidAccepted(fact));
        self.extend(place, before);
        Ok(self.auctions[place].bids[index].first.clone())
    }

    fn amend(
        &mut self,
        bid: &BidRef,
        party: &Party,
        quantity: Option<QuantityLots>,
        price: Option<PriceTicks>,
        received_at_us: i64,
    ) -> Result<Answer, Rejection> {
        let (place, index) = self.own(bid, party)?;
        let bid = self.auctions[place].bids[index].clone();
        if !bid.is_live() {
            return Err(Rejection::BidNotFound);
        }
        let (new_quantity, new_price) = (quantity.unwrap_or(bid.quantity), price.or(bid.price));
        let is_running = matches!(self.auctions[place].status, AuctionStatus::Active | AuctionStatus::Halted);
        if is_running && (new_quantity, new_price) == (bid.quantity, bid.price) {
            return Ok(self.amended(place, index));
        }
        self.check_open(place, received_at_us)?;
        let offers_less = match (bid.price, new_price) {
            (None, Some(_)) => true,
            (Some(old), Some(new)) => new < old,
            _ => false,
        };
        if offers_less || new_quantity < bid.quantity {
            self.check_lowering(place)?;
        }
        self.check_numbers(place, new_quantity, new_price, bid.is_phantom)?;
        let before = self.indicative(place).indicative_price;
        let priority_kept = new_price == bid.price && new_quantity < bid.quantity;
        let auction = &mut self.auctions[place];
        let amended = &mut auction.bids[index];
        amended.quantity = new_quantity;
        amended.price = new_price;
        amended.shown = amended.shown.max(new_quantity);
        amended.amended = Some((self.now, auction.offset + 1, priority_kept));
        if !priority_kept {
            amended.seq = auction.next_seq;
            auction.next_seq += 1;
        }
        let shown = amended.shown;
        let answer = self.amended(place, index);
        self.tell(place, Fact::BidAmended { bid: self.fact(place, index), priority_kept, shown });
        self.extend(place, before);
        Ok(answer)
    }

    fn amended(&self, place: usize, index: usize) -> Answer {
        let bid = &self.auctions[place].bids[index];
        let (at, offset, priority_kept) = bid.amended.unwrap_or((bid.first.at, bid.first.offset, true));
        let auction = self.auctions[place].id;
        Answer::Amended { auction, bid: self.fact(place, index), priority_kept, offset, at }
    }

    fn close(&mut self, auction: AuctionId, reason: CloseReason) -> Result<Answer, Rejection> {
        let place = self.find(auction)?;
        let auction = &self.auctions[place];
        let is_early = reason == CloseReason::Schedule && auction.ends_at.is_none_or(|end| self.now < end);
        if is_early || !matches!(auction.status, AuctionStatus::Active | AuctionStatus::Halted) {
            return Err(wrong_status(auction, "closed"));
        }
        let clearing = clearing::clear(&auction.terms.sale, &auction.book()).expect("a valid book");
        self.auctions[place].closed = Some(clearing.clone());
        let auction = &self.auctions[place];
        if clearing.outcome == clearing::Outcome::Cancelled {
            let mut unfunded = auction.terms.sale.clone();
            unfunded.min_revenue = None;
            let unfunded = clearing::clear(&unfunded, &auction.book()).expect("a valid book");
            let is_short = unfunded.outcome == clearing::Outcome::Cancelled;
            let reason = if is_short { CancelReason::Undersubscribed } else { CancelReason::MinRevenue };
            self.call_off(place, reason);
            return Ok(Answer::Done);
        }
        let result = ResultSummary {
            clearing_price: clearing.price,
            total_allocated: clearing.total_allocated,
            total_bids: clearing.total_bids,
            total_quantity: QuantityLots(clearing.total_quantity as i64),
            total_revenue: match auction.terms.sale.money_unit {
                Some(_) => clearing.revenue.whole,
                None => Money(auction.book().iter().map(|bid| clearing.payment(bid).whole.0).sum()),
            },
        };
        self.end(place, AuctionStatus::Completed);
        self.auctions[place].result = Some(clearing);
        self.tell(place, Fact::AuctionCompleted { result, reason });
        Ok(Answer::Done)
    }

    fn call_off(&mut self, place: usize, reason: CancelReason) {
        self.end(place, AuctionStatus::Cancelled);
        self.tell(place, Fact::AuctionCancelled { reason });
    }

    fn end(&mut self, place: usize, status: AuctionStatus) {
        let auction = &mut self.auctions[place];
        auction.status = status;
        auction.ends_at = Some(auction.ends_at.unwrap_or(self.now).min(self.now));
    }

    fn take_back(&mut self, place: usize, index: usize) {
        let before = self.indicative(place).indicative_price;
        let offset = self.auctions[place].offset + 1;
        self.auctions[place].bids[index].cancelled = Some((self.now, offset));
        let bid = &self.auctions[place].bids[index];
        let fact = Fact::BidCancelled {
            bid: bid.id,
            party: bid.party.key(),
            client_bid_id: bid.client.clone(),
            shown: bid.shown,
            is_phantom: bid.is_phantom,
        };
        self.tell(place, fact);
        self.extend(place, before);
    }

    fn extend(&mut self, place: usize, before: PriceTicks) {
        let after = self.indicative(place).indicative_price;
        let auction = &mut self.auctions[place];
        let Some(end) = auction.ends_at else { return };
        let terms = &auction.terms;
        let is_near =
            self.now.0 >= end.0 - terms.extend_window_ms as i64 * 1000 && terms.extend_window_ms > 0;
        if after != before && is_near && auction.extensions < terms.max_extensions && terms.extend_ms > 0 {
            let ends_at = TimeUs(end.0 + terms.extend_ms as i64 * 1000);
            auction.ends_at = Some(ends_at);
            auction.extensions += 1;
            self.tell(place, Fact::AuctionExtended { ends_at, cause: ExtensionCause::PriceChange });
        }
    }

    fn tell(&mut self, place: usize, fact: Fact) {
        let auction = &mut self.auctions[place];
        auction.offset += 1;
        let auction =
            EventAuction { slot: AuctionSlot(place as u32), id: auction.id, offset: auction.offset };
        self.events.push(Event { auction: Some(auction), at: self.now, fact });
    }

    fn find(&self, auction: AuctionId) -> Result<usize, Rejection> {
        let place = self.auctions.iter().position(|one| one.id == auction);
        place.ok_or(Rejection::AuctionNotFound { auction })
    }

    pub fn own(&self, bid: &BidRef, party: &Party) -> Result<(usize, usize), Rejection> {
        for (place, auction) in self.auctions.iter().enumerate() {
            for (index, one) in auction.bids.iter().enumerate() {
                let is_it = match bid {
                    BidRef::Id(id) => one.id == *id,
                    BidRef::Client { auction: id, client_bid_id } => {
                        auction.id == *id && one.client.as_ref() == Some(client_bid_id)
                    }
                };
                if is_it && one.party == *party {
                    return Ok((place, index));
                }
            }
        }
        Err(Rejection::BidNotFound)
    }

    fn check_open(&self, place: usize, received_at_us: i64) -> Result<(), Rejection> {
        let auction = &self.auctions[place];
        if matches!(auction.status, AuctionStatus::Scheduled | AuctionStatus::Halted) {
            return Err(Rejection::AuctionNotOpen { auction: auction.id, status: auction.status });
        }
        self.check_not_ended(place, received_at_us)
    }

    fn check_not_ended(&self, place: usize, received_at_us: i64) -> Result<(), Rejection> {
        let auction = &self.auctions[place];
        let Some(ended_at) = auction.ends_at else { return Ok(()) };
        let has_started = auction.status != AuctionStatus::Scheduled;
        if auction.status.is_final() || (has_started && self.now >= ended_at) {
            return Err(Rejection::AuctionEnded {
                auction: auction.id,
                ended_at,
                received_at: TimeUs(received_at_us),
                sequenced_at: self.now,
            });
        }
        Ok(())
    }

    fn check_lowering(&self, place: usize) -> Result<(), Rejection> {
        let auction = &self.auctions[place];
        let lock_ms = auction.terms.lock_ms;
        if lock_ms > 0 && auction.ends_at.is_some_and(|end| self.now.0 >= end.0 - lock_ms as i64 * 1000) {
            return Err(Rejection::AuctionLocked { auction: auction.id, lock_ms });
        }
        if !auction.terms.allow_cancel {
            return Err(Rejection::CancelNotAllowed { auction: auction.id });
        }
        Ok(())
    }

    fn check_numbers(
        &self,
        place: usize,
        quantity: QuantityLots,
        price: Option<PriceTicks>,
        is_phantom: bool,
    ) -> Result<(), Rejection> {
        let terms = &self.auctions[place].terms;
        let lowest = terms.sale.lowest_price();
        if quantity.0 <= 0 {
            return Err(Rejection::InvalidBid { field: "quantity", why: "it must be above 0" });
        }
        if price.is_some_and(|price| price.0 < 0) {
            return Err(Rejection::InvalidBid { field: "price", why: "it must not be below 0" });
        }
        if price.is_none() && !terms.allow_price_takers {
            let why = "this auction takes no bids without a price";
            return Err(Rejection::InvalidBid { field: "order_type", why });
        }
        if is_phantom && !terms.allow_phantom_bids {
            let why = "this auction takes no phantom bids";
            return Err(Rejection::InvalidBid { field: "is_phantom", why });
        }
        if let Some(min) = terms.sale.min_bid_quantity
            && quantity < min
        {
            return Err(Rejection::BelowMinQuantity { quantity, min });
        }
        if let Some(price) = price
            && price < lowest
        {
            return Err(Rejection::BidTooLow { price, reserve: lowest });
        }
        Ok(())
    }

    /// The sale as it would clear now, caps, all-or-none and funding threshold aside.
    pub fn indicative(&self, place: usize) -> Clearing {
        let auction = &self.auctions[place];
        let mut rules = auction.terms.sale.clone();
        rules.allow_partial_fills = true;
        rules.max_quantity_per_bidder = None;
        rules.max_award = None;
        rules.min_revenue = None;
        clearing::clear(&rules, &auction.book()).expect("a valid book")
    }

    fn fact(&self, place: usize, index: usize) -> BidFact {
        let bid = &self.auctions[place].bids[index];
        let current_price = self.state(place, self.now).current_price;
        let standing = match bid.price {
            None => {
                let takers = self.auctions[place].book().into_iter().filter(|bid| bid.price.is_none());
                let takers = takers.filter(|bid| !bid.is_phantom).map(|bid| lots(&bid)).sum::<i64>();
                let offered = self.auctions[place].terms.sale.supply.at(current_price).lots.0;
                if takers <= offered { Standing::Above } else { Standing::AtMargin }
            }
            Some(limit) => {
                let ceiling = self.auctions[place].terms.sale.supply.ceiling();
                let counts_as = ceiling.map_or(limit, |ceiling| ceiling.min(limit));
                if counts_as > current_price {
                    Standing::Above
                } else if counts_as == current_price {
                    Standing::AtMargin
                } else {
                    Standing::Below
                }
            }
        };
        BidFact {
            bid: bid.id,
            party: bid.party.key(),
            client_bid_id: bid.client.clone(),
            quantity: bid.quantity,
            price: bid.price,
            is_marginal: bid.is_marginal,
            is_phantom: bid.is_phantom,
            current_price,
            standing,
        }
    }

    pub fn status_of(&self, place: usize, index: usize) -> BidStatus {
        let auction = &self.auctions[place];
        let bid = &auction.bids[index];
        if !bid.is_live() {
            return BidStatus::Cancelled;
        }
        let Some(result) = &auction.result else {
            let is_off = auction.status == AuctionStatus::Cancelled;
            return if is_off { BidStatus::Unfilled } else { BidStatus::Pending };
        };
        let in_book = auction.in_book(bid);
        match result.fill(&in_book) {
            _ if result.is_killed(&in_book) => BidStatus::Killed,
            QuantityLots(0) => BidStatus::Unfilled,
            filled if filled == bid.quantity => BidStatus::Filled,
            _ => BidStatus::Partial,
        }
    }

    pub fn state(&self, place: usize, now: TimeUs) -> AuctionState {
        let auction = &self.auctions[place];
        let indicative = self.indicative(place);
        let shown = auction.closed.as_ref().unwrap_or(&indicative);
        let price = shown.indicative_price;
        let live = || auction.bids.iter().filter(|bid| bid.is_live());
        let sells = shown.price.is_some() && auction.status != AuctionStatus::Cancelled;
        let supply = auction.terms.sale.supply.at(price).lots;
        // Rounding awards up is left to the close.
        let matched =
            shown.total_allocated.min(if auction.result.is_some() { QuantityLots(i64::MAX) } else { supply });
        AuctionState {
            auction: auction.id,
            status: auction.status,
            current_price: price,
            total_bids: live().filter(|bid| !bid.is_phantom).count() as u64,
            total_quantity: QuantityLots(
                live().filter(|bid| !bid.is_phantom).map(|bid| bid.quantity.0).sum(),
            ),
            supply_available: supply,
            ends_at: auction.ends_at,
            at: now,
            offset: auction.offset,
            matched: if sells { matched } else { QuantityLots(0) },
            imbalance: shown.demand_at_or_above - i128::from(supply.0),
            marginal: (
                QuantityLots(if sells { shown.marginal_available as i64 } else { 0 }),
                QuantityLots(shown.marginal_demand as i64),
            ),
            phantom_bids: live().filter(|bid| bid.is_phantom).count() as u64,
        }
    }

    /// The kind of a bid, as the demand index knows it.
    pub fn kind(is_phantom: bool) -> BidKind {
        if is_phantom { BidKind::Phantom } else { BidKind::Real }
    }
}

impl ModelAuction {
    /// The live bids as the clearing sees them.
    pub fn book(&self) -> Vec<Bid> {
        self.bids.iter().filter(|bid| bid.is_live()).map(|bid| self.in_book(bid)).collect()
    }

    pub fn in_book(&self, bid: &ModelBid) -> Bid {
        let mut numbers: BTreeMap<&Party, u32> = BTreeMap::new();
        for one in &self.bids {
            let next = numbers.len() as u32;
            numbers.entry(&one.party).or_insert(next);
        }
        Bid {
            price: bid.price,
            want: Want::Quantity(bid.quantity),
            seq: bid.seq,
            bidder: numbers[&bid.party],
            is_phantom: bid.is_phantom,
        }
    }
}

fn lots(bid: &Bid) -> i64 {
    bid.want.lots_at(PriceTicks(1)) as i64
}

fn end_of(terms: &Terms, opens_at: TimeUs) -> Option<TimeUs> {
    match terms.end {
        End::Open => None,
        End::After { duration_ms } => Some(TimeUs(opens_at.0 + duration_ms as i64 * 1000)),
        End::At(moment) => Some(moment),
    }
}

fn wrong_status(auction: &ModelAuction, wish: &'static str) -> Rejection {
    Rejection::WrongStatus { auction: auction.id, status: auction.status, wish }
}
