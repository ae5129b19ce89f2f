//! `walras log`: a data folder verified, read, run again, exported, backed up.
//!
//! All but `restore` only read, and may be used while a server writes to the folder.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use uuid::Uuid;
use walras::engine::{AuctionId, AuctionSlot};
use walras::host::audit;
use walras::log::{self, BatchReader, Epoch, Report};
use walras::wire;

use super::{Failure, print_line};

/// Look at a data folder: verify, dump, replay, export, backup, restore
#[derive(clap::Args)]
#[command(after_help = "Examples:
  walras log verify ./walras-data
  walras log dump ./walras-data | head
  walras log export --data ./walras-data 550e8400-e29b-41d4-a716-446655440000 --as auction | walras clear
  walras log backup ./walras-data ./backup && walras log restore ./backup ./walras-data-2")]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Check all checksums and hash chains, archives and snapshots too; exit status 1 if anything is damaged
    Verify {
        /// The data folder or backup
        folder: PathBuf,
    },
    /// Print every record as a line of JSON, oldest first
    Dump {
        /// The data folder or backup
        folder: PathBuf,
    },
    /// Run the whole log again, check its events, and print the hash of the final state
    Replay {
        /// The data folder or backup
        folder: PathBuf,
    },
    /// Write one auction to standard output
    Export {
        /// The auction's id
        auction: Uuid,
        /// The data folder or backup
        #[arg(long, default_value = "walras-data")]
        data: PathBuf,
        /// What to write: the records with their hash chain, or the JSON that `walras clear` reads
        #[arg(long = "as", value_enum, default_value_t = Form::Records)]
        form: Form,
    },
    /// Copy a data folder, also while a server writes to it; the copy is consistent at one position
    Backup {
        /// The data folder
        folder: PathBuf,
        /// Where to: an empty folder or none
        destination: PathBuf,
    },
    /// Make a data folder of a backup; it starts a new epoch, so no client resumes from what may have been lost
    Restore {
        /// The backup
        folder: PathBuf,
        /// Where to: an empty folder or none
        destination: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// The auction's own records, one JSON line each, every one with the hash of the one before
    Records,
    /// The auction's terms and bids as one JSON document
    Auction,
}

/// Runs the subcommand.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::Verify { folder } => verify(folder),
        Action::Dump { folder } => dump(folder, None).map(drop),
        Action::Replay { folder } => replay(folder),
        Action::Export { auction, data, form } => export(data, AuctionId(*auction), *form),
        Action::Backup { folder, destination } => {
            let copied = log::backup(folder, destination).map_err(Failure::usage)?;
            print_line(&json!({ "start": copied.start.0, "end": copied.end.0 }).to_string());
            Ok(())
        }
        Action::Restore { folder, destination } => {
            let epoch = Epoch::new(Uuid::new_v4().to_string());
            let epoch = epoch.ok_or_else(|| Failure::usage("no epoch could be made"))?;
            let copied = log::restore(folder, destination, epoch.clone()).map_err(Failure::usage)?;
            print_line(
                &json!({ "start": copied.start.0, "end": copied.end.0, "epoch": epoch.as_str() }).to_string(),
            );
            Ok(())
        }
    }
}

fn verify(folder: &Path) -> Result<(), Failure> {
    let report = log::verify(folder).map_err(Failure::usage)?;
    print_line(&report_json(&report).to_string());
    if report.is_sound() { Ok(()) } else { Err(Failure::InResults) }
}

fn report_json(report: &Report) -> Value {
    json!({
        "sound": report.is_sound(),
        "epoch": report.epoch.as_str(),
        "start": report.start.0,
        "end": report.end.0,
        "chain": report.chain.to_string(),
        "segments": report.segment_count,
        "batches": report.batch_count,
        "records": report.record_count,
        "snapshots": report.snapshots.iter().map(|position| position.0).collect::<Vec<_>>(),
        "archives": report.archives.iter().map(|archive| json!({
            "auction_id": Uuid::from_bytes(archive.stream.0), "records": archive.record_count,
            "log_head": archive.head.to_string(),
        })).collect::<Vec<_>>(),
        "torn": report.torn.as_ref().map(ToString::to_string),
        "damage": report.damage.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// Prints all records, or those of one auction, and gives how many there were.
fn dump(folder: &Path, only: Option<AuctionId>) -> Result<u64, Failure> {
    let mut count = 0;
    let mut reader = log::read_folder(folder).map_err(Failure::usage)?;
    while let Some(batch) = reader.next().map_err(Failure::usage)? {
        for record in batch.records() {
            if only.is_some_and(|auction| auction.0.as_bytes() != &record.stream.0) {
                continue;
            }
            count += 1;
            print_line(&record_json(
                record.position.0,
                batch.time_us(),
                &record.previous,
                &record.hash,
                record.payload,
            ));
        }
    }
    Ok(count)
}

fn record_json(
    position: u64,
    time_us: u64,
    previous: &log::Hash,
    hash: &log::Hash,
    payload: &[u8],
) -> String {
    let command = match wire::record::decode(payload) {
        _ if payload.is_empty() => json!({ "kind": "sign_of_life" }),
        Ok(command) => wire::command_json(&command),
        Err(error) => json!({ "kind": "unreadable", "why": error.to_string() }),
    };
    json!({
        "position": position, "time_us": time_us, "previous": previous.to_string(), "hash": hash.to_string(),
        "command": command,
    })
    .to_string()
}

fn replay(folder: &Path) -> Result<(), Failure> {
    let replayed = audit::replay(folder).map_err(Failure::usage)?;
    let digest: String = replayed.engine.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    print_line(
        &json!({
            "digest": digest, "began_at": replayed.began_at.0, "end": replayed.end.0,
            "commands": replayed.command_count, "auctions": replayed.engine.auction_count(),
        })
        .to_string(),
    );
    Ok(())
}

fn export(folder: &Path, auction: AuctionId, form: Form) -> Result<(), Failure> {
    let unknown = || Failure::usage(format!("{} holds no auction {}", folder.display(), auction.0));
    match form {
        Form::Auction => {
            let engine =
                audit::replay_auction(folder, auction).map_err(Failure::usage)?.ok_or_else(unknown)?;
            print_line(&wire::auction_json(&engine, AuctionSlot(0)));
            Ok(())
        }
        Form::Records => {
            let stream = log::StreamId(*auction.0.as_bytes());
            let Some(mut archive) = log::read_archive(folder, stream).map_err(Failure::usage)? else {
                return if dump(folder, Some(auction))? > 0 { Ok(()) } else { Err(unknown()) };
            };
            while let Some(record) = archive.next_record().map_err(Failure::usage)? {
                let (position, time_us) = (record.position.0, record.time_us);
                print_line(&record_json(position, time_us, &record.previous, &record.hash, record.payload));
            }
            Ok(())
        }
    }
}
