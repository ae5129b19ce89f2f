//! The server inside the host's process.

use std::ffi::c_char;

use crate::ffi::boundary;
use crate::ffi::engine::ENGINES;
use crate::ffi::export::engine::walras_engine;
use crate::ffi::server::{SERVERS, Server, foreign_token};
use crate::ffi::status::walras_status;

/// A WebSocket and REST server on an engine.
pub struct walras_server {
    _opaque: [u8; 0],
}

/// Starts a server on an engine; when this returns, connections are taken. `options` is a JSON object or empty: the keys of
/// `walras config` but `data`, `durability` and `log`, with `listen` "127.0.0.1:0" (a port given by the system), `shards` 1 and
/// `drain_ms` 1000 if not given. Without a key to verify tokens with it makes a secret of its own, and `walras_token` makes
/// tokens for it. `development: true` takes the token `test-token`, and `test-token:NAME` for separate bidders, from anybody.
/// In a library without the server: `WALRAS_NOT_SUPPORTED`. Give the server back with `walras_server_free`.
///
/// # Safety
/// `options` is null or has `options_bytes` readable bytes; `server_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_server_start(
    engine: *const walras_engine,
    options: *const c_char,
    options_bytes: u64,
    server_out: *mut *mut walras_server,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (options, place) =
            unsafe { (boundary::text_if_given(options, options_bytes)?, boundary::place(server_out)?) };
        let engine = ENGINES.find(engine as usize)?;
        let server = Server::start(&engine, options.unwrap_or_default())?;
        place.put(SERVERS.insert(server)? as *mut walras_server);
        Ok(())
    })
}

/// Writes the port at which the server listens.
///
/// # Safety
/// `port_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_server_port(
    server: *const walras_server,
    port_out: *mut u16,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointer is as this function's caller promises.
        let place = unsafe { boundary::place(port_out)? };
        place.put(SERVERS.find(server as usize)?.port()?);
        Ok(())
    })
}

/// Writes how many connections are open.
///
/// # Safety
/// `count_out` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_server_connections(
    server: *const walras_server,
    count_out: *mut u32,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointer is as this function's caller promises.
        let place = unsafe { boundary::place(count_out)? };
        place.put(SERVERS.find(server as usize)?.connection_count()?);
        Ok(())
    })
}

/// Takes no more connections, tells every client when to come back, closes the connections over `drain_ms`, and waits until
/// all are closed. The engine goes on. The handle stays valid, and tells that the server was stopped.
///
/// # Safety
/// None: `server` may be anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_server_stop(server: *const walras_server) -> walras_status {
    boundary::call(|| {
        SERVERS.find(server as usize)?.stop();
        Ok(())
    })
}

/// Gives a server back, and ends it at once if it still runs; null is fine.
///
/// # Safety
/// None: `server` may be anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_server_free(server: *mut walras_server) -> walras_status {
    boundary::call(|| boundary::release(&SERVERS, server as usize).map(drop))
}

/// Gives a token that the server takes, or, without a server (null), one signed with the `secret` among the options. `options` is
/// a JSON object: `subject` is required; `bidder`, `roles`, `permissions`, `ttl_seconds` (3600), `auctions`, `channels`, `subs`,
/// `limits` as of `walras token`; without a server also `secret`, `issuer`, `audience`.
///
/// # Safety
/// `options` is null or has `options_bytes` readable bytes; the outputs are null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn walras_token(
    server: *const walras_server,
    options: *const c_char,
    options_bytes: u64,
    token_out: *mut *const c_char,
    token_bytes_out: *mut u64,
) -> walras_status {
    boundary::call(|| {
        // SAFETY: the pointers are as this function's caller promises.
        let (options, place) = unsafe {
            (boundary::text(options, options_bytes)?, boundary::text_place(token_out, token_bytes_out)?)
        };
        let token = match server.is_null() {
            true => foreign_token(options)?,
            false => SERVERS.find(server as usize)?.token(options)?,
        };
        place.put(token.into_bytes());
        Ok(())
    })
}
