//! Why a connection is closed: numbers and reason texts of close frames.

/// A close code with its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
#[expect(missing_docs, reason = "the reason text says it")]
pub enum CloseCode {
    Normal = 1000,
    GoingAway = 1001,
    ProtocolError = 1002,
    BinaryFrame = 1003,
    InvalidUtf8 = 1007,
    ControlFlood = 1008,
    TooLarge = 1009,
    Internal = 1011,
    Restarting = 1012,
    Overloaded = 1013,
    AuthTimeout = 4401,
    AuthFailed = 4402,
    Revoked = 4403,
    HeartbeatTimeout = 4408,
    TokenExpired = 4419,
    ConnectionLimit = 4429,
    MessageFlood = 4430,
    SlowConsumer = 4431,
    InvalidFlood = 4440,
}

impl CloseCode {
    /// All of them, by number.
    pub const ALL: [Self; 19] = [
        Self::Normal,
        Self::GoingAway,
        Self::ProtocolError,
        Self::BinaryFrame,
        Self::InvalidUtf8,
        Self::ControlFlood,
        Self::TooLarge,
        Self::Internal,
        Self::Restarting,
        Self::Overloaded,
        Self::AuthTimeout,
        Self::AuthFailed,
        Self::Revoked,
        Self::HeartbeatTimeout,
        Self::TokenExpired,
        Self::ConnectionLimit,
        Self::MessageFlood,
        Self::SlowConsumer,
        Self::InvalidFlood,
    ];

    /// The number in the frame.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The text in the frame, for people: at most 123 bytes.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::GoingAway => "server going away",
            Self::ProtocolError => "protocol error",
            Self::BinaryFrame => "binary frames are not accepted",
            Self::InvalidUtf8 => "invalid UTF-8",
            Self::ControlFlood => "too many control frames or fragments",
            Self::TooLarge => "message too large",
            Self::Internal => "internal error",
            Self::Restarting => "server restarting",
            Self::Overloaded => "server overloaded",
            Self::AuthTimeout => "no authentication in time",
            Self::AuthFailed => "authentication failed",
            Self::Revoked => "access revoked",
            Self::HeartbeatTimeout => "heartbeat timeout",
            Self::TokenExpired => "token expired",
            Self::ConnectionLimit => "too many connections",
            Self::MessageFlood => "message flood",
            Self::SlowConsumer => "slow consumer",
            Self::InvalidFlood => "too many invalid messages",
        }
    }

    /// What the client should do.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Normal => "stop",
            Self::GoingAway | Self::Internal => "reconnect with backoff",
            Self::ProtocolError
            | Self::BinaryFrame
            | Self::InvalidUtf8
            | Self::ControlFlood
            | Self::TooLarge => "fix itself",
            Self::Restarting => "reconnect after `reconnect_in_ms` and resume",
            Self::Overloaded | Self::ConnectionLimit | Self::MessageFlood | Self::InvalidFlood => {
                "reconnect with long backoff"
            }
            Self::AuthTimeout | Self::AuthFailed | Self::TokenExpired => "get a new token",
            Self::Revoked => "stop",
            Self::HeartbeatTimeout | Self::SlowConsumer => "reconnect and resume",
        }
    }
}
