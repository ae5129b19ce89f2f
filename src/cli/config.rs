//! `walras config`: what is in effect, and where each value came from.

use super::settings::ServeFlags;
use super::{Failure, print_line};

/// Print the configuration in effect: every key, what it means and where its value came from
///
/// The output is a configuration file itself, secrets masked. Keys come from the file, then
/// the environment (WALRAS_SECTION_KEY), then flags; later ones win.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  walras config > walras.toml                    a file to start from
  walras config --config walras.toml             what this file and the environment amount to
  WALRAS_LIMITS_ACTIVE_AUCTIONS=5 walras config  the environment wins over the file")]
pub struct Arguments {
    #[command(flatten)]
    flags: ServeFlags,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    print_line(arguments.flags.load()?.render().trim_end());
    Ok(())
}
