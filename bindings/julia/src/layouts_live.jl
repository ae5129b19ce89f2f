# The library's structs of engines, auctions, bids and events.

"An id in the order of its bytes: a UUID as the library has it in memory."
struct Id
    first::UInt64
    last::UInt64
end

Id(uuid::UUID) = Id(hton((uuid.value >> 64) % UInt64), hton(uuid.value % UInt64))
UUIDs.UUID(id::Id) = UUID(UInt128(ntoh(id.first)) << 64 | ntoh(id.last))
Id() = Id(0, 0)

"`walras_engine_status`"
struct EngineStatus
    readiness::Int32
    durability::Int32
    now_us::Int64
    auction_count::UInt64
end

"`walras_auction_state`"
struct AuctionState
    status::Int32
    outcome::Int32
    offset::UInt64
    at_us::Int64
    ends_at_us::Int64
    current_price_ticks::Int64
    next_price_ticks::Int64
    supply_lots::Int64
    matched_lots::Int64
    demand_above_lots::Int64
    demand_at_or_above_lots::Int64
    marginal_demand_lots::Int64
    marginal_available_lots::Int64
    total_quantity_lots::Int64
    bid_count::UInt64
    phantom_count::UInt64
end

"`walras_result`"
struct AuctionResult
    clearing_price_ticks::Int64
    allocated_lots::Int64
    bid_count::UInt64
    total_quantity_lots::Int64
    revenue::Int128Halves
    ended_at_us::Int64
end

"`walras_receipt`"
struct ReceiptFields
    bid::Id
    offset::UInt64
    at_us::Int64
    current_price_ticks::Int64
    standing::Int32
    status::Int32
    is_repeated::UInt32
    priority_kept::UInt32
end

"`walras_bid_view`"
struct BidView
    bid::Id
    auction::Id
    price_ticks::Int64
    quantity_lots::Int64
    filled_lots::Int64
    payment::Int128Halves
    current_price_ticks::Int64
    at_us::Int64
    offset::UInt64
    status::Int32
    standing::Int32
end

"`walras_bid_row`"
struct BidRow
    bid::Id
    client_bid_id::NTuple{64,UInt8}
    price_ticks::Int64
    quantity_lots::Int64
    filled_lots::Int64
    payment::Int128Halves
    at_us::Int64
    offset::UInt64
    status::Int32
    flags::UInt32
    bidder::UInt32
    reserved::UInt32
end

"`walras_orders`: bids to be submitted."
struct OrderColumns
    count::UInt64
    prices_ticks::Ptr{Int64}
    quantities_lots::Ptr{Int64}
    flags::Ptr{UInt8}
    party_count::UInt64
    parties::Ptr{UInt8}
    party_offsets::Ptr{UInt64}
    party_indexes::Ptr{UInt32}
    client_bid_ids::Ptr{UInt8}
    client_bid_id_offsets::Ptr{UInt64}
end

"`walras_answers`: where the answers go."
struct AnswerColumns
    statuses::Ptr{Int32}
    bids::Ptr{Id}
    offsets::Ptr{UInt64}
    path_prices_ticks::Ptr{Int64}
    path_demand_above_lots::Ptr{Int64}
end

"`walras_what_if`: bids that are imagined."
struct WhatIfColumns
    count::UInt64
    prices_ticks::Ptr{Int64}
    quantities_lots::Ptr{Int64}
    without_count::UInt64
    without::Ptr{Id}
end

"`walras_event`"
struct EventFields
    kind::UInt32
    flags::UInt32
    auction::Id
    subject::Id
    party_key::Id
    offset::UInt64
    at_us::Int64
    price_ticks::Int64
    quantity_lots::Int64
    current_price_ticks::Int64
    json::Ptr{UInt8}
    json_bytes::UInt64
end
