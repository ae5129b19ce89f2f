# One auction of an engine: its life, its state, its bids and its result as columns.

"""
    Auction(engine; supply, creator = "host", idempotency_key, …)
    Auction(engine, terms; creator = "host", idempotency_key)
    Auction(engine, id::UUID)

Creates an auction, from keywords as for [`Terms`](@ref) and those of live auctions (`auction_id`, `name`, `duration_ms`,
`ends_at`, `max_bids_per_bidder`, `allow_cancel`, …), or from terms as JSON, named tuple or dictionary; or finds one that there is.
`creator` is a party's name, and the seller unless the terms name one. With an `idempotency_key` a repeated call gives the
auction of the first.

Throws [`MalformedError`](@ref), which names the field, and [`RefusedError`](@ref) with code `:AUCTION_EXISTS` or
`:AUCTION_NOT_FOUND`.
"""
struct Auction
    engine::Engine
    id::UUID
    grids::Grids
    # Where calls read the id from.
    place::Base.RefValue{Id}
end

function Auction(engine::Engine, id::UUID)
    place, grids = Ref(Id(id)), Ref{Grids}()
    GC.@preserve engine check(walras_auction_grids(engine.handle, place, grids))
    return Auction(engine, id, grids[], place)
end

function Auction(engine::Engine, terms::AbstractString; creator::AbstractString = "host", idempotency_key = nothing)
    creator, terms, key = String(creator), String(terms), string_or_nothing(idempotency_key)
    place = Ref(Id())
    GC.@preserve engine key begin
        check(walras_auction_create(engine.handle, creator, sizeof(creator), terms, sizeof(terms),
                                    text_or_null(key)..., place, Ptr{UInt32}(C_NULL)))
    end
    return Auction(engine, UUID(place[]))
end

Auction(engine::Engine, terms::Union{NamedTuple,AbstractDict}; options...) =
    Auction(engine, JSON.write(terms); options...)

Auction(engine::Engine; creator::AbstractString = "host", idempotency_key = nothing, terms...) =
    Auction(engine, JSON.write(values(terms)); creator = creator, idempotency_key = idempotency_key)

Base.show(io::IO, auction::Auction) = print(io, "Auction(", auction.id, ")")
Base.:(==)(left::Auction, right::Auction) = left.engine === right.engine && left.id == right.id
Base.hash(auction::Auction, seed::UInt) = hash(auction.id, seed)

tick(auction::Auction) = tick(auction.grids)
lot(auction::Auction) = lot(auction.grids)

"    auctions(engine) -> Vector{Auction}\n\nAll auctions, in the order in which they were created."
function auctions(engine::Engine)
    place = Ref(Id())
    return map(1:status(engine).auction_count) do number
        GC.@preserve engine check(walras_auction_at(engine.handle, number - 1, place))
        Auction(engine, UUID(place[]))
    end
end

"""
    close!(auction) -> result

Ends an auction now (price, allocation, settlement) and gives its [`result`](@ref).
"""
function close!(auction::Auction)
    engine = auction.engine
    GC.@preserve engine check(walras_auction_close(engine.handle, auction.place))
    return result(auction)
end

"    cancel!(auction; reason)\n\nCalls an auction off: nothing is sold."
cancel!(auction::Auction; reason = nothing) = with_reason(walras_auction_cancel, auction, string_or_nothing(reason))

"    halt!(auction; reason)\n\nStops the taking of bids until [`resume!`](@ref); the end stays where it is."
halt!(auction::Auction; reason = nothing) = with_reason(walras_auction_halt, auction, string_or_nothing(reason))

function with_reason(call, auction, reason)
    engine = auction.engine
    GC.@preserve engine reason check(call(engine.handle, auction.place, text_or_null(reason)...))
end

"    resume!(auction)\n\nLets a halted auction take bids again."
function resume!(auction::Auction)
    engine = auction.engine
    GC.@preserve engine check(walras_auction_resume(engine.handle, auction.place))
end

const AUCTION_STATUSES = (:scheduled, :active, :halted, :completed, :cancelled)
const NO_TIME = typemin(Int64)

"""
    state(auction) -> named tuple

Where an auction stands: `status` (`:scheduled`, `:active`, `:halted`, `:completed`, `:cancelled`), `outcome` if it ended now,
`current_price` and `next_price` (with one more lot wanted; `nothing` once it has ended) in units, the same in ticks,
quantities in lots, `bid_count`, `ends_at_us` (`nothing` while that is open), `offset` of the last event included.
"""
function state(auction::Auction)
    found, engine = Ref{AuctionState}(), auction.engine
    GC.@preserve engine check(walras_auction_state_get(engine.handle, auction.place, found))
    now = found[]
    return (
        status = AUCTION_STATUSES[now.status+1], outcome = OUTCOMES[now.outcome+1], offset = Int(now.offset),
        at_us = now.at_us, ends_at_us = now.ends_at_us == NO_TIME ? nothing : now.ends_at_us,
        current_price = price(auction, now.current_price_ticks), current_price_ticks = now.current_price_ticks,
        next_price = price(auction, now.next_price_ticks), next_price_ticks = price_or_nothing(now.next_price_ticks),
        supply_lots = now.supply_lots, matched_lots = now.matched_lots, demand_above_lots = now.demand_above_lots,
        demand_at_or_above_lots = now.demand_at_or_above_lots, marginal_demand_lots = now.marginal_demand_lots,
        marginal_available_lots = now.marginal_available_lots, total_quantity_lots = now.total_quantity_lots,
        bid_count = Int(now.bid_count), phantom_count = Int(now.phantom_count))
end

"    price(auction, ticks) -> Float64 or nothing\n\nA price in units; `nothing` for `NO_PRICE`."
price(auction::Auction, ticks::Integer) = ticks == NO_PRICE ? nothing : float_of(price_step(auction.grids), ticks)

"    quantity(auction, lots) -> Float64\n\nA quantity in units."
quantity(auction::Auction, lots::Integer) = float_of(quantity_step(auction.grids), lots)

"""
    result(auction) -> (clearing_price, allocated, revenue, …)

The result of a completed auction, in units and in ticks, lots and tick × lot units; `clearing_price` is `nothing` when nothing
was sold. Throws [`RefusedError`](@ref) before it has completed.
"""
function result(auction::Auction)
    found, engine = Ref{AuctionResult}(), auction.engine
    GC.@preserve engine check(walras_auction_result(engine.handle, auction.place, found))
    now, revenue = found[], Int128(found[].revenue)
    return (
        clearing_price = price(auction, now.clearing_price_ticks),
        clearing_price_ticks = price_or_nothing(now.clearing_price_ticks),
        allocated = quantity(auction, now.allocated_lots), allocated_lots = now.allocated_lots,
        revenue = float_of(money_step(auction.grids), revenue), revenue_units = revenue,
        bid_count = Int(now.bid_count), total_quantity_lots = now.total_quantity_lots, ended_at_us = now.ended_at_us)
end

"    info(auction) -> Dict\n\nThe resolved terms, their hash and the state: the payload of the protocol's `auction_info`."
info(auction::Auction) = JSON.parse(text_of_auction(walras_auction_info, auction))

"""
    document(auction) -> String

The auction with its live bids as the JSON document of [`clear_document`](@ref) and `walras clear`: clearing it gives the
recorded result again.
"""
document(auction::Auction) = text_of_auction(walras_auction_document, auction)

function text_of_auction(call, auction)
    engine = auction.engine
    return GC.@preserve engine text_of((text, bytes) -> call(engine.handle, auction.place, text, bytes))
end

"    bidders(auction) -> Vector{String}\n\nThe names of all who have bid, in the order of their first bids."
function bidders(auction::Auction)
    engine, names = auction.engine, String[]
    while true
        page = GC.@preserve engine text_of() do text, bytes
            walras_auction_bidders(engine.handle, auction.place, length(names), text, bytes)
        end
        more = JSON.parse(page)
        isempty(more) && return names
        append!(names, more)
    end
end

"    bidder(auction, party_key) -> String\n\nThe name of the bidder whose key an event carries."
function bidder(auction::Auction, party_key::UUID)
    engine, key = auction.engine, Ref(Id(party_key))
    return GC.@preserve engine text_of() do text, bytes
        walras_auction_bidder(engine.handle, auction.place, key, text, bytes)
    end
end

const WHICH_BIDS = (all = UInt32(0), live = UInt32(1), won = UInt32(2))
const BID_STATUSES = (:pending, :cancelled, :filled, :partial, :unfilled, :killed)
const BID_AT_MARGIN = UInt32(4)
const ROWS_AT_ONCE = 4096

function rows(auction, which)
    engine, found = auction.engine, BidRow[]
    page = Vector{BidRow}(undef, ROWS_AT_ONCE)
    count, next = Ref{UInt64}(0), Ref{UInt64}(0)
    while true
        GC.@preserve engine check(walras_auction_bids(
            engine.handle, auction.place, WHICH_BIDS[which], next[], page, length(page), count, next))
        append!(found, view(page, 1:Int(count[])))
        count[] < length(page) && return found
    end
end

text_of_bytes(bytes) = String([byte for byte in bytes if byte != 0])

"""
    bids(auction, which = :live) -> named tuple of vectors

Bids in the order they were accepted: `:live` ones (not taken back), `:all`, or those that `:won` something. Columns:
`bid_id`, `bidder`, `client_bid_id` (empty for none), `price` (`NaN` of a price taker), `price_ticks`, `quantity`,
`quantity_lots`, `filled`, `filled_lots`, `payment`, `payment_units`, `status`, `is_phantom`, `is_marginal`, `at_margin`, `at_us`,
`offset`. Prices and quantities are in units, exact ones in ticks, lots and tick × lot units.
"""
function bids(auction::Auction, which::Symbol = :live)
    haskey(WHICH_BIDS, which) || misuse(:BAD_ARGUMENT, "bids are :live, :all or :won, not :$which")
    found, names, grids = rows(auction, which), bidders(auction), auction.grids
    ticks = Int64[row.price_ticks for row in found]
    lots, filled = Int64[row.quantity_lots for row in found], Int64[row.filled_lots for row in found]
    payments = Int128[Int128(row.payment) for row in found]
    return (
        bid_id = UUID[UUID(row.bid) for row in found],
        bidder = String[names[row.bidder+1] for row in found],
        client_bid_id = String[text_of_bytes(row.client_bid_id) for row in found],
        price = Float64[count == NO_PRICE ? NaN : float_of(price_step(grids), count) for count in ticks],
        price_ticks = ticks,
        quantity = floats_of(quantity_step(grids), lots), quantity_lots = lots,
        filled = floats_of(quantity_step(grids), filled), filled_lots = filled,
        payment = floats_of(money_step(grids), payments), payment_units = payments,
        status = Symbol[BID_STATUSES[row.status+1] for row in found],
        is_phantom = Bool[row.flags & BID_PHANTOM != 0 for row in found],
        is_marginal = Bool[row.flags & BID_MARGINAL != 0 for row in found],
        at_margin = Bool[row.flags & BID_AT_MARGIN != 0 for row in found],
        at_us = Int64[row.at_us for row in found],
        offset = Int[row.offset for row in found])
end

"""
    allocations(auction) -> (bid_id, bidder, client_bid_id, quantity, quantity_lots, payment, payment_units)

What was won, one row for each winning bid, in the order of acceptance. Empty until the auction has completed.
"""
function allocations(auction::Auction)
    won = bids(auction, :won)
    return (bid_id = won.bid_id, bidder = won.bidder, client_bid_id = won.client_bid_id, quantity = won.filled,
            quantity_lots = won.filled_lots, payment = won.payment, payment_units = won.payment_units)
end

"""
    curve(auction, prices) -> (price, price_ticks, demand, demand_lots, supply, supply_lots)
    curve(auction)

Quantities wanted at or above, and on offer at, each price in units; without prices, at every price that a live bid has and at
the current one.
"""
function curve(auction::Auction, prices)
    ticks, engine, grids = steps_of(price_step(auction.grids), prices, :refuse), auction.engine, auction.grids
    demand, supply = Vector{Int64}(undef, length(ticks)), Vector{Int64}(undef, length(ticks))
    GC.@preserve engine check(walras_auction_curve(engine.handle, auction.place, ticks, length(ticks), demand, supply))
    return (price = floats_of(price_step(grids), ticks), price_ticks = ticks,
            demand = floats_of(quantity_step(grids), demand), demand_lots = demand,
            supply = floats_of(quantity_step(grids), supply), supply_lots = supply)
end

function curve(auction::Auction)
    ticks = Int64[row.price_ticks for row in rows(auction, :live) if row.price_ticks != NO_PRICE]
    levels = sort!(unique!(push!(ticks, state(auction).current_price_ticks)))
    return curve(auction, [level * tick(auction) for level in levels])
end
