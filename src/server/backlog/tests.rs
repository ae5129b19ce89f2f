//! Queues drained a few bytes at a time, against a plain list of messages.

use proptest::prelude::*;

use super::*;

const LIMITS: QueueLimits =
    QueueLimits { connection_bytes_max: 4_000, connection_messages_max: 40, total_bytes_max: usize::MAX };

fn numbered(name: &str, state: u64) -> (Parts<'_>, StateKey) {
    (Parts { head: name.as_bytes(), tail: b"|", extra: b"+" }, StateKey(state))
}

/// The texts of frames we wrote ourselves.
fn texts(mut frames: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while !frames.is_empty() {
        let end = frame_end(frames, 1);
        let header = if frames[1] == 126 { 4 } else { 2 };
        texts.push(String::from_utf8_lossy(&frames[header..end]).into_owned());
        frames = &frames[end..];
    }
    texts
}

#[derive(Debug, Clone)]
enum Step {
    Push { state: u64 },
    Drain { bytes: usize },
}

proptest! {
    #[test]
    fn keeps_facts_in_order_numbers_without_holes_and_the_latest_state(
        steps in proptest::collection::vec(
            prop_oneof![
                3 => (0_u64..4).prop_map(|state| Step::Push { state }),
                1 => (1_usize..200).prop_map(|bytes| Step::Drain { bytes }),
            ],
            1..120,
        ),
    ) {
        let mut backlog = Backlog::default();
        let mut wire = Vec::new();
        write_numbered(numbered("first", 0).0, 1, &mut wire);
        backlog.hold(&wire.clone(), 5);
        let mut sequence = 1;
        let (mut facts, mut latest) = (vec!["first".to_owned()], std::collections::BTreeMap::new());
        wire.truncate(5);
        for (index, step) in steps.iter().enumerate() {
            match *step {
                Step::Push { state } => {
                    let name = format!("{state}.{index}");
                    let (parts, key) = numbered(&name, state);
                    if backlog.push(Content::Numbered(parts, key), &LIMITS) == Fill::Beyond {
                        break;
                    }
                    if state == 0 { facts.push(name) } else { latest.insert(state, name); }
                }
                Step::Drain { bytes } => {
                    let sendable = backlog.sendable(&mut sequence, &LIMITS);
                    let count = sendable.len().min(bytes);
                    wire.extend_from_slice(&sendable[..count]);
                    backlog.advance(count);
                }
            }
        }
        loop {
            let sendable = backlog.sendable(&mut sequence, &LIMITS);
            let count = sendable.len();
            if count == 0 { break }
            wire.extend_from_slice(sendable);
            backlog.advance(count);
        }
        prop_assert_eq!(backlog.byte_count(), 0);
        prop_assert_eq!(backlog.message_count, 0);
        let texts = texts(&wire);
        let mut seen_facts = Vec::new();
        let mut seen_states = std::collections::BTreeMap::new();
        for (index, text) in texts.iter().enumerate() {
            let rest = text.strip_suffix("|+}").expect("each text is whole");
            let number = (index + 1).to_string();
            let name = rest.strip_suffix(number.as_str()).expect("numbers have no holes");
            match name.split_once('.') {
                Some((state, _)) if state != "0" => {
                    seen_states.insert(state.parse::<u64>().expect("a state"), name.to_owned());
                }
                _ => seen_facts.push(name.to_owned()),
            }
        }
        prop_assert_eq!(seen_facts.len() >= facts.len(), true);
        prop_assert_eq!(&seen_facts[..facts.len()], &facts[..]);
        for (state, name) in latest {
            // A state refused at the bound may be the last one seen instead.
            let seen = seen_states.get(&state).cloned().unwrap_or_default();
            let index = |name: &str| name.split_once('.').and_then(|(_, index)| index.parse::<usize>().ok());
            prop_assert!(index(&seen) >= index(&name));
        }
    }
}

#[test]
fn from_a_quarter_on_state_takes_no_more_room_however_much_comes() {
    let mut backlog = Backlog::default();
    for index in 0..10 {
        let name = format!("fact {index}");
        let (parts, key) = numbered(&name, 0);
        assert_eq!(backlog.push(Content::Numbered(parts, key), &LIMITS), Fill::Within);
    }
    for index in 0..10_000 {
        let name = format!("state {index:05}");
        let (parts, key) = numbered(&name, 1 + index % 3);
        assert_eq!(backlog.push(Content::Numbered(parts, key), &LIMITS), Fill::Within);
    }
    assert_eq!(backlog.message_count, 13);
    let mut sequence = 0;
    let texts = texts(backlog.sendable(&mut sequence, &LIMITS));
    assert_eq!(texts.len(), 13);
    let mut states: Vec<_> = texts[10..].iter().map(|text| text[..11].to_owned()).collect();
    states.sort();
    assert_eq!(states, ["state 09997", "state 09998", "state 09999"]);
}

#[test]
fn cutting_leaves_the_frame_that_is_on_its_way_and_nothing_else() {
    let mut frames = Vec::new();
    for sequence in 1..=3 {
        write_numbered(numbered(&"x".repeat(200), 0).0, sequence, &mut frames);
    }
    let one = frames.len() / 3;
    for (sent, kept) in [(one + 7, 2 * one), (one, one), (0, 0)] {
        let mut backlog = Backlog::default();
        backlog.hold(&frames, sent);
        let (parts, key) = numbered("later", 0);
        backlog.push(Content::Numbered(parts, key), &LIMITS);
        backlog.cut();
        assert_eq!(backlog.byte_count(), kept - sent);
        let mut sequence = 3;
        assert_eq!(backlog.sendable(&mut sequence, &LIMITS), &frames[sent..kept]);
        assert_eq!(sequence, 3);
    }
}

#[test]
fn the_total_follows_each_queue_and_the_largest_is_known() {
    let totals = QueueTotals::new(2);
    let mut backlog = Backlog::default();
    backlog.hold(&[0; 100], 10);
    backlog.account(&totals);
    assert_eq!(totals.bytes(), 90);
    backlog.advance(50);
    backlog.account(&totals);
    assert_eq!(totals.bytes(), 40);
    assert!(totals.offer(0, 40));
    assert!(!totals.offer(1, 39));
    assert!(totals.offer(1, 41));
    backlog.release(&totals);
    assert_eq!(totals.bytes(), 0);
}
