//! `walras serve`: the server until it is told to stop.

use walras::server::Origins;
use walras::server::auth::Tokens;
use walras::server::config::Config;

use super::instance::{self, Signals, weaker};
use super::settings::ServeFlags;
use super::{Failure, print_line};

/// Run the server
///
/// Prints one JSON line when it is ready, and reports to standard error. SIGTERM or Ctrl-C stops
/// it: no new connections, clients are told when to come back, the log is closed, exit status 0.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  export WALRAS_AUTH_HS256_SECRET=$(openssl rand -hex 32)
  walras serve                                       on 127.0.0.1:8080, log in ./walras-data
  walras serve --listen 127.0.0.1:0 --data /tmp/a    on a free port, told by the readiness line
  walras serve --config walras.toml                  see `walras config` for all keys
  walras serve --tls-cert cert.pem --tls-key key.pem
  walras serve --durability os --accept-loss         faster; a power cut may lose acknowledged bids

Tokens: `walras token --subject alice --role trader` with the same configuration.")]
pub struct Arguments {
    #[command(flatten)]
    flags: ServeFlags,
    /// Agree that acknowledged bids can be lost, as durability `os` and `memory` imply
    #[arg(long)]
    accept_loss: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.flags.load()?.config;
    check_durability(&config, arguments.accept_loss)?;
    instance::start_reports(&config.log)?;
    let mut signals = Signals::listen()?;
    let instance = instance::start(&config, Tokens::Configured, origins(&config))?;
    let (http, ws) = (instance.http_url(), instance.ws_url());
    // Addresses need no escaping.
    let mut ready = format!(r#"{{"ready":true,"http":"{http}","ws":"{ws}"#);
    if let Some(durability) = weaker(config.durability) {
        ready.push_str(&format!(r#"","durability":"{durability}"#));
    }
    ready.push_str(r#""}"#);
    print_line(&ready);
    signals.wait_while(|| instance.is_serving());
    let has_failed = !instance.is_serving();
    tracing::info!("stopping");
    // Whoever is in a hurry asks twice.
    std::thread::spawn(move || {
        signals.wait();
        std::process::exit(130);
    });
    instance.stop();
    // What failed has been reported where it happened; whoever supervises the process must learn of it too.
    if has_failed {
        Err(Failure::Running("all of the server's threads have failed".to_owned()))
    } else {
        Ok(())
    }
}

fn check_durability(config: &Config, accept_loss: bool) -> Result<(), Failure> {
    match weaker(config.durability) {
        Some(durability) if !accept_loss => Err(Failure::usage(format!(
            "with durability {durability:?} an acknowledged bid can be lost: \
             say --accept-loss if that is agreed, or leave `durability` at \"fsync\""
        ))),
        _ => Ok(()),
    }
}

fn origins(config: &Config) -> Origins {
    if config.origins.is_empty() { Origins::Any } else { Origins::Listed(config.origins.clone()) }
}
