//! Bad input: each gets its answer, and nobody else notices.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{AUCTION, Client, Incoming, Opcode, World, bid, frame, handshake};

/// A server with somebody watching the bids of an auction, and somebody about to misbehave.
struct Scene {
    world: World,
    watcher: Client,
    client: Client,
}

fn scene() -> Scene {
    let world = World::start();
    world.open_auction();
    let watcher = world.subscriber("watcher", "bids");
    let client = world.trader("mallory");
    Scene { world, watcher, client }
}

impl Scene {
    /// A third party bids, and the watcher sees it.
    fn assert_unharmed(&mut self) {
        let mut bidder = self.world.trader("bob");
        bidder.say(bid(3, 4.5));
        bidder.expect("bid_accepted");
        assert_eq!(self.watcher.until("new_bid")["payload"]["price"], 4.5);
        self.watcher.assert_alive();
    }
}

#[test]
pub fn unreadable_messages_are_answered_and_change_nothing() {
    let mut scene = scene();
    let deep = format!(r#"{{"type":"ping","x":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let deep_33 = format!(r#"{{"type":"ping","x":{}{}}}"#, "[".repeat(32), "]".repeat(32));
    let inf = bid(1, 1.0).to_string().replace("1.0", "1e999");
    let texts = [
        "{",
        "",
        "nonsense",
        "[]",
        "null",
        r#"{"type":"ping"} trailing"#,
        r#"{"type":"ping",}"#,
        r#"{"type":"ping","type":"ping"}"#,
        r#"{"type":"ping","x":{"a":1,"a":2}}"#,
        r#"{"type":"ping","x":01}"#,
        r#"{"type":"ping","x":+1}"#,
        r#"{"type":"ping","x":NaN}"#,
        r#"{"type":"ping","timestamp":"\ud800"}"#,
        r#"{"type":17}"#,
        r#"{"type":"fly"}"#,
        &deep,
        &deep_33,
        &inf,
    ];
    for text in texts {
        scene.client.send_text(text);
        scene.client.refused("INVALID_MESSAGE");
        scene.client.assert_alive();
        scene.world.advance(Duration::from_secs(1));
    }
    scene.client.say(json!({"type": "submit_bid", "auction_id": AUCTION, "correlation_id": "c-1",
        "payload": {"quantity": "much", "price": 1.0, "client_bid_id": "b-1"}}));
    let refused = scene.client.message();
    assert_eq!(refused["correlation_id"], "c-1");
    assert_eq!(refused["error"]["details"]["client_bid_id"], "b-1");
    scene.assert_unharmed();
}

#[test]
pub fn twenty_unreadable_messages_in_ten_seconds_end_with_4440() {
    let mut scene = scene();
    for _ in 0..19 {
        scene.client.send_text("{");
        scene.client.refused("INVALID_MESSAGE");
    }
    scene.world.advance(Duration::from_millis(9_999));
    scene.client.send_text("{");
    assert_eq!(scene.client.closed(), 4440);
    scene.assert_unharmed();
}

#[test]
pub fn a_message_may_have_65536_bytes_in_one_frame_or_in_fragments() {
    let mut scene = scene();
    let of = |bytes: usize| {
        let empty = r#"{"type":"ping","timestamp":"here","x":""}"#;
        empty.replace("\"\"}", &format!("\"{}\"}}", "x".repeat(bytes - empty.len())))
    };
    let (fits, too_long) = (of(65_536), of(65_537));
    assert_eq!((fits.len(), too_long.len()), (65_536, 65_537));

    scene.client.send_text(&fits);
    scene.client.expect("pong");
    let mut pieces: Vec<&[u8]> = fits.as_bytes().chunks(700).collect();
    let last = pieces.pop().expect("there are pieces");
    for (index, piece) in pieces.iter().enumerate() {
        let opcode = if index == 0 { Opcode::Text } else { Opcode::Continue };
        scene.client.send_frame(opcode, false, piece);
    }
    scene.client.send_frame(Opcode::Ping, true, b"between");
    scene.client.send_frame(Opcode::Continue, true, last);
    assert_eq!(scene.client.next(), Incoming::Pong(b"between".to_vec()));
    scene.client.expect("pong");

    scene.client.send_text(&too_long);
    assert_eq!(scene.client.refused("INVALID_MESSAGE"), json!({"bytes_max": 65_536}));
    assert_eq!(scene.client.closed(), 1009);
    let mut other = scene.world.trader("mallory");
    other.send_frame(Opcode::Text, false, &too_long.as_bytes()[..60_000]);
    other.send_frame(Opcode::Continue, true, &too_long.as_bytes()[60_000..]);
    other.refused("INVALID_MESSAGE");
    assert_eq!(other.closed(), 1009);
    scene.assert_unharmed();
}

/// Sends these bytes after a harmless message and gives the close code.
fn code_after(scene: &mut Scene, bytes: &[u8]) -> u16 {
    let mut client = scene.world.trader("mallory");
    client.assert_alive();
    client.send_raw(bytes);
    client.closed()
}

#[test]
pub fn frames_against_the_standard_end_with_their_codes() {
    let mut scene = scene();
    let text = |payload: &[u8]| frame(Opcode::Text, true, payload);
    let cases: [(&str, Vec<u8>, u16); 12] = [
        ("unmasked text", vec![0x81, 2, b'{', b'}'], 1002),
        ("unmasked ping", vec![0x89, 0], 1002),
        ("reserved opcode", vec![0x83, 0x80, 1, 2, 3, 4], 1002),
        ("reserved bit", vec![0xc1, 0x80, 1, 2, 3, 4], 1002),
        ("nothing to continue", frame(Opcode::Continue, true, b"x"), 1002),
        ("long ping", frame(Opcode::Ping, true, &[b'x'; 126]), 1002),
        ("half a close code", frame(Opcode::Close, true, &[3]), 1002),
        ("a close code nobody may send", frame(Opcode::Close, true, &1006_u16.to_be_bytes()), 1002),
        ("binary", frame(Opcode::Binary, true, b"{}"), 1003),
        ("invalid UTF-8", text(b"{\"type\":\"\xff\"}"), 1007),
        ("a lone surrogate as bytes", text(b"{\"type\":\"\xed\xa0\x80\"}"), 1007),
        ("a length without end", vec![0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4], 1009),
    ];
    for (name, bytes, code) in cases {
        assert_eq!(code_after(&mut scene, &bytes), code, "{name}");
    }
    scene.assert_unharmed();
}

#[test]
pub fn fragments_without_end_and_floods_of_control_frames_end_with_1008() {
    let mut scene = scene();
    let mut fragments = frame(Opcode::Text, false, b"{");
    for _ in 0..500 {
        fragments.extend(frame(Opcode::Continue, false, b" "));
    }
    assert_eq!(code_after(&mut scene, &fragments), 1008);
    assert_eq!(code_after(&mut scene, &frame(Opcode::Ping, true, b"x").repeat(30)), 1008);
    assert_eq!(code_after(&mut scene, &frame(Opcode::Pong, true, b"x").repeat(30)), 1008);

    let mut slow = scene.world.trader("mallory");
    slow.send_frame(Opcode::Text, false, b"{");
    slow.settle();
    for _ in 0..3 {
        scene.world.advance_with(&mut [&mut slow, &mut scene.watcher], Duration::from_millis(9_999));
    }
    scene.world.advance(Duration::from_millis(3));
    assert_eq!(slow.closed(), 1008, "thirty seconds are enough for a message");
    scene.assert_unharmed();
}

#[test]
fn twenty_control_frames_a_second_are_fine() {
    let mut scene = scene();
    for second in 0..3 {
        scene.world.advance(Duration::from_secs(1));
        for _ in 0..20 {
            scene.client.send_frame(Opcode::Ping, true, b"p");
        }
        for _ in 0..20 {
            assert_eq!(scene.client.next(), Incoming::Pong(b"p".to_vec()), "second {second}");
        }
    }
    scene.client.assert_alive();
}

#[test]
pub fn leaving_is_answered_with_the_same_code_masked_or_not() {
    let scene = scene();
    let leave = |bytes: Vec<u8>| {
        let mut client = scene.world.trader("mallory");
        client.send_raw(&bytes);
        match client.next() {
            Incoming::Close(code, _) => code,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(leave(frame(Opcode::Close, true, &1000_u16.to_be_bytes())), 1000);
    assert_eq!(leave(frame(Opcode::Close, true, b"\x0f\xa0bye")), 4000);
    assert_eq!(leave(frame(Opcode::Close, true, b"")), 1005);
    assert_eq!(leave(vec![0x88, 0]), 1005);
    assert_eq!(leave(vec![0x88, 2, 3, 0xe8]), 1005);
}

#[test]
fn a_frame_byte_by_byte_is_a_frame() {
    let mut scene = scene();
    for byte in frame(Opcode::Text, true, bid(2, 3.5).to_string().as_bytes()) {
        scene.client.send_raw(&[byte]);
    }
    scene.client.expect("bid_accepted");
    assert_eq!(scene.watcher.until("new_bid")["payload"]["quantity"], 2.0);
}

#[test]
fn many_messages_in_one_packet_are_answered_in_order() {
    let mut scene = scene();
    let mut bytes = Vec::new();
    for number in 0..50 {
        bytes.extend(frame(
            Opcode::Text,
            true,
            json!({"type": "ping", "timestamp": number}).to_string().as_bytes(),
        ));
    }
    scene.client.send_raw(&bytes);
    for number in 0..50 {
        assert_eq!(scene.client.expect("pong")["payload"]["client_time"], number);
    }
}

#[test]
fn a_handshake_byte_by_byte_is_a_handshake() {
    let world = World::start();
    let mut client = Client::raw(world.address());
    for byte in handshake(&[]) {
        client.send_raw(&[byte]);
    }
    assert!(client.http_head().starts_with("HTTP/1.1 101 "));
    client.say(json!({"type": "auth", "token": world.token("alice", &["read"])}));
    client.expect("auth_success");
}

#[test]
fn a_head_without_end_gets_431_and_one_that_stalls_five_seconds() {
    let mut scene = scene();
    let mut endless = Client::raw(scene.world.address());
    endless.send_raw(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\n");
    let filler = format!("X-Filler: {}\r\n", "y".repeat(1000)).into_bytes();
    for _ in 0..20 {
        endless.send_raw(&filler);
    }
    assert!(endless.http_head().starts_with("HTTP/1.1 431 "));

    let mut stalled = Client::raw(scene.world.address());
    stalled.send_raw(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\n");
    // Whoever is served later has certainly been accepted later.
    scene.client.assert_alive();
    scene.world.connect();
    scene.world.advance(Duration::from_millis(4_999));
    stalled.send_raw(b"X-Still: here\r\n");
    scene.world.connect();
    scene.world.advance(Duration::from_millis(2));
    assert_eq!(stalled.http_head(), "", "the server hangs up");
    scene.assert_unharmed();
}

#[test]
fn what_is_no_handshake_is_told_what_is_missing() {
    let world = World::start();
    let status = |request: &[u8]| {
        let mut client = Client::raw(world.address());
        client.send_raw(request);
        let head = client.http_head();
        head.split(' ').nth(1).map(str::to_owned).unwrap_or_default()
    };
    assert_eq!(status(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\n\r\n"), "426");
    assert_eq!(status(b"POST /v1/ws HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), "405");
    assert_eq!(status(b"nonsense\r\n\r\n"), "400");
    assert_eq!(status(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"), "404");
    let text = String::from_utf8(handshake(&[])).expect("text");
    let keyless = text.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "X-No: key");
    assert_eq!(status(keyless.as_bytes()), "400");
    assert_eq!(status(text.replace("Version: 13", "Version: 8").as_bytes()), "426");
}

#[test]
fn pages_from_elsewhere_stay_out_where_only_loopback_is_welcome() {
    let world = World::with(|making| making.server.origins = walras::server::Origins::Loopback);
    let mut page = Client::raw(world.address());
    page.send_raw(&handshake(&[("Origin", "https://example.com")]));
    assert!(page.http_head().starts_with("HTTP/1.1 403 "));
    let mut local = Client::connect(world.address(), &[("Origin", "http://localhost:5173")]);
    local.settle();
    world.connect().settle();
}

#[test]
fn a_number_of_connections_beyond_the_bound_is_not_served() {
    let world = World::with(|making| making.server.connections_max = 3);
    let mut clients: Vec<Client> = (0..3).map(|_| world.connect()).collect();
    let mut late = Client::raw(world.address());
    late.send_raw(&handshake(&[]));
    assert_eq!(late.http_head(), "");
    let left = clients.pop();
    drop(left);
    for client in &mut clients {
        client.settle();
    }
    world.connections_fall_to(2);
    world.connect();
}

#[test]
fn messages_are_unknown_members_apart_what_the_guide_shows() {
    let mut scene = scene();
    let mut odd = bid(7, 2.5);
    odd["payload"]["note"] = Value::from("ignored");
    odd["more"] = json!([1, 2, {"x": null}]);
    scene.client.say(odd);
    let accepted = scene.client.expect("bid_accepted");
    assert_eq!(accepted["payload"]["quantity"], 7.0);
    assert_eq!(accepted["payload"]["status"], "pending");
}
