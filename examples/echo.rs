//! An echo server on the connection layer: `cargo run --release --example echo -- 127.0.0.1:9001`.
//! Conformance suites and throughput measurements of frames talk to it.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    walras::server::echo::serve(listen.parse()?)?;
    Ok(())
}
