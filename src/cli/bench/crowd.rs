//! Many clients on one thread: connections opened side by side, signed in, subscribed,
//! and then read and written as they are ready.
//!
//! Messages are looked at only as far as a measurement needs, so that one core receives
//! several millions a second. Control frames are answered here; texts go to the caller.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use socket2::{Domain, Protocol, Socket, Type};

use super::access::Access;
use super::frame::{self, Masks};
use super::progress::Progress;
use super::stream::Stream;

const BUFFER_BYTES: usize = 256 << 10;
const EVENTS_MAX: usize = 1024;
/// Connections that are being opened at a time.
const OPENING_MAX: usize = 64;
/// How long nothing may happen while connections are opened.
const OPENING_PATIENCE: Duration = Duration::from_secs(20);

/// What a client does first.
pub struct Plan {
    /// With what it signs in.
    pub token: String,
    /// Its subscribe messages.
    pub subscribes: Vec<String>,
    /// The size of its receive buffer, if not the system's.
    pub receive_bytes: Option<usize>,
}

/// A text message that a client got, and where its next messages go.
pub struct Heard<'a> {
    /// Which client.
    pub member: usize,
    /// The message.
    pub text: &'a [u8],
    /// When its bytes were read.
    pub at: Instant,
    /// What the client sends next.
    pub out: &'a mut Outgoing,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With a close frame of this code; 0 without one.
    Closed(u16),
    /// It broke.
    Broken,
}

/// Frames on their way out.
#[derive(Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    masks: Option<Masks>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    Upgrading,
    SigningIn,
    /// So many subscriptions are not confirmed yet.
    Subscribing(usize),
    Ready,
    Over(Ending),
}

struct Member {
    stream: Stream,
    stage: Stage,
    plan: Rc<Plan>,
    /// The start of a frame that has not come in full.
    partial: Vec<u8>,
    out: Outgoing,
    watched: EventFlags,
}

/// See the module.
pub struct Crowd<'a> {
    access: &'a Access,
    epoll: OwnedFd,
    events: Vec<Event>,
    members: Vec<Member>,
    buffer: Vec<u8>,
    ready_count: usize,
    over_count: usize,
    /// The first thing that went wrong.
    trouble: Option<String>,
}

impl Outgoing {
    /// Adds a text message.
    pub fn text(&mut self, text: &[u8]) {
        self.frame(frame::TEXT, text);
    }

    fn frame(&mut self, opcode: u8, payload: &[u8]) {
        let masks = self.masks.get_or_insert_with(|| Masks::new(0x9e37_79b9));
        frame::write(opcode, payload, masks, &mut self.bytes);
    }

    fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }
}

impl<'a> Crowd<'a> {
    /// Nobody yet.
    pub fn new(access: &'a Access) -> Result<Self, String> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(|why| why.to_string())?;
        Ok(Self {
            access,
            epoll,
            events: Vec::with_capacity(EVENTS_MAX),
            members: Vec::new(),
            buffer: vec![0; BUFFER_BYTES],
            ready_count: 0,
            over_count: 0,
            trouble: None,
        })
    }

    /// How many clients there are, those that are gone included.
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// How many are gone.
    pub fn over_count(&self) -> usize {
        self.over_count
    }

    /// How a client's connection ended, if it has.
    pub fn ending(&self, member: usize) -> Option<Ending> {
        match self.members[member].stage {
            Stage::Over(ending) => Some(ending),
            _ => None,
        }
    }

    /// Opens a connection for each plan and waits until all are ready.
    pub fn open(&mut self, plans: impl ExactSizeIterator<Item = Rc<Plan>>) -> Result<Duration, String> {
        let (started_at, wanted) = (Instant::now(), self.ready_count + plans.len());
        let mut plans = plans;
        let mut progress = Progress::new();
        let mut moved = (self.ready_count, started_at);
        while self.ready_count < wanted {
            while self.members.len() - self.ready_count - self.over_count < OPENING_MAX
                && let Some(plan) = plans.next()
            {
                self.connect(plan)?;
            }
            self.poll(Duration::from_millis(100), &mut |_| {})?;
            if let Some(trouble) = &self.trouble {
                return Err(trouble.clone());
            }
            let now = Instant::now();
            progress.show(now, || format!("{} of {wanted} connections are ready", self.ready_count));
            if moved.0 != self.ready_count {
                moved = (self.ready_count, now);
            } else if now - moved.1 > OPENING_PATIENCE {
                return Err(format!("only {} of {wanted} connections became ready", self.ready_count));
            }
        }
        Ok(started_at.elapsed())
    }

    fn connect(&mut self, plan: Rc<Plan>) -> Result<(), String> {
        let failed = |why: std::io::Error| format!("no connection to {}: {why}", self.access.authority);
        let domain = Domain::for_address(self.access.address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        socket.set_tcp_nodelay(true).map_err(failed)?;
        if let Some(bytes) = plan.receive_bytes {
            socket.set_recv_buffer_size(bytes).map_err(failed)?;
        }
        match socket.connect(&self.access.address.into()) {
            Err(why) if why.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                return Err(failed(why));
            }
            _ => {}
        }
        let stream = self.access.security.over(socket.into())?;
        let watched = EventFlags::IN | EventFlags::OUT;
        let token = EventData::new_u64(self.members.len() as u64);
        epoll::add(&self.epoll, &stream, token, watched).map_err(|why| why.to_string())?;
        let (partial, out) = (Vec::new(), Outgoing::default());
        self.members.push(Member { stream, stage: Stage::Connecting, plan, partial, out, watched });
        Ok(())
    }

    /// Sends a text message from a client.
    pub fn send(&mut self, member: usize, text: &[u8]) {
        self.members[member].out.text(text);
        self.write(member);
    }

    /// From now on a client reads nothing.
    pub fn stop_reading(&mut self, member: usize) {
        self.watch(member, EventFlags::empty());
    }

    /// A client reads again.
    pub fn resume_reading(&mut self, member: usize) {
        self.watch(member, EventFlags::IN);
    }

    fn watch(&mut self, member: usize, flags: EventFlags) {
        let this = &mut self.members[member];
        if this.watched != flags && !matches!(this.stage, Stage::Over(_)) {
            this.watched = flags;
            // It fails only for sockets that are not in the set, and all are.
            let _ = epoll::modify(&self.epoll, &this.stream, EventData::new_u64(member as u64), flags);
        }
    }

    /// Reads and writes what is ready, waiting for it at most so long.
    pub fn poll(&mut self, patience: Duration, hear: &mut impl FnMut(Heard<'_>)) -> Result<(), String> {
        let timeout =
            Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: i64::from(patience.subsec_nanos()) };
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(why) => return Err(why.to_string()),
        }
        for event in &events {
            let (flags, member) = ({ event.flags }, event.data.u64() as usize);
            if self.members[member].stage == Stage::Connecting {
                self.connected(member);
            } else if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                self.read(member, hear);
            }
            self.write(member);
        }
        self.events = events;
        Ok(())
    }

    fn connected(&mut self, member: usize) {
        let authority = self.access.authority.clone();
        let this = &mut self.members[member];
        if let Some(why) = this.stream.take_error() {
            return self.fail(member, &format!("no connection to {authority}: {why}"));
        }
        this.stage = Stage::Upgrading;
        let request = format!(
            "GET /v1/ws HTTP/1.1\r\nhost: {authority}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        this.out.bytes.extend_from_slice(request.as_bytes());
    }

    fn fail(&mut self, member: usize, why: &str) {
        self.trouble.get_or_insert_with(|| why.to_owned());
        self.end(member, Ending::Broken);
    }

    fn end(&mut self, member: usize, ending: Ending) {
        let this = &mut self.members[member];
        if matches!(this.stage, Stage::Over(_)) {
            return;
        }
        if this.stage == Stage::Ready {
            self.ready_count -= 1;
        } else {
            self.trouble.get_or_insert_with(|| format!("a connection ended while it was opened: {ending:?}"));
        }
        this.stage = Stage::Over(ending);
        self.over_count += 1;
        // A socket that is being closed leaves the set by itself.
        let _ = epoll::delete(&self.epoll, &this.stream);
    }

    fn write(&mut self, member: usize) {
        let this = &mut self.members[member];
        if matches!(this.stage, Stage::Over(_) | Stage::Connecting) {
            return;
        }
        while !this.out.is_empty() {
            match this.stream.write(&this.out.bytes[this.out.sent..]) {
                Ok(count) => this.out.sent += count,
                Err(why) if why.kind() == ErrorKind::WouldBlock => break,
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.end(member, Ending::Broken),
            }
        }
        let is_done = this.out.is_empty();
        if is_done {
            this.out.bytes.clear();
            this.out.sent = 0;
        }
        let wanted = if is_done { EventFlags::empty() } else { EventFlags::OUT };
        if this.watched.contains(EventFlags::IN) {
            self.watch(member, EventFlags::IN | wanted);
        }
    }

    fn read(&mut self, member: usize, hear: &mut impl FnMut(Heard<'_>)) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let this = &mut self.members[member];
        let kept = this.partial.len();
        if buffer.len() < kept + BUFFER_BYTES / 2 {
            buffer.resize(kept + BUFFER_BYTES, 0);
        }
        buffer[..kept].copy_from_slice(&this.partial);
        match this.stream.read(&mut buffer[kept..]) {
            Ok(0) => self.end(member, Ending::Closed(0)),
            Ok(count) => {
                let used = self.take(member, &buffer[..kept + count], hear);
                let this = &mut self.members[member];
                this.partial.clear();
                this.partial.extend_from_slice(&buffer[used..kept + count]);
                if this.partial.is_empty() {
                    this.partial = Vec::new();
                }
            }
            Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.end(member, Ending::Broken),
        }
        self.buffer = buffer;
    }

    /// Takes what is complete in `bytes` and says how much that was.
    fn take(&mut self, member: usize, bytes: &[u8], hear: &mut impl FnMut(Heard<'_>)) -> usize {
        let mut used = 0;
        if self.members[member].stage == Stage::Upgrading {
            let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else { return 0 };
            if !bytes.starts_with(b"HTTP/1.1 101") {
                let answer = String::from_utf8_lossy(bytes);
                let refusal = format!("no WebSocket: {}", answer.lines().next().unwrap_or_default());
                self.fail(member, &refusal);
                return bytes.len();
            }
            used = end + 4;
            self.sign_in(member);
        }
        let at = Instant::now();
        while let Some(head) = frame::read(&bytes[used..]) {
            if used + head.end > bytes.len() {
                break;
            }
            let payload = &bytes[used + head.start..used + head.end];
            used += head.end;
            match head.opcode {
                frame::TEXT if self.members[member].stage == Stage::Ready => {
                    let out = &mut self.members[member].out;
                    hear(Heard { member, text: payload, at, out });
                }
                frame::TEXT => self.settle(member, payload),
                frame::PING => self.members[member].out.frame(frame::PONG, payload),
                frame::CLOSE => {
                    let code = payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
                    self.end(member, Ending::Closed(code));
                    return bytes.len();
                }
                _ => {}
            }
        }
        used
    }

    fn sign_in(&mut self, member: usize) {
        let this = &mut self.members[member];
        this.stage = Stage::SigningIn;
        let auth = format!(r#"{{"type":"auth","token":"Bearer {}"}}"#, this.plan.token);
        this.out.text(auth.as_bytes());
    }

    /// A message to a client that is not ready yet.
    fn settle(&mut self, member: usize, text: &[u8]) {
        let this = &mut self.members[member];
        match (this.stage, kind(text)) {
            (Stage::SigningIn, b"auth_success") => {
                for subscribe in &this.plan.subscribes {
                    this.out.text(subscribe.as_bytes());
                }
                this.stage = Stage::Subscribing(this.plan.subscribes.len());
            }
            (Stage::Subscribing(missing), b"subscribed") => this.stage = Stage::Subscribing(missing - 1),
            (_, b"auth_failure" | b"error" | b"rate_limit") => {
                self.fail(member, &format!("the server refuses: {}", String::from_utf8_lossy(text)));
            }
            _ => {}
        }
        let this = &mut self.members[member];
        if this.stage == Stage::Subscribing(0) {
            this.stage = Stage::Ready;
            self.ready_count += 1;
        }
    }
}

/// A message's `type`, which stands first.
pub fn kind(text: &[u8]) -> &[u8] {
    let Some(rest) = text.strip_prefix(br#"{"type":""#) else { return b"" };
    let end = rest.iter().position(|&byte| byte == b'"').unwrap_or(0);
    &rest[..end]
}

/// A message's `sequence`, which stands near its start.
#[inline]
pub fn sequence(text: &[u8]) -> Option<u64> {
    const NAME: &[u8] = br#""sequence":"#;
    let at = text.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
    let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_and_the_number_are_found() {
        let text = br#"{"type":"new_bid","timestamp":"2024-01-01T00:00:31.000Z","sequence":43,"payload":{}}"#;
        assert_eq!((kind(text), sequence(text)), (&b"new_bid"[..], Some(43)));
        assert_eq!((kind(b"{}"), sequence(b"{}")), (&b""[..], None));
    }
}
