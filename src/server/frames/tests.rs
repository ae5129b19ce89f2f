//! The reader against frames written by tungstenite, cut anywhere.

use proptest::prelude::*;

use super::*;

const LIMITS: FrameLimits = FrameLimits {
    message_bytes_max: 65_536,
    fragments_max: 128,
    message_us_max: 30_000_000,
    controls_per_second_max: 20,
    binary: Binary::Refused,
};

fn frame(opcode: OpCode, is_final: bool, payload: &[u8]) -> Vec<u8> {
    let mask = [7, 250, 0, 99];
    let header = FrameHeader { is_final, opcode, mask: Some(mask), ..FrameHeader::default() };
    let mut out = Vec::new();
    header.format(payload.len() as u64, &mut out).expect("a vector takes everything");
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}

fn text(payload: &[u8]) -> Vec<u8> {
    frame(OpCode::Data(Data::Text), true, payload)
}

/// What a caller sees.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Message(Kind, Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
}

/// Feeds `bytes` in chunks of the given sizes (the last one repeats) and collects what is seen.
fn feed(bytes: &[u8], chunks: &[usize], limits: &FrameLimits) -> Result<Vec<Seen>, (Vec<Seen>, Violation)> {
    let (mut inbound, mut seen, mut at, mut turn) = (Inbound::default(), Vec::new(), 0, 0);
    let mut buffer = vec![0; 4096 + bytes.len()];
    while at < bytes.len() {
        let size = chunks.get(turn).or(chunks.last()).copied().unwrap_or(usize::MAX).min(bytes.len() - at);
        turn += 1;
        let have = inbound.restore(&mut buffer);
        buffer[have..have + size].copy_from_slice(&bytes[at..at + size]);
        at += size;
        let mut rest = &mut buffer[..have + size];
        loop {
            let (used, taken) = match inbound.take(rest, limits, TimeUs(0)) {
                Ok(taken) => taken,
                Err(violation) => return Err((seen, violation)),
            };
            seen.push(match taken {
                Taken::Nothing => break,
                Taken::Message(kind, mut payload) => Seen::Message(kind, payload.bytes().to_vec()),
                Taken::Ping(payload) => Seen::Ping(payload.to_vec()),
                Taken::Pong => Seen::Pong,
                Taken::Close(code) => Seen::Close(code),
            });
            rest = &mut rest[used..];
        }
    }
    assert!(inbound.message().is_none(), "a message was left open");
    assert!(inbound.partial.is_none(), "memory was kept");
    Ok(seen)
}

fn violation_of(bytes: &[u8]) -> Violation {
    let whole = feed(bytes, &[], &LIMITS).expect_err("a violation");
    let bytewise = feed(bytes, &[1], &LIMITS).expect_err("a violation");
    assert_eq!(whole.1, bytewise.1);
    whole.1
}

proptest! {
    #[test]
    fn sees_the_same_messages_however_the_bytes_are_cut(
        messages in proptest::collection::vec(("\\PC{0,200}", 1_usize..5, any::<bool>()), 1..8),
        chunks in proptest::collection::vec(1_usize..300, 1..20),
    ) {
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for (message, parts, ping_between) in &messages {
            let payload = message.as_bytes();
            let size = payload.len().div_ceil(*parts).max(1);
            let pieces: Vec<&[u8]> = if payload.is_empty() { vec![payload] } else { payload.chunks(size).collect() };
            for (index, piece) in pieces.iter().enumerate() {
                let opcode = if index == 0 { Data::Text } else { Data::Continue };
                bytes.extend(frame(OpCode::Data(opcode), index + 1 == pieces.len(), piece));
                if *ping_between && index == 0 {
                    bytes.extend(frame(OpCode::Control(Control::Ping), true, b"hm"));
                    expected.push(Seen::Ping(b"hm".to_vec()));
                }
            }
            let position = if *ping_between && pieces.len() == 1 { expected.len() - 1 } else { expected.len() };
            expected.insert(position, Seen::Message(Kind::Text, payload.to_vec()));
        }
        prop_assert_eq!(feed(&bytes, &chunks, &LIMITS), Ok(expected));
    }

    #[test]
    fn bytes_of_any_kind_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), chunk in 1_usize..50) {
        let mut inbound = Inbound::default();
        let mut buffer = vec![0; 1024];
        'feeding: for part in bytes.chunks(chunk) {
            let have = inbound.restore(&mut buffer);
            buffer[have..have + part.len()].copy_from_slice(part);
            let mut rest = &mut buffer[..have + part.len()];
            loop {
                match inbound.take(rest, &LIMITS, TimeUs(0)) {
                    Err(_) => break 'feeding,
                    Ok((_, Taken::Nothing)) => break,
                    Ok((used, _)) => rest = &mut rest[used..],
                }
            }
        }
    }
}

#[test]
fn takes_65536_bytes_and_no_more_in_one_frame_or_in_fragments() {
    let largest = vec![b'a'; 65_536];
    for chunks in [&[][..], &[1000]] {
        let seen = feed(&text(&largest), chunks, &LIMITS).expect("it fits");
        assert_eq!(seen, [Seen::Message(Kind::Text, largest.clone())]);
    }
    let split = |last: usize| {
        let mut bytes = frame(OpCode::Data(Data::Text), false, &largest[..40_000]);
        bytes.extend(frame(OpCode::Data(Data::Continue), true, &largest[..last]));
        bytes
    };
    assert_eq!(feed(&split(25_536), &[], &LIMITS).expect("it fits").len(), 1);
    assert_eq!(violation_of(&split(25_537)), Violation::TooLarge);
    assert_eq!(violation_of(&text(&vec![b'a'; 65_537])), Violation::TooLarge);
    assert_eq!(violation_of(&[0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4]), Violation::TooLarge);
}

#[test]
fn refuses_what_the_standard_forbids() {
    let protocol = |bytes: &[u8]| matches!(violation_of(bytes), Violation::Protocol(_));
    assert!(protocol(&[0x81, 0x02, b'h', b'i']), "unmasked text");
    assert!(protocol(&[0x89, 0x00]), "unmasked ping");
    assert!(protocol(&frame(OpCode::Control(Control::Ping), true, &[0; 126])), "long ping");
    assert!(protocol(&frame(OpCode::Control(Control::Ping), false, b"x")), "fragmented ping");
    assert!(protocol(&frame(OpCode::Data(Data::Continue), true, b"x")), "nothing to continue");
    assert!(protocol(&[0xc1, 0x80, 1, 2, 3, 4]), "reserved bit");
    assert!(protocol(&[0x83, 0x80, 1, 2, 3, 4]), "reserved data opcode");
    assert!(protocol(&[0x8b, 0x80, 1, 2, 3, 4]), "reserved control opcode");
    assert!(protocol(&[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]), "highest bit of the length");
    let mut nested = frame(OpCode::Data(Data::Text), false, b"a");
    nested.extend(text(b"b"));
    assert!(protocol(&nested), "a message within a message");
    assert_eq!(violation_of(&frame(OpCode::Data(Data::Binary), true, b"x")), Violation::Binary);
}

#[test]
fn sees_bad_utf8_before_the_frame_is_complete() {
    let mut bytes = text(b"\xce\xba\xe1\xbd\xb9\xf4\x90\x80\x80 and more that is never sent");
    bytes.truncate(6 + 7);
    assert_eq!(violation_of(&bytes), Violation::Utf8);
    assert_eq!(violation_of(&text(b"cut \xe1\xbd")), Violation::Utf8);
    let mut fragments = frame(OpCode::Data(Data::Text), false, b"\xe1\xbd");
    fragments.extend(frame(OpCode::Data(Data::Continue), true, b"\xb9"));
    assert_eq!(feed(&fragments, &[1], &LIMITS), Ok(vec![Seen::Message(Kind::Text, "\u{1f79}".into())]));
}

#[test]
fn bounds_fragments_time_and_control_frames() {
    let fragments = |count: usize| {
        let mut bytes = frame(OpCode::Data(Data::Text), false, b"a");
        for index in 1..count {
            bytes.extend(frame(OpCode::Data(Data::Continue), index + 1 == count, b"a"));
        }
        bytes
    };
    assert_eq!(feed(&fragments(128), &[], &LIMITS).expect("it fits").len(), 1);
    assert!(matches!(violation_of(&fragments(129)), Violation::Flood(_)));

    let pings = |count| frame(OpCode::Control(Control::Ping), true, b"").repeat(count);
    assert_eq!(feed(&pings(20), &[], &LIMITS).expect("it is allowed").len(), 20);
    assert!(matches!(violation_of(&pings(21)), Violation::Flood(_)));

    let mut inbound = Inbound::default();
    let mut start = frame(OpCode::Data(Data::Text), false, b"a");
    inbound.take(&mut start, &LIMITS, TimeUs(5)).expect("a first fragment");
    assert_eq!(inbound.due(&LIMITS), Some(TimeUs(30_000_005)));
    let mut end = frame(OpCode::Data(Data::Continue), true, b"b");
    let late = inbound.take(&mut end, &LIMITS, TimeUs(30_000_005));
    assert!(matches!(late, Err(Violation::Flood(_))));
}

#[test]
fn reads_how_a_peer_closes() {
    let close = |payload: &[u8]| frame(OpCode::Control(Control::Close), true, payload);
    assert_eq!(feed(&close(b""), &[1], &LIMITS), Ok(vec![Seen::Close(None)]));
    assert_eq!(feed(&close(b"\x03\xe8bye"), &[1], &LIMITS), Ok(vec![Seen::Close(Some(1000))]));
    assert_eq!(feed(&[0x88, 0x02, 0x03, 0xe8], &[], &LIMITS), Ok(vec![Seen::Close(None)]), "unmasked");
    assert_eq!(feed(&[0x88, 0x00], &[], &LIMITS), Ok(vec![Seen::Close(None)]), "unmasked and empty");
    assert!(matches!(violation_of(&close(b"\x03")), Violation::Protocol(_)));
    for code in [0, 999, 1004, 1005, 1006, 1016, 2999] {
        assert!(matches!(violation_of(&close(&u16::to_be_bytes(code))), Violation::Protocol(_)), "{code}");
    }
    assert_eq!(violation_of(&close(b"\x03\xe8\xff")), Violation::Utf8);
}

#[test]
fn unread_bytes_that_were_kept_come_back_first() {
    let mut inbound = Inbound::default();
    inbound.keep(b"abc");
    assert_eq!(inbound.kept_bytes(), 3);
    let mut buffer = [0; 8];
    assert_eq!(inbound.restore(&mut buffer), 3);
    assert_eq!(&buffer[..3], b"abc");
    assert_eq!(inbound.restore(&mut buffer), 0);
}
