# The library's functions that the package calls, as `include/walras.h` declares them.

@function_of_library Ptr{UInt8} walras_version()
@function_of_library Ptr{UInt8} walras_last_error()
@function_of_library Int32 walras_log_set(level::UInt32, log::Ptr{Cvoid}, argument::Ptr{Cvoid})
@function_of_library Int32 walras_steps_from_floats(
    mantissa::Int64, scale::UInt32, rounding::UInt32, floats::Ptr{Float64}, count::UInt64, steps_out::Ptr{Int64})

@function_of_library Int32 walras_terms_new(json::Ptr{UInt8}, json_bytes::UInt64, terms_out::Ptr{Ptr{Cvoid}})
@function_of_library Int32 walras_terms_free(terms::Ptr{Cvoid})
@function_of_library Int32 walras_terms_grids(
    terms::Ptr{Cvoid}, grids_out::Ptr{Grids}, lowest_price_ticks_out::Ptr{Int64})
@function_of_library Int32 walras_terms_supply(
    terms::Ptr{Cvoid}, prices_ticks::Ptr{Int64}, count::UInt64, lots_out::Ptr{Int64})
@function_of_library Int32 walras_clear_with(
    terms::Ptr{Cvoid}, bids::Ptr{BidColumns}, fills::Ptr{FillColumns}, clearing_out::Ptr{Figures})
@function_of_library Int32 walras_clear_many(
    terms::Ptr{Cvoid}, count::UInt64, offsets::Ptr{UInt64}, bids::Ptr{BidColumns}, threads::UInt32,
    fills::Ptr{FillColumns}, clearings_out::Ptr{Figures})
@function_of_library Int32 walras_clear_json(
    json::Ptr{UInt8}, json_bytes::UInt64, result_out::Ptr{Ptr{UInt8}}, result_bytes_out::Ptr{UInt64})

@function_of_library Int32 walras_engine_new(options::Ptr{UInt8}, options_bytes::UInt64, engine_out::Ptr{Ptr{Cvoid}})
@function_of_library Int32 walras_engine_free(engine::Ptr{Cvoid})
@function_of_library Int32 walras_engine_clone(engine::Ptr{Cvoid}, clone_out::Ptr{Ptr{Cvoid}})
@function_of_library Int32 walras_engine_drain(engine::Ptr{Cvoid})
@function_of_library Int32 walras_engine_digest(engine::Ptr{Cvoid}, digest_out::Ptr{UInt8})
@function_of_library Int32 walras_engine_now(engine::Ptr{Cvoid}, now_us_out::Ptr{Int64})
@function_of_library Int32 walras_engine_advance(engine::Ptr{Cvoid}, by_us::Int64)
@function_of_library Int32 walras_engine_status_get(engine::Ptr{Cvoid}, status_out::Ptr{EngineStatus})

@function_of_library Int32 walras_auction_create(
    engine::Ptr{Cvoid}, creator::Ptr{UInt8}, creator_bytes::UInt64, terms_json::Ptr{UInt8}, terms_json_bytes::UInt64,
    idempotency_key::Ptr{UInt8}, idempotency_key_bytes::UInt64, auction_out::Ptr{Id}, created_out::Ptr{UInt32})
@function_of_library Int32 walras_auction_close(engine::Ptr{Cvoid}, auction::Ptr{Id})
@function_of_library Int32 walras_auction_cancel(
    engine::Ptr{Cvoid}, auction::Ptr{Id}, reason::Ptr{UInt8}, reason_bytes::UInt64)
@function_of_library Int32 walras_auction_halt(
    engine::Ptr{Cvoid}, auction::Ptr{Id}, reason::Ptr{UInt8}, reason_bytes::UInt64)
@function_of_library Int32 walras_auction_resume(engine::Ptr{Cvoid}, auction::Ptr{Id})
@function_of_library Int32 walras_auction_at(engine::Ptr{Cvoid}, index::UInt64, auction_out::Ptr{Id})
@function_of_library Int32 walras_auction_grids(engine::Ptr{Cvoid}, auction::Ptr{Id}, grids_out::Ptr{Grids})
@function_of_library Int32 walras_auction_state_get(engine::Ptr{Cvoid}, auction::Ptr{Id}, state_out::Ptr{AuctionState})
@function_of_library Int32 walras_auction_result(engine::Ptr{Cvoid}, auction::Ptr{Id}, result_out::Ptr{AuctionResult})
@function_of_library Int32 walras_auction_info(
    engine::Ptr{Cvoid}, auction::Ptr{Id}, json_out::Ptr{Ptr{UInt8}}, json_bytes_out::Ptr{UInt64})
@function_of_library Int32 walras_auction_document(
    engine::Ptr{Cvoid}, auction::Ptr{Id}, json_out::Ptr{Ptr{UInt8}}, json_bytes_out::Ptr{UInt64})
@function_of_library Int32 walras_auction_bidders(
    engine::Ptr{Cvoid}, auction::Ptr{Id}, first::UInt32, json_out::Ptr{Ptr{UInt8}}, json_bytes_out::Ptr{UInt64})
@function_of_library Int32 walras_auction_bidder(
    engine::Ptr{Cvoid}, auction::Ptr{Id}, party_key::Ptr{Id}, name_out::Ptr{Ptr{UInt8}}, name_bytes_out::Ptr{UInt64})
@function_of_library Int32 walras_auction_bids(
    engine::Ptr{Cvoid}, auction::Ptr{Id}, which::UInt32, first::UInt64, rows_out::Ptr{BidRow}, capacity::UInt64,
    count_out::Ptr{UInt64}, next_out::Ptr{UInt64})
@function_of_library Int32 walras_auction_curve(
    engine::Ptr{Cvoid}, auction::Ptr{Id}, prices_ticks::Ptr{Int64}, count::UInt64, demand_lots_out::Ptr{Int64},
    supply_lots_out::Ptr{Int64})
@function_of_library Int32 walras_auction_price_to_win(
    engine::Ptr{Cvoid}, auction::Ptr{Id}, quantity_lots::Int64, price_ticks_out::Ptr{Int64})
@function_of_library Int32 walras_auction_what_if(
    engine::Ptr{Cvoid}, auction::Ptr{Id}, what_if::Ptr{WhatIfColumns}, prices_ticks_out::Ptr{Int64},
    filled_lots_out::Ptr{Int64}, payments_out::Ptr{Int128})

@function_of_library Int32 walras_bid_submit(
    engine::Ptr{Cvoid}, auction::Ptr{Id}, party::Ptr{UInt8}, party_bytes::UInt64, price_ticks::Int64,
    quantity_lots::Int64, flags::UInt32, client_bid_id::Ptr{UInt8}, client_bid_id_bytes::UInt64,
    receipt_out::Ptr{ReceiptFields})
@function_of_library Int32 walras_bids_submit(
    engine::Ptr{Cvoid}, auction::Ptr{Id}, orders::Ptr{OrderColumns}, answers::Ptr{AnswerColumns},
    accepted_out::Ptr{UInt64})
@function_of_library Int32 walras_bid_cancel(
    engine::Ptr{Cvoid}, bid::Ptr{Id}, party::Ptr{UInt8}, party_bytes::UInt64, client_bid_id::Ptr{UInt8},
    client_bid_id_bytes::UInt64, receipt_out::Ptr{ReceiptFields})
@function_of_library Int32 walras_bid_amend(
    engine::Ptr{Cvoid}, bid::Ptr{Id}, party::Ptr{UInt8}, party_bytes::UInt64, client_bid_id::Ptr{UInt8},
    client_bid_id_bytes::UInt64, price_ticks::Int64, quantity_lots::Int64, receipt_out::Ptr{ReceiptFields})
@function_of_library Int32 walras_bids_cancel_all(
    engine::Ptr{Cvoid}, party::Ptr{UInt8}, party_bytes::UInt64, auction::Ptr{Id}, count_out::Ptr{UInt64})
@function_of_library Int32 walras_bid_query(
    engine::Ptr{Cvoid}, bid::Ptr{Id}, party::Ptr{UInt8}, party_bytes::UInt64, client_bid_id::Ptr{UInt8},
    client_bid_id_bytes::UInt64, view_out::Ptr{BidView})

@function_of_library Int32 walras_settlement_get(
    engine::Ptr{Cvoid}, auction::Ptr{Id}, json_out::Ptr{Ptr{UInt8}}, json_bytes_out::Ptr{UInt64})
@function_of_library Int32 walras_settlement_execute(engine::Ptr{Cvoid}, auction::Ptr{Id})
@function_of_library Int32 walras_settlement_affirm(
    engine::Ptr{Cvoid}, settlement::Ptr{Id}, party::Ptr{UInt8}, party_bytes::UInt64, hash::Ptr{UInt8}, agrees::UInt32,
    reason::Ptr{UInt8}, reason_bytes::UInt64)
@function_of_library Int32 walras_settlement_report(
    engine::Ptr{Cvoid}, settlement::Ptr{Id}, step::UInt32, is_done::UInt32, gas_used::UInt64,
    execution_path_json::Ptr{UInt8}, execution_path_json_bytes::UInt64, reason::Ptr{UInt8}, reason_bytes::UInt64)
@function_of_library Int32 walras_market_prices_put(
    engine::Ptr{Cvoid}, token::Ptr{UInt8}, token_bytes::UInt64, json::Ptr{UInt8}, json_bytes::UInt64)
@function_of_library Int32 walras_market_order_book_put(
    engine::Ptr{Cvoid}, token_pair::Ptr{UInt8}, token_pair_bytes::UInt64, json::Ptr{UInt8}, json_bytes::UInt64)
@function_of_library Int32 walras_event_publish(engine::Ptr{Cvoid}, json::Ptr{UInt8}, json_bytes::UInt64)

@function_of_library Int32 walras_subscriber_new(
    engine::Ptr{Cvoid}, filter::Ptr{UInt8}, filter_bytes::UInt64, subscriber_out::Ptr{Ptr{Cvoid}})
@function_of_library Int32 walras_subscriber_free(subscriber::Ptr{Cvoid})
@function_of_library Int32 walras_subscriber_poll(
    subscriber::Ptr{Cvoid}, events_out::Ptr{EventFields}, capacity::UInt64, timeout_ms::Int32, count_out::Ptr{UInt64},
    missed_out::Ptr{UInt64})
@function_of_library Int32 walras_subscriber_set_wakeup(
    subscriber::Ptr{Cvoid}, wake_up::Ptr{Cvoid}, argument::Ptr{Cvoid})

@function_of_library Int32 walras_server_start(
    engine::Ptr{Cvoid}, options::Ptr{UInt8}, options_bytes::UInt64, server_out::Ptr{Ptr{Cvoid}})
@function_of_library Int32 walras_server_port(server::Ptr{Cvoid}, port_out::Ptr{UInt16})
@function_of_library Int32 walras_server_connections(server::Ptr{Cvoid}, count_out::Ptr{UInt32})
@function_of_library Int32 walras_server_stop(server::Ptr{Cvoid})
@function_of_library Int32 walras_server_free(server::Ptr{Cvoid})
@function_of_library Int32 walras_token(
    server::Ptr{Cvoid}, options::Ptr{UInt8}, options_bytes::UInt64, token_out::Ptr{Ptr{UInt8}},
    token_bytes_out::Ptr{UInt64})
