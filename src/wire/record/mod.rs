//! Commands as the log keeps them: hand-written, little-endian, versioned.
//! `docs/RECORDS.md` is the format for readers that are not this program.
//!
//! A record is one accepted command, complete in itself: version, kind, fields.
//! Terms stand in it as their canonical JSON, whose hash is `terms_hash`. Bytes
//! that are no record of a known version give an error that says where, never a panic.

mod bytes;

use super::terms::{TermsError, parse_canonical};
use crate::engine::{
    AffirmSettlement, AmendBid, AuctionId, BidId, BidRef, CancelBid, CloseReason, Command, CreateAuction,
    Party, ReportSettlement, SettlementId, SettlementStep, SubmitBid,
};
use crate::units::{PriceTicks, QuantityLots};
use bytes::{Reader, Writer};

/// The version that [`encode`] writes.
pub const RECORD_VERSION: u8 = 1;

/// Why bytes are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Written by another version of the program.
    #[error("record version {0} is not known (this program writes {RECORD_VERSION})")]
    UnknownVersion(u8),
    /// A kind of command that this version does not have.
    #[error("record kind {0} is not known")]
    UnknownKind(u8),
    /// The bytes end too early.
    #[error("the record ends early, at byte {at}")]
    Truncated {
        /// Where.
        at: usize,
    },
    /// A field has a value that means nothing, or bytes are left over.
    #[error("the record is malformed at byte {at}")]
    Malformed {
        /// Where.
        at: usize,
    },
    /// The terms of an auction cannot be read.
    #[error("the record's terms cannot be read: {0}")]
    Terms(TermsError),
}

/// What a record's second byte says. Numbers are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    CreateAuction = 1,
    SubmitBid = 2,
    SubmitBids = 3,
    CancelBid = 4,
    AmendBid = 5,
    CancelAll = 6,
    OpenAuction = 7,
    CloseAuction = 8,
    CancelAuction = 9,
    HaltAuction = 10,
    ResumeAuction = 11,
    ExtendForOutage = 12,
    PutPrices = 13,
    PutOrderBook = 14,
    AffirmSettlement = 15,
    ExecuteSettlement = 16,
    ReportSettlement = 17,
    SettlementDeadline = 18,
}

/// Appends the record of a command.
pub fn encode(command: &Command, out: &mut Vec<u8>) {
    let mut writer = Writer(out);
    let w = &mut writer;
    w.byte(RECORD_VERSION);
    w.byte(kind(command) as u8);
    match command {
        Command::CreateAuction(create) => {
            w.id(create.auction.0);
            w.text(&create.creator.0);
            w.text(&create.terms_json);
            w.text_opt(create.idempotency_key.as_ref());
        }
        Command::SubmitBid(bid) => write_bid(w, bid),
        Command::SubmitBids(bids) => {
            w.u32(u32::try_from(bids.len()).expect("a batch has at most 100 bids"));
            bids.iter().for_each(|bid| write_bid(w, bid));
        }
        Command::CancelBid(cancel) => {
            write_bid_ref(w, &cancel.bid);
            w.text(&cancel.party.0);
            w.i64(cancel.received_at_us);
        }
        Command::AmendBid(amend) => {
            write_bid_ref(w, &amend.bid);
            w.text(&amend.party.0);
            w.option(amend.quantity, |w, quantity| w.i64(quantity.0));
            w.option(amend.price, |w, price| w.i64(price.0));
            w.i64(amend.received_at_us);
        }
        Command::CancelAll { party, auction } => {
            w.text(&party.0);
            w.option(*auction, |w, auction| w.id(auction.0));
        }
        Command::OpenAuction { auction }
        | Command::ResumeAuction { auction }
        | Command::ExecuteSettlement { auction } => w.id(auction.0),
        Command::CloseAuction { auction, reason, settlement } => {
            w.id(auction.0);
            w.byte(match reason {
                CloseReason::Schedule => 0,
                CloseReason::Operator => 1,
            });
            w.id(settlement.0);
        }
        Command::CancelAuction { auction, reason } | Command::HaltAuction { auction, reason } => {
            w.id(auction.0);
            w.text(reason);
        }
        Command::ExtendForOutage { auction, outage_ms } => {
            w.id(auction.0);
            w.u64(*outage_ms);
        }
        Command::PutPrices { token: name, payload } | Command::PutOrderBook { token_pair: name, payload } => {
            w.text(name);
            w.text(payload);
        }
        Command::AffirmSettlement(affirm) => {
            w.id(affirm.settlement.0);
            w.text(&affirm.party.0);
            w.array(&affirm.hash);
            w.flag(affirm.agree);
            w.text_opt(affirm.reason.as_ref());
        }
        Command::ReportSettlement(report) => write_report(w, report),
        Command::SettlementDeadline { settlement, number } => {
            w.id(settlement.0);
            w.u32(*number);
        }
    }
}

/// Reads the record of a command.
pub fn decode(record: &[u8]) -> Result<Command, RecordError> {
    let mut reader = Reader::new(record);
    let r = &mut reader;
    let version = r.byte()?;
    if version != RECORD_VERSION {
        return Err(RecordError::UnknownVersion(version));
    }
    let kind = r.byte()?;
    let kind = Kind::from_byte(kind).ok_or(RecordError::UnknownKind(kind))?;
    let command = match kind {
        Kind::CreateAuction => read_create(r)?,
        Kind::SubmitBid => Command::SubmitBid(read_bid(r)?),
        Kind::SubmitBids => Command::SubmitBids(r.list(read_bid)?),
        Kind::CancelBid => Command::CancelBid(CancelBid {
            bid: read_bid_ref(r)?,
            party: Party(r.text()?),
            received_at_us: r.i64()?,
        }),
        Kind::AmendBid => Command::AmendBid(AmendBid {
            bid: read_bid_ref(r)?,
            party: Party(r.text()?),
            quantity: r.option(|r| r.i64().map(QuantityLots))?,
            price: r.option(|r| r.i64().map(PriceTicks))?,
            received_at_us: r.i64()?,
        }),
        Kind::CancelAll => {
            Command::CancelAll { party: Party(r.text()?), auction: r.option(|r| r.id().map(AuctionId))? }
        }
        Kind::OpenAuction => Command::OpenAuction { auction: AuctionId(r.id()?) },
        Kind::CloseAuction => Command::CloseAuction {
            auction: AuctionId(r.id()?),
            reason: if r.flag()? { CloseReason::Operator } else { CloseReason::Schedule },
            settlement: SettlementId(r.id()?),
        },
        Kind::CancelAuction => Command::CancelAuction { auction: AuctionId(r.id()?), reason: r.text()? },
        Kind::HaltAuction => Command::HaltAuction { auction: AuctionId(r.id()?), reason: r.text()? },
        Kind::ResumeAuction => Command::ResumeAuction { auction: AuctionId(r.id()?) },
        Kind::ExtendForOutage => {
            Command::ExtendForOutage { auction: AuctionId(r.id()?), outage_ms: r.u64()? }
        }
        Kind::PutPrices => Command::PutPrices { token: r.text()?, payload: r.text()? },
        Kind::PutOrderBook => Command::PutOrderBook { token_pair: r.text()?, payload: r.text()? },
        Kind::AffirmSettlement => Command::AffirmSettlement(AffirmSettlement {
            settlement: SettlementId(r.id()?),
            party: Party(r.text()?),
            hash: r.array()?,
            agree: r.flag()?,
            reason: r.option(Reader::text)?,
        }),
        Kind::ExecuteSettlement => Command::ExecuteSettlement { auction: AuctionId(r.id()?) },
        Kind::ReportSettlement => Command::ReportSettlement(read_report(r)?),
        Kind::SettlementDeadline => {
            Command::SettlementDeadline { settlement: SettlementId(r.id()?), number: r.u32()? }
        }
    };
    reader.end()?;
    Ok(command)
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        const ALL: [Kind; 18] = [
            Kind::CreateAuction,
            Kind::SubmitBid,
            Kind::SubmitBids,
            Kind::CancelBid,
            Kind::AmendBid,
            Kind::CancelAll,
            Kind::OpenAuction,
            Kind::CloseAuction,
            Kind::CancelAuction,
            Kind::HaltAuction,
            Kind::ResumeAuction,
            Kind::ExtendForOutage,
            Kind::PutPrices,
            Kind::PutOrderBook,
            Kind::AffirmSettlement,
            Kind::ExecuteSettlement,
            Kind::ReportSettlement,
            Kind::SettlementDeadline,
        ];
        ALL.into_iter().find(|&kind| kind as u8 == byte)
    }
}

fn kind(command: &Command) -> Kind {
    match command {
        Command::CreateAuction(_) => Kind::CreateAuction,
        Command::SubmitBid(_) => Kind::SubmitBid,
        Command::SubmitBids(_) => Kind::SubmitBids,
        Command::CancelBid(_) => Kind::CancelBid,
        Command::AmendBid(_) => Kind::AmendBid,
        Command::CancelAll { .. } => Kind::CancelAll,
        Command::OpenAuction { .. } => Kind::OpenAuction,
        Command::CloseAuction { .. } => Kind::CloseAuction,
        Command::CancelAuction { .. } => Kind::CancelAuction,
        Command::HaltAuction { .. } => Kind::HaltAuction,
        Command::ResumeAuction { .. } => Kind::ResumeAuction,
        Command::ExtendForOutage { .. } => Kind::ExtendForOutage,
        Command::PutPrices { .. } => Kind::PutPrices,
        Command::PutOrderBook { .. } => Kind::PutOrderBook,
        Command::AffirmSettlement(_) => Kind::AffirmSettlement,
        Command::ExecuteSettlement { .. } => Kind::ExecuteSettlement,
        Command::ReportSettlement(_) => Kind::ReportSettlement,
        Command::SettlementDeadline { .. } => Kind::SettlementDeadline,
    }
}

fn read_create(r: &mut Reader<'_>) -> Result<Command, RecordError> {
    let auction = AuctionId(r.id()?);
    let creator = Party(r.text()?);
    let terms_json = r.text()?;
    let terms = parse_canonical(&terms_json).map_err(RecordError::Terms)?;
    let idempotency_key = r.option(Reader::text)?;
    Ok(Command::CreateAuction(Box::new(CreateAuction {
        auction,
        creator,
        terms,
        terms_json,
        idempotency_key,
    })))
}

fn write_bid(w: &mut Writer<'_>, bid: &SubmitBid) {
    w.id(bid.auction.0);
    w.text(&bid.party.0);
    w.id(bid.bid.0);
    w.array(&bid.salt);
    w.i64(bid.quantity.0);
    w.option(bid.price, |w, price| w.i64(price.0));
    w.text_opt(bid.client_bid_id.as_ref());
    w.flag(bid.is_marginal);
    w.flag(bid.is_phantom);
    w.i64(bid.received_at_us);
}

fn read_bid(r: &mut Reader<'_>) -> Result<SubmitBid, RecordError> {
    Ok(SubmitBid {
        auction: AuctionId(r.id()?),
        party: Party(r.text()?),
        bid: BidId(r.id()?),
        salt: r.array()?,
        quantity: QuantityLots(r.i64()?),
        price: r.option(|r| r.i64().map(PriceTicks))?,
        client_bid_id: r.option(Reader::text)?,
        is_marginal: r.flag()?,
        is_phantom: r.flag()?,
        received_at_us: r.i64()?,
    })
}

fn write_bid_ref(w: &mut Writer<'_>, bid: &BidRef) {
    match bid {
        BidRef::Id(id) => {
            w.byte(0);
            w.id(id.0);
        }
        BidRef::Client { auction, client_bid_id } => {
            w.byte(1);
            w.id(auction.0);
            w.text(client_bid_id);
        }
    }
}

fn read_bid_ref(r: &mut Reader<'_>) -> Result<BidRef, RecordError> {
    Ok(if r.flag()? {
        BidRef::Client { auction: AuctionId(r.id()?), client_bid_id: r.text()? }
    } else {
        BidRef::Id(BidId(r.id()?))
    })
}

fn write_report(w: &mut Writer<'_>, report: &ReportSettlement) {
    w.id(report.settlement.0);
    w.byte(match report.step {
        SettlementStep::Prepare => 0,
        SettlementStep::Commit => 1,
        SettlementStep::Abort => 2,
    });
    w.flag(report.ok);
    w.u64(report.gas_used);
    w.u32(u32::try_from(report.execution_path.len()).expect("a path has at most 32 steps"));
    report.execution_path.iter().for_each(|step| w.text(step));
    w.text_opt(report.reason.as_ref());
}

fn read_report(r: &mut Reader<'_>) -> Result<ReportSettlement, RecordError> {
    Ok(ReportSettlement {
        settlement: SettlementId(r.id()?),
        step: match r.byte()? {
            0 => SettlementStep::Prepare,
            1 => SettlementStep::Commit,
            2 => SettlementStep::Abort,
            _ => return Err(r.malformed()),
        },
        ok: r.flag()?,
        gas_used: r.u64()?,
        execution_path: r.list(Reader::text)?,
        reason: r.option(Reader::text)?,
    })
}
