//! The command line: one file a subcommand, each with its arguments and its `run`.
//!
//! Standard output carries results alone (JSON, a token, a table), so that it can be
//! piped; everything said to people about problems goes to standard error. Exit status:
//! 0 done, 1 it failed while running, 2 it was asked for wrongly.

mod bench;
mod clear;
mod config;
mod dev;
mod instance;
mod log;
mod plot;
mod serve;
mod settings;
mod table;
mod token;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "walras",
    version,
    about = "Live uniform-price auctions: a server, and tools around it",
    after_help = "Try it: `walras dev` runs a whole market on this machine, simulated bidders included.",
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Dev(dev::Arguments),
    Serve(serve::Arguments),
    Clear(clear::Arguments),
    Token(token::Arguments),
    Config(config::Arguments),
    Log(log::Arguments),
    Bench(Box<bench::Arguments>),
}

/// Why a command ended badly.
enum Failure {
    /// It was asked for wrongly: arguments, configuration or input.
    Usage(String),
    /// Something went wrong while it ran.
    Running(String),
    /// It ran to its end, and its results say what was bad.
    InResults,
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Dev(arguments) => dev::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Clear(arguments) => clear::run(&arguments),
        Command::Token(arguments) => token::run(arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Log(arguments) => log::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(why)) => {
            complain(&why);
            ExitCode::from(2)
        }
        Err(Failure::Running(why)) => {
            complain(&why);
            ExitCode::FAILURE
        }
        Err(Failure::InResults) => ExitCode::FAILURE,
    }
}

/// Writes a line of results. A reader that has gone away is no fault of ours.
fn print_line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Tells people on standard error.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "walras: {text}");
}

impl Failure {
    fn usage(why: impl std::fmt::Display) -> Self {
        Self::Usage(why.to_string())
    }

    fn running(why: impl std::fmt::Display) -> Self {
        Self::Running(why.to_string())
    }
}
