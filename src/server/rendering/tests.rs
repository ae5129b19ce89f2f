//! Chains of many connections, rendered one after the other, against each of them rendered alone.

use proptest::prelude::*;

use super::*;
use crate::server::backlog::StateKey;
use crate::server::outbox::{CLOSE, PING, Parts};

/// What one connection gets: pieces by their numbers, and how far it is before.
type Case = (Vec<usize>, u64);

/// Numbers around changes of length, and others.
fn sequences() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..12, 95_u64..104, 9_990_u64..10_004, Just(41)]
}

/// Chains that often are those of the connection before.
fn cases() -> impl Strategy<Value = Vec<Case>> {
    let chain = prop_oneof![
        4 => Just(vec![0, 1, 2]),
        1 => proptest::collection::vec(0_usize..6, 0..6),
    ];
    proptest::collection::vec((chain, sequences()), 1..30)
}

fn plain(outbox: &Outbox, pieces: &[PieceId], case: &Case) -> (Vec<u8>, u64, bool) {
    let (mut bytes, mut sequence, mut is_sealed) = (Vec::new(), case.1, false);
    for &number in &case.0 {
        let content = outbox.content(pieces[number]);
        match content {
            _ if is_sealed => {}
            Content::Numbered(parts, _) => {
                sequence += 1;
                outbox::write_numbered(parts, sequence, &mut bytes);
            }
            Content::Frame(opcode, payload) => {
                is_sealed = is_close(content);
                outbox::write_frame(opcode, payload, &mut bytes);
            }
        }
    }
    (bytes, sequence, is_sealed)
}

proptest! {
    #[test]
    fn a_connection_gets_the_same_whoever_came_before_it(cases in cases()) {
        let mut outbox = Outbox::default();
        let parts = |tail| Parts { head: b"{\"sequence\":", tail, extra: b"" };
        let mut pieces: Vec<PieceId> = [&b",\"a\":1"[..], b",\"b\":22", b"", b",\"c\":[]"]
            .into_iter()
            .map(|tail| outbox.piece_of_parts(parts(tail), StateKey::NONE))
            .collect();
        pieces.push(outbox.piece_of_frame(PING, b"still there?"));
        pieces.push(outbox.piece_of_frame(CLOSE, &[3, 232]));
        let mut rendering = Rendering::default();
        for (index, case) in cases.iter().enumerate() {
            let mut chain = Chain::default();
            for &number in &case.0 {
                outbox.push(&mut chain, index as u32, pieces[number]);
            }
            let (mut sequence, mut is_sealed) = (case.1, false);
            let progress = Progress { sequence: &mut sequence, is_sealed: &mut is_sealed };
            let bytes = rendering.render(progress, &outbox, &mut chain).to_vec();
            prop_assert!(chain.is_empty());
            prop_assert_eq!((bytes, sequence, is_sealed), plain(&outbox, &pieces, case));
        }
    }
}

#[test]
fn what_is_too_much_for_one_write_comes_in_several() {
    let mut outbox = Outbox::default();
    let tail = vec![b'x'; 50_000];
    let piece = outbox.piece_of_parts(Parts { head: b"", tail: &tail, extra: b"" }, StateKey::NONE);
    let mut rendering = Rendering::default();
    for _ in 0..2 {
        let mut chain = Chain::default();
        for _ in 0..7 {
            outbox.push(&mut chain, 0, piece);
        }
        let (mut sequence, mut is_sealed, mut lengths) = (0, false, Vec::new());
        while !chain.is_empty() {
            let progress = Progress { sequence: &mut sequence, is_sealed: &mut is_sealed };
            lengths.push(rendering.render(progress, &outbox, &mut chain).len());
        }
        assert_eq!(sequence, 7);
        assert_eq!(lengths, [150_018, 150_018, 50_006]);
    }
}
