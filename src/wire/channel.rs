//! The four channels of the guide. Everything a server sends unasked goes out on one of them.

/// The channels of the guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Channel {
    /// Auction state.
    Auction = 0,
    /// Bids.
    Bids = 1,
    /// Settlement.
    Settlement = 2,
    /// Prices and order books.
    MarketData = 3,
}

impl Channel {
    /// All of them, in the order of the guide.
    pub const ALL: [Self; 4] = [Self::Auction, Self::Bids, Self::Settlement, Self::MarketData];

    /// The word of the wire protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auction => "auction",
            Self::Bids => "bids",
            Self::Settlement => "settlement",
            Self::MarketData => "market_data",
        }
    }

    /// The channel a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == word)
    }

    /// The channel a byte of a frame names.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|&channel| channel as u8 == byte)
    }
}
