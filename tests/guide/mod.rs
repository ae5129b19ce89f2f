//! The guide's text, its fenced blocks, and the messages that it shows a server sending.

use crate::ordered_json::Json;

/// The document.
pub const GUIDE: &str = include_str!("WEBSOCKET_GUIDE.md");

/// The blocks of a language, in order.
pub fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("\n```{language}\n");
    GUIDE.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

/// The block about signing in: each message with the comment above it.
pub fn authentication() -> Vec<(&'static str, &'static str)> {
    let is_it = |block: &&str| block.starts_with("// Authentication message");
    let block = blocks("javascript").into_iter().find(is_it).expect("the guide shows how to sign in");
    block.split("// ").skip(1).filter_map(|part| part.split_once('\n')).collect()
}

/// All messages of the server that the guide shows.
pub fn received() -> Vec<Json> {
    let answers = authentication().into_iter().filter(|(comment, _)| comment.ends_with("response"));
    let answers = answers.map(|(_, text)| Json::parse(text));
    answers.chain(blocks("json").into_iter().map(Json::parse)).collect()
}
