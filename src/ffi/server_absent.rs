//! What stands for the server in a library that was built without it: every call says so.

use super::engine::Engine;
use super::handles::{Forking, Kind, Table};
use super::status::{Fault, WALRAS_NOT_SUPPORTED};

/// No server is ever in it.
pub(super) static SERVERS: Table<Server> = Table::new(Kind::Server, Forking::Ends);

/// There is none.
pub(super) enum Server {}

impl Server {
    pub fn start(_engine: &Engine, _options: &str) -> Result<Self, Fault> {
        Err(absent())
    }

    pub fn port(&self) -> Result<u16, Fault> {
        match *self {}
    }

    pub fn connection_count(&self) -> Result<u32, Fault> {
        match *self {}
    }

    pub fn stop(&self) {
        match *self {}
    }

    pub fn token(&self, _options: &str) -> Result<String, Fault> {
        match *self {}
    }
}

pub(super) fn foreign_token(_options: &str) -> Result<String, Fault> {
    Err(absent())
}

fn absent() -> Fault {
    Fault::new(WALRAS_NOT_SUPPORTED, "this library was built without the server")
}
