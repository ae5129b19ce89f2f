//! Every code of the protocol and the test that brings it about over a real socket. The
//! tables are complete by construction: a code without a row, or a row whose test no
//! longer makes the server say its code, fails here.

use std::collections::BTreeSet;

use walras::wire::{CloseCode, Code};

use crate::support::seen::codes_of;
use crate::{bids, channels, ends, faults, frames, limits, rest, sign_in, tokens};

/// The test that brings a code about.
fn test_of(code: Code) -> fn() {
    match code {
        Code::InvalidMessage => frames::unreadable_messages_are_answered_and_change_nothing,
        Code::AuthRequired => sign_in::nobody_signed_in_within_five_seconds_ends_with_4401,
        Code::AuthFailed => tokens::forged_and_stale_tokens_get_the_same_refusal,
        Code::TokenExpired => sign_in::a_token_is_warned_of_before_its_end_and_closed_after_it,
        Code::PermissionDenied => bids::each_right_is_needed_for_what_it_is_for,
        Code::AuctionNotFound | Code::BidNotFound | Code::SettlementNotFound => {
            bids::what_is_not_there_is_not_found
        }
        Code::AuctionExists => rest::an_auction_may_choose_its_id_once,
        Code::SubscriptionFailed => channels::what_cannot_be_followed_is_refused_with_its_reason,
        Code::AuctionNotOpen
        | Code::AuctionEnded
        | Code::AuctionLocked
        | Code::InvalidBid
        | Code::BidTooLow
        | Code::BidLimit
        | Code::DuplicateBidId => bids::bids_are_refused_with_the_code_that_comes_first,
        Code::SettlementConflict => channels::a_settlement_is_affirmed_over_the_socket,
        Code::RateLimited => limits::the_hundred_and_first_message_in_a_second_is_not_executed,
        Code::ServiceUnavailable => faults::a_full_queue_answers_after_a_quarter_of_a_second,
        Code::Internal => faults::a_failed_assertion_of_the_engine_is_told_as_our_fault,
    }
}

/// The test that ends a connection with this code; `None` for the two that nothing of ours sends yet.
fn test_of_close(code: CloseCode) -> Option<fn()> {
    Some(match code {
        CloseCode::Normal => frames::leaving_is_answered_with_the_same_code_masked_or_not,
        CloseCode::GoingAway => ends::a_server_that_stops_at_once_says_that_it_goes_away,
        CloseCode::ProtocolError | CloseCode::BinaryFrame | CloseCode::InvalidUtf8 => {
            frames::frames_against_the_standard_end_with_their_codes
        }
        CloseCode::ControlFlood => frames::fragments_without_end_and_floods_of_control_frames_end_with_1008,
        CloseCode::TooLarge => frames::a_message_may_have_65536_bytes_in_one_frame_or_in_fragments,
        CloseCode::Internal => faults::whoever_verifies_tokens_may_fail_without_harm_to_others,
        CloseCode::Restarting => ends::a_drain_tells_everybody_and_closes_over_its_window,
        CloseCode::AuthTimeout => sign_in::nobody_signed_in_within_five_seconds_ends_with_4401,
        CloseCode::AuthFailed => {
            sign_in::anything_before_sign_in_is_refused_and_the_third_wrong_token_is_the_last
        }
        CloseCode::HeartbeatTimeout => ends::silence_ends_a_connection_after_75_seconds_and_any_frame_is_life,
        CloseCode::TokenExpired => sign_in::a_token_is_warned_of_before_its_end_and_closed_after_it,
        CloseCode::ConnectionLimit => {
            sign_in::an_eleventh_connection_is_turned_away_unless_an_older_one_is_dead
        }
        CloseCode::MessageFlood => {
            limits::more_than_a_thousand_messages_a_second_for_three_seconds_end_with_4430
        }
        CloseCode::SlowConsumer => ends::whoever_does_not_read_ends_with_4431_and_the_others_notice_nothing,
        CloseCode::InvalidFlood => frames::twenty_unreadable_messages_in_ten_seconds_end_with_4440,
        CloseCode::Overloaded | CloseCode::Revoked => return None,
    })
}

#[test]
fn every_error_code_comes_over_a_socket() {
    let tests: BTreeSet<usize> = Code::ALL.iter().map(|&code| test_of(code) as usize).collect();
    for address in tests {
        let codes: Vec<Code> =
            Code::ALL.into_iter().filter(|&code| test_of(code) as usize == address).collect();
        let seen = codes_of(test_of(codes[0]));
        for code in codes {
            assert!(seen.contains(code.as_str()), "{} did not come: {seen:?}", code.as_str());
        }
    }
}

#[test]
fn every_close_code_comes_over_a_socket() {
    let has_test = |code: &CloseCode| test_of_close(*code).is_some();
    let (with, without): (Vec<CloseCode>, Vec<CloseCode>) = CloseCode::ALL.into_iter().partition(has_test);
    assert_eq!(without, [CloseCode::Overloaded, CloseCode::Revoked], "codes that come with operations");
    for code in with {
        let test = test_of_close(code).expect("it has a test");
        let seen = codes_of(test);
        assert!(seen.contains(&code.number().to_string()), "{} did not come: {seen:?}", code.number());
    }
}
