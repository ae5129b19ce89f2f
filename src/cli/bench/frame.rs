//! WebSocket frames as a client writes and reads them: masked texts out, whole frames in.

/// A frame's opcode for text.
pub const TEXT: u8 = 1;
/// A frame's opcode for a close.
pub const CLOSE: u8 = 8;
/// A frame's opcode for a ping.
pub const PING: u8 = 9;
/// A frame's opcode for a pong.
pub const PONG: u8 = 10;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// Where a server's frame lies in the bytes it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What it is.
    pub opcode: u8,
    /// Where its payload starts.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// Masks for frames: they must differ, not be secret, on a connection that no browser opened.
#[derive(Debug)]
pub struct Masks(u32);

impl Masks {
    /// A sequence of its own for every seed.
    pub fn new(seed: u32) -> Self {
        Self(seed | 1)
    }

    fn next(&mut self) -> [u8; 4] {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0.to_le_bytes()
    }
}

/// Appends a whole frame.
pub fn write(opcode: u8, payload: &[u8], masks: &mut Masks, out: &mut Vec<u8>) {
    out.push(FINAL | opcode);
    match payload.len() {
        length @ 0..126 => out.push(MASKED | length as u8),
        length @ 126..65_536 => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    let mask = masks.next();
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// The frame at the start of `bytes`, if its header is there. Its payload may be still to come.
#[inline]
pub fn read(bytes: &[u8]) -> Option<Head> {
    let &[first, second, ref rest @ ..] = bytes else { return None };
    let (start, length) = match second & 0x7f {
        126 => (4, u64::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => (10, u64::from_be_bytes(*rest.first_chunk()?)),
        short => (2, u64::from(short)),
    };
    let end = usize::try_from(length).ok().and_then(|length| length.checked_add(start))?;
    Some(Head { opcode: first & 0x0f, start, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_all_lengths_are_masked_and_found_again() {
        let mut masks = Masks::new(7);
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload: Vec<u8> = (0..length).map(|index| index as u8).collect();
            let mut out = Vec::new();
            write(TEXT, &payload, &mut masks, &mut out);
            let head = read(&out).expect("the header is there");
            assert_eq!((head.opcode, head.end - head.start), (TEXT, length));
            // A client's frame has its mask between header and payload.
            let mask: [u8; 4] = *out[head.start..].first_chunk().expect("a mask");
            let body = &out[head.start + 4..];
            assert_eq!(body.len(), length);
            assert!(body.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).eq(payload));
        }
    }

    #[test]
    fn a_header_in_pieces_is_waited_for() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[0x81]), None);
        assert_eq!(read(&[0x81, 126, 1]), None);
        assert_eq!(read(&[0x81, 126, 1, 0]), Some(Head { opcode: TEXT, start: 4, end: 260 }));
        assert_eq!(read(&[0x88, 2]), Some(Head { opcode: CLOSE, start: 2, end: 4 }));
    }
}
