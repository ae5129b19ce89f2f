//! What a fork does to the library: the child has one thread, whatever the others were in the middle of.
//!
//! A table that another thread had locked at that moment would stay locked in the child for ever. So the one who forks
//! takes all tables first, each for as long as it takes others to look something up, and lets go of them in both processes.

use std::cell::RefCell;

use super::engine::{ENGINES, Engine};
use super::handles::Held;
use super::sale::{TERMS, Terms};
use super::server::{SERVERS, Server};
use super::subscriber::{SUBSCRIBERS, Subscriber};
use super::{log, platform};

type Tables = (Held<Terms>, Held<Engine>, Held<Subscriber>, Held<Server>);

thread_local! {
    /// Of the thread that forks; in the child it is the only one.
    static TABLES: RefCell<Option<Tables>> = const { RefCell::new(None) };
}

fn hold() {
    TABLES.set(Some((TERMS.hold(), ENGINES.hold(), SUBSCRIBERS.hold(), SERVERS.hold())));
}

fn release() {
    TABLES.take();
}

/// The log's lock is another matter: its holder may be in a function of the host's that waits for the thread that forks.
fn begin() {
    release();
    log::look_after_fork();
}

/// Sees to forks from now on.
pub(super) fn watch() {
    platform::watch_forks(hold, release, begin);
}
