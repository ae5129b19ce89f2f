//! Which codes the server has said to this thread's clients: by this the table of codes
//! knows whether a test really brings its code about.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;

thread_local! {
    static SEEN: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

/// Notes a code.
pub fn note(code: impl ToString) {
    SEEN.with_borrow_mut(|seen| seen.insert(code.to_string()));
}

/// Notes the codes of a message or of a REST answer.
pub fn note_message(message: &Value) {
    let places = [&message["error"], &message["payload"], message];
    places.into_iter().filter_map(|place| place["code"].as_str()).for_each(note);
}

/// Runs a test on this thread and gives the codes that its clients were told.
pub fn codes_of(test: fn()) -> BTreeSet<String> {
    SEEN.take();
    test();
    SEEN.take()
}
