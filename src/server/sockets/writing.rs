//! Writing: one `write` a turn for each connection that got something, and a queue for
//! those whose sockets do not take it all.

use std::io;
use std::sync::Arc;

use super::super::backlog::Fill;
use super::super::connection::{Connection, ConnectionId, Gone, Phase};
use super::super::outbox::{self, Chain, Content};
use super::super::rendering::{Progress, is_close};
use super::{Slot, Sockets};
use crate::fanout::prefetch;
use crate::wire::CloseCode;

/// So many writes ahead the list of connections is fetched, of which a line has several.
const FAR: usize = 8;

impl Sockets {
    /// Writes to every connection that got something in this turn, and ends the turn.
    pub(in crate::server) fn flush(&mut self) {
        let mut index = 0;
        while let Some(slot) = self.outbox.dirty(index) {
            index += 1;
            self.look_ahead(index);
            if !self.write_again(slot) {
                self.write_chain(slot);
            }
        }
        self.rendering.forget();
        self.outbox.clear();
        self.relieve();
        for id in std::mem::take(&mut self.asked) {
            if self.is_drained(id) {
                self.drained.push(id);
            }
        }
    }

    /// Frees the slots of connections that are gone. Nothing may speak of them any more.
    pub(in crate::server) fn sweep(&mut self) {
        self.free.append(&mut self.dead);
    }

    /// Starts to fetch a connection while another is written to: among thousands it lies in no cache, and the
    /// system call in between takes longer than the memory.
    #[inline]
    fn look_ahead(&self, index: usize) {
        if let Some(slot) = self.outbox.dirty(index + FAR) {
            prefetch(&self.connections[slot as usize]);
            prefetch(&self.chains[slot as usize]);
        }
        let next = self.outbox.dirty(index).and_then(|slot| self.connections.get(slot as usize));
        if let Some(connection) = next.and_then(|slot| slot.connection.as_deref()) {
            prefetch(connection);
        }
    }

    /// Writes a connection's chain if that is what was written to the one before, as it mostly is, and nothing stands in the way.
    /// Whether that was so. The system call between two of these leaves little of it in the processor, so it is short.
    #[inline(always)]
    fn write_again(&mut self, slot: u32) -> bool {
        let Self { connections, chains, outbox, rendering, .. } = self;
        let Some(connection) = connections[slot as usize].connection.as_deref_mut() else { return false };
        let Connection { transport, backlog, sequence, phase, is_sealed, .. } = connection;
        let is_ready = transport.is_plain() && backlog.is_none() && *phase == Phase::Open && !*is_sealed;
        let chain = &mut chains[slot as usize];
        if !is_ready || !rendering.repeat(sequence, outbox, *chain) {
            return false;
        }
        *chain = Chain::default();
        let sent = transport.send(rendering.bytes());
        if sent.as_ref().ok() != Some(&rendering.bytes().len()) {
            self.fall_short(slot, sent, Chain::default());
        }
        true
    }

    #[inline(never)]
    fn write_chain(&mut self, slot: u32) {
        let mut chain = std::mem::take(&mut self.chains[slot as usize]);
        let Self { connections, outbox, rendering, .. } = self;
        let Slot { id, connection } = &mut connections[slot as usize];
        let (id, Some(connection)) = (*id, connection) else { return };
        while connection.backlog.is_none() && !chain.is_empty() {
            let Connection { transport, sequence, is_sealed, .. } = &mut **connection;
            let bytes = rendering.render(Progress { sequence, is_sealed }, outbox, &mut chain);
            let sent = transport.send(bytes);
            if sent.as_ref().ok() != Some(&bytes.len()) {
                return self.fall_short(slot, sent, chain);
            }
        }
        if connection.backlog.is_some() {
            return self.enqueue(id, chain);
        }
        match connection.transport.flush() {
            Ok(true) if connection.phase == Phase::Open => {}
            Ok(true) => self.after_drain(id),
            // What TLS holds counts as a queue, though an empty one.
            Ok(false) => {
                connection.backlog = Some(Box::default());
                self.lagging.insert(id.index);
            }
            Err(_) => self.remove(id, Gone::Broken),
        }
    }

    /// Keeps what the socket did not take of the bytes made last, and the rest of the chain behind them.
    #[cold]
    fn fall_short(&mut self, slot: u32, sent: io::Result<usize>, rest: Chain) {
        let Slot { id, connection } = &mut self.connections[slot as usize];
        let id = *id;
        match (sent, connection) {
            (Ok(sent), Some(connection)) => {
                let backlog = connection.backlog.insert(Box::default());
                backlog.hold(self.rendering.bytes(), sent);
                self.lagging.insert(slot);
                self.enqueue(id, rest);
            }
            _ => self.remove(id, Gone::Broken),
        }
    }

    /// Adds a chain to the connection's queue.
    fn enqueue(&mut self, id: ConnectionId, mut chain: Chain) {
        let limits = self.queue_limits;
        let Self { connections, outbox, totals, .. } = self;
        let Some(connection) = connections[id.index as usize].connection.as_deref_mut() else { return };
        let Some(backlog) = &mut connection.backlog else { return };
        let mut fill = Fill::Within;
        while let Some(piece) = outbox.pop(&mut chain) {
            let content = outbox.content(piece);
            if connection.is_sealed {
                break;
            }
            connection.is_sealed = is_close(content);
            fill = backlog.push(content, &limits);
            if fill == Fill::Beyond {
                break;
            }
        }
        backlog.account(totals);
        if fill == Fill::Beyond && connection.phase == Phase::Open {
            self.close_slow(id);
        }
    }

    /// Closes a connection that does not keep up: what waits is dropped, so that the close frame has a chance.
    fn close_slow(&mut self, id: ConnectionId) {
        let (limits, totals) = (self.queue_limits, Arc::clone(&self.totals));
        let Some(connection) = self.get(id) else { return };
        let Some(backlog) = &mut connection.backlog else { return };
        backlog.cut();
        let code = CloseCode::SlowConsumer;
        let mut payload = code.number().to_be_bytes().to_vec();
        payload.extend_from_slice(code.reason().as_bytes());
        backlog.push(Content::Frame(outbox::CLOSE.into(), &payload), &limits);
        backlog.account(&totals);
        connection.is_sealed = true;
        self.start_closing(id, Gone::Closed(code.number()));
    }

    /// Goes on sending what waits, now that the socket takes something.
    pub(in crate::server) fn drain(&mut self, id: ConnectionId) {
        let (limits, totals) = (self.queue_limits, Arc::clone(&self.totals));
        let Some(connection) = self.get(id) else { return };
        let Connection { transport, backlog: waiting, sequence, .. } = connection;
        let Some(backlog) = waiting else { return };
        let outcome = loop {
            let bytes = backlog.sendable(sequence, &limits);
            if bytes.is_empty() {
                break transport.flush();
            }
            let length = bytes.len();
            match transport.send(bytes) {
                Ok(sent) => backlog.advance(sent),
                Err(error) => break Err(error),
            }
            if backlog.byte_count() > 0 && length > 0 && !backlog.is_between_frames() {
                break Ok(false);
            }
        };
        backlog.account(&totals);
        match outcome {
            Ok(true) => {
                connection.backlog = None;
                self.lagging.remove(&id.index);
                self.drained.push(id);
                self.after_drain(id);
            }
            Ok(false) => {}
            Err(_) => self.remove(id, Gone::Broken),
        }
    }

    /// Once a closing connection has nothing left to send, only its end is awaited.
    fn after_drain(&mut self, id: ConnectionId) {
        let Some(connection) = self.get(id) else { return };
        if connection.phase == Phase::Closing && connection.is_sealed {
            connection.phase = Phase::Lingering;
            let is_finished = connection.transport.finish().is_ok();
            if connection.has_ended || !is_finished {
                self.remove(id, Gone::Broken);
            }
        }
    }

    /// Closes the largest queue while all queues together are too large.
    fn relieve(&mut self) {
        while self.totals.bytes() > self.queue_limits.total_bytes_max {
            let queue_bytes = |index: u32| {
                let connection = self.connections[index as usize].connection.as_deref()?;
                let backlog = connection.backlog.as_ref().filter(|_| connection.phase == Phase::Open)?;
                Some(backlog.byte_count())
            };
            let sizes = self.lagging.iter().filter_map(|&index| Some((queue_bytes(index)?, index)));
            let Some((bytes, index)) = sizes.max() else {
                self.totals.offer(self.shard, 0);
                return;
            };
            if !self.totals.offer(self.shard, bytes) {
                return;
            }
            self.close_slow(self.connections[index as usize].id);
        }
    }
}
