//! An echo server on the connection layer: `cargo run --release --example echo -- 127.0.0.1:9001`.
//! Conformance suites and throughput measurements of frames talk to it. Prints its address.

use std::io::Write as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    walras::server::echo::serve(listen.parse()?, |address| {
        let mut out = std::io::stdout().lock();
        // Whoever does not read it knows the address already.
        let _ = writeln!(out, "ws://{address}/v1/ws").and_then(|()| out.flush());
    })?;
    Ok(())
}
