//! `walras clear`: auctions as JSON in, results as JSON, tables or pictures out.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use walras::clearing::Clearing;
use walras::wire::auction_json::{Auction, check, result_line, write_result};

use super::{Failure, plot, table};

/// Standard input's name as a file.
const STDIN: &str = "-";

/// Clear an auction written down as JSON, and print the result.
///
/// Exit status: 0 all well, 1 a line of a batch or a vector of a check was bad, 2 bad terms or files.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The auction (or with --batch auctions); standard input without it, or for "-".
    file: Option<PathBuf>,
    /// Read one auction a line, print one result a line, in order; a bad line gives {"error": ...}.
    #[arg(long, conflicts_with_all = ["check", "table", "plot"])]
    batch: bool,
    /// Clear the vectors in these files and compare every field they expect.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["file", "table", "plot"])]
    check: Vec<PathBuf>,
    /// Print a table for people in place of JSON.
    #[arg(long)]
    table: bool,
    /// Draw supply and demand into this file, too.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

/// Does it.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let done = if !arguments.check.is_empty() {
        run_check(&arguments.check)
    } else if arguments.batch {
        open(arguments.file.as_deref()).and_then(run_batch)
    } else {
        return run_one(arguments);
    };
    match done {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::InResults),
        Err(error) => unless_pipe_is_closed(error),
    }
}

/// Whoever reads the results may have read enough.
fn unless_pipe_is_closed(error: io::Error) -> Result<(), Failure> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(Failure::usage(error)) }
}

fn run_one(arguments: &Arguments) -> Result<(), Failure> {
    let mut json = Vec::new();
    let mut file = open(arguments.file.as_deref()).map_err(Failure::usage)?;
    file.read_to_end(&mut json).map_err(Failure::usage)?;
    let auction = Auction::read(&json).map_err(Failure::usage)?;
    let clearing = auction.clear().map_err(Failure::usage)?;
    if let Some(path) = &arguments.plot {
        let failed = |problem| Failure::usage(format!("{}: {problem}", path.display()));
        plot::draw(&auction, &clearing, path).map_err(failed)?;
    }
    print(arguments, &auction, &clearing).or_else(unless_pipe_is_closed)
}

fn print(arguments: &Arguments, auction: &Auction, clearing: &Clearing) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    if arguments.table {
        table::write(auction, clearing, &mut out)?;
    } else {
        write_result(auction, clearing, &mut out)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn open(file: Option<&Path>) -> io::Result<Box<dyn BufRead>> {
    match file {
        Some(path) if path.as_os_str() != STDIN => Ok(Box::new(BufReader::new(open_file(path)?))),
        _ => Ok(Box::new(io::stdin().lock())),
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    File::open(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Whether all lines were good.
fn run_batch(mut auctions: Box<dyn BufRead>) -> io::Result<bool> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    let mut all_good = true;
    while auctions.read_until(b'\n', &mut line)? > 0 {
        let (result, is_good) = result_line(&line);
        all_good &= is_good;
        out.write_all(&result)?;
        out.write_all(b"\n")?;
        line.clear();
    }
    out.flush()?;
    Ok(all_good)
}

/// Whether all vectors hold.
fn run_check(files: &[PathBuf]) -> io::Result<bool> {
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut vector_count, mut failed_count) = (0, 0);
    for path in files {
        let mut json = Vec::new();
        open_file(path)?.read_to_end(&mut json)?;
        let named = |error| io::Error::other(format!("{}: {error}", path.display()));
        let vectors = check(&json).map_err(named)?;
        for vector in &vectors {
            for failure in &vector.failures {
                writeln!(out, "{}: {}: {failure}", path.display(), vector.id)?;
            }
            failed_count += usize::from(!vector.failures.is_empty());
        }
        vector_count += vectors.len();
    }
    writeln!(out, "{} of {vector_count} vectors hold", vector_count - failed_count)?;
    out.flush()?;
    Ok(failed_count == 0)
}
