# Bids: placed one by one or as columns, taken back, changed, asked for, imagined.

const STANDINGS = (:above, :at_margin, :below)
const UNCHANGED = typemin(Int64)

"""
    Receipt

What a bidder hears of a bid that was accepted, changed or taken back: `bid_id`, `offset` (the event's number in its auction),
`at_us`, `current_price_ticks` after it (`NO_PRICE` of a bid that was taken back), `standing` at that price (`:above`, `:at_margin`,
`:below`), `status` (`:pending`, `:cancelled`, `:filled`, …), `is_repeated` (the answer to what had happened before),
`priority_kept` (of a changed bid).
"""
struct Receipt
    bid_id::UUID
    offset::Int64
    at_us::Int64
    current_price_ticks::Int64
    standing::Symbol
    status::Symbol
    is_repeated::Bool
    priority_kept::Bool
end

Receipt(fields::ReceiptFields) = Receipt(
    UUID(fields.bid), fields.offset, fields.at_us, fields.current_price_ticks, STANDINGS[fields.standing+1],
    BID_STATUSES[fields.status+1], fields.is_repeated != 0, fields.priority_kept != 0)

ticks_of(::Auction, ::Union{Nothing,Missing}) = NO_PRICE
ticks_of(auction::Auction, price::Real) = steps_near(price_step(auction.grids), price)
lots_of(auction::Auction, quantity::Real) = steps_near(quantity_step(auction.grids), quantity)

"How many steps a number is, at once where floats can tell; otherwise the library or exact fractions decide."
@inline function steps_near(step::Step, number::Real)
    float = Float64(number)
    if step.scale < length(FLOAT_POWERS)
        steps = round(float * FLOAT_POWERS[step.scale+1] / Float64(step.mantissa))
        abs(steps) < FLOAT_EXACT_MAX && float_of(step, Int64(steps)) == number && return Int64(steps)
    end
    return steps_of(step, number, :refuse)
end

"""
    submit!(auction, party, price, quantity; client_bid_id, is_phantom = false, is_marginal = false) -> Receipt

Places a bid of `party` for `quantity` at `price` at most, both in units; a price of `nothing` takes any. When the call returns the bid
is as durable as the engine promises. A `client_bid_id` that the party sent before with the same terms gives the first answer
again.

[`submit_steps!`](@ref) is the same with whole ticks and lots. Throws [`RefusedError`](@ref) (`:BID_TOO_LOW`, `:AUCTION_ENDED`,
`:BID_LIMIT`, …), [`MalformedError`](@ref) with code `:OFF_GRID` for numbers off the grid.
"""
submit!(auction::Auction, party::AbstractString, price, quantity; options...) =
    submit_steps!(auction, party, ticks_of(auction, price), lots_of(auction, quantity); options...)

"""
    submit_steps!(auction, party, price_ticks, quantity_lots; …) -> Receipt

As [`submit!`](@ref), in whole ticks (`NO_PRICE` for any price) and lots.
"""
function submit_steps!(auction::Auction, party::AbstractString, price_ticks::Integer, quantity_lots::Integer;
                       client_bid_id::Union{AbstractString,Nothing} = nothing, is_phantom::Bool = false,
                       is_marginal::Bool = false)
    engine, name, receipt = auction.engine, String(party), Ref{ReceiptFields}()
    flags = (is_phantom ? BID_PHANTOM : 0x00) | (is_marginal ? BID_MARGINAL : 0x00)
    id = string_or_nothing(client_bid_id)
    GC.@preserve engine id check(walras_bid_submit(
        engine.handle, auction.place, name, sizeof(name), price_ticks, quantity_lots, flags, text_or_null(id)..., receipt))
    return Receipt(receipt[])
end

"Texts behind each other, and where each begins: those of the unique ones, and which each is."
struct Texts
    bytes::Vector{UInt8}
    offsets::Vector{UInt64}
end

function Texts(texts)
    bytes, offsets = UInt8[], UInt64[0]
    for text in texts
        append!(bytes, codeunits(text))
        push!(offsets, length(bytes))
    end
    return Texts(bytes, offsets)
end

"Parties and whose each bid is: one name for all bids, or one for each."
numbered_parties(party::AbstractString, count) = [party], nothing

function numbered_parties(parties::AbstractVector{<:AbstractString}, count)
    length(parties) == count || misuse(:BAD_LENGTH, "there are $count prices and $(length(parties)) parties")
    numbers, names = Dict{String,UInt32}(), String[]
    indexes = UInt32[get!(numbers, party) do
        push!(names, party)
        length(names) - 1
    end for party in parties]
    return names, indexes
end

"""
    submit_many!(auction, parties, prices, quantities; client_bid_ids, flags, rounding = :refuse, path = false)
    submit_many!(auction, parties; prices_ticks, quantities_lots, …) -> named tuple of vectors

Places many bids in order, each judged alone; columns as for [`clear`](@ref), `Vector{Int64}` of steps without a copy. `parties` is one
name, or one for each bid. Gives `status` (0, or why it was refused), `code` (`:OK`, `:BID_TOO_LOW`, …), `bid_id`, `offset`, and with
`path = true` also `path_price`, `path_price_ticks` and `path_demand_above_lots`: the indicative price after each bid, and what
was wanted above it.

Throws [`MalformedError`](@ref) for a number off the grid: then no bid was placed.
"""
function submit_many!(auction::Auction, parties, prices = nothing, quantities = nothing; prices_ticks = nothing,
                      quantities_lots = nothing, client_bid_ids = nothing, flags = nothing, rounding = :refuse, path = false)
    ticks = whole_steps("prices", price_step(auction.grids), prices, prices_ticks, rounding)
    lots = whole_steps("quantities", quantity_step(auction.grids), quantities, quantities_lots, rounding)
    count = length(ticks)
    flags = optional(UInt8, flags)
    for (name, column) in (("quantities", lots), ("flags", flags), ("client_bid_ids", client_bid_ids))
        column === nothing || length(column) == count ||
            misuse(:BAD_LENGTH, "there are $count prices and $(length(column)) $name")
    end
    names, indexes = numbered_parties(parties, count)
    parties, ids = Texts(names), client_bid_ids === nothing ? nothing : Texts(client_bid_ids)
    answers = (status = Vector{Int32}(undef, count), bid = Vector{Id}(undef, count), offset = Vector{UInt64}(undef, count),
               price = Vector{Int64}(undef, path ? count : 0), demand = Vector{Int64}(undef, path ? count : 0))
    engine = auction.engine
    GC.@preserve engine ticks lots flags parties indexes ids answers begin
        orders = Ref(OrderColumns(
            count, pointer(ticks), pointer(lots), address(UInt8, flags), length(names), pointer(parties.bytes),
            pointer(parties.offsets), address(UInt32, indexes), address(UInt8, ids === nothing ? nothing : ids.bytes),
            address(UInt64, ids === nothing ? nothing : ids.offsets)))
        places = Ref(AnswerColumns(
            pointer(answers.status), pointer(answers.bid), pointer(answers.offset),
            path ? pointer(answers.price) : C_NULL, path ? pointer(answers.demand) : C_NULL))
        check(walras_bids_submit(engine.handle, auction.place, orders, places, Ptr{UInt64}(C_NULL)))
    end
    given = (status = answers.status, code = Symbol[status == 0 ? :OK : status_name(status) for status in answers.status],
             bid_id = UUID[UUID(id) for id in answers.bid], offset = Int[offset for offset in answers.offset])
    path || return given
    return merge(given, (path_price = floats_of(price_step(auction.grids), answers.price),
                         path_price_ticks = answers.price, path_demand_above_lots = answers.demand))
end

"A column of steps, whatever it was given as."
function whole_steps(name, step, numbers, steps, rounding)
    (numbers === nothing) == (steps === nothing) &&
        misuse(:BAD_ARGUMENT, "give the $name either in units or in steps")
    steps === nothing || return convert(Vector{Int64}, steps)
    numbers = without_price(numbers)
    any_price = eltype(numbers) <: AbstractFloat ? findall(isnan, numbers) : Int[]
    isempty(any_price) && return steps_of(step, numbers, rounding)
    # What takes any price is on no grid.
    whole = steps_of(step, map(number -> isnan(number) ? zero(number) : number, numbers), rounding)
    whole[any_price] .= NO_PRICE
    return whole
end

"The arguments by which a bid is named: its id, or its auction and the party's own id for it."
struct NamedBid
    place::Base.RefValue{Id}
    party::Union{String,Nothing}
    client_bid_id::Union{String,Nothing}
end

NamedBid(bid_id::UUID; party = nothing) = NamedBid(Ref(Id(bid_id)), string_or_nothing(party), nothing)

"""
    cancel!(engine_or_auction, bid_id::UUID; party) -> Receipt
    cancel!(auction, party, client_bid_id) -> Receipt

Takes a bid back. With `party` only if it is that party's. Throws [`RefusedError`](@ref): `:BID_NOT_FOUND`, `:AUCTION_ENDED`,
`:AUCTION_LOCKED`, or what the terms forbid.
"""
cancel!(engine::Engine, bid_id::UUID; party = nothing) = cancel_bid(engine, NamedBid(bid_id, party = party))
cancel!(auction::Auction, bid_id::UUID; party = nothing) = cancel!(auction.engine, bid_id, party = party)
cancel!(auction::Auction, party::AbstractString, client_bid_id::AbstractString) =
    cancel_bid(auction.engine, NamedBid(auction.place, String(party), String(client_bid_id)))

function cancel_bid(engine, bid)
    receipt = Ref{ReceiptFields}()
    GC.@preserve engine bid check(walras_bid_cancel(
        engine.handle, bid.place, text_or_null(bid.party)..., text_or_null(bid.client_bid_id)..., receipt))
    return Receipt(receipt[])
end

"""
    amend!(auction, bid_id::UUID; party, price, quantity) -> Receipt
    amend!(auction, party, client_bid_id; price, quantity) -> Receipt

Changes a bid's price, quantity or both, in units. A lower quantity keeps its time priority, anything else loses it.
"""
amend!(auction::Auction, bid_id::UUID; party = nothing, changes...) =
    amend_bid(auction, NamedBid(bid_id, party = party); changes...)
amend!(auction::Auction, party::AbstractString, client_bid_id::AbstractString; changes...) =
    amend_bid(auction, NamedBid(auction.place, String(party), String(client_bid_id)); changes...)

function amend_bid(auction, bid; price = nothing, quantity = nothing)
    engine, receipt = auction.engine, Ref{ReceiptFields}()
    ticks = price === nothing ? UNCHANGED : ticks_of(auction, price)
    lots = quantity === nothing ? UNCHANGED : lots_of(auction, quantity)
    GC.@preserve engine bid check(walras_bid_amend(
        engine.handle, bid.place, text_or_null(bid.party)..., text_or_null(bid.client_bid_id)..., ticks, lots, receipt))
    return Receipt(receipt[])
end

"""
    cancel_all!(engine, party) -> Int
    cancel_all!(auction, party) -> Int

Takes all live bids of a party back, in every auction or in one, and tells how many.
"""
cancel_all!(engine::Engine, party::AbstractString) = cancel_all(engine, party, Ptr{Id}(C_NULL))
cancel_all!(auction::Auction, party::AbstractString) = cancel_all(auction.engine, party, auction.place)

function cancel_all(engine, party, place)
    count, name = Ref{UInt64}(0), String(party)
    GC.@preserve engine check(walras_bids_cancel_all(engine.handle, name, sizeof(name), place, count))
    return Int(count[])
end

"""
    bid(auction, bid_id::UUID; party) -> named tuple
    bid(auction, party, client_bid_id) -> named tuple

What has become of one bid: `bid_id`, `status`, `standing`, `price`, `quantity`, `filled`, `payment` in units, the same in steps,
`at_us`, `offset`.
"""
bid(auction::Auction, bid_id::UUID; party = nothing) = view_of(auction, NamedBid(bid_id, party = party))
bid(auction::Auction, party::AbstractString, client_bid_id::AbstractString) =
    view_of(auction, NamedBid(auction.place, String(party), String(client_bid_id)))

function view_of(auction, bid)
    engine, found = auction.engine, Ref{BidView}()
    GC.@preserve engine bid check(walras_bid_query(
        engine.handle, bid.place, text_or_null(bid.party)..., text_or_null(bid.client_bid_id)..., found))
    view, payment = found[], Int128(found[].payment)
    return (
        bid_id = UUID(view.bid), status = BID_STATUSES[view.status+1], standing = STANDINGS[view.standing+1],
        price = price(auction, view.price_ticks), price_ticks = price_or_nothing(view.price_ticks),
        quantity = quantity(auction, view.quantity_lots), quantity_lots = view.quantity_lots,
        filled = quantity(auction, view.filled_lots), filled_lots = view.filled_lots,
        payment = float_of(money_step(auction.grids), payment), payment_units = payment,
        at_us = view.at_us, offset = Int(view.offset))
end

"""
    what_if(auction, prices, quantities; without = UUID[], rounding = :refuse) -> named tuple of vectors
    what_if(auction; without)

What would come of bids that nobody has placed, each alone, if the auction ended now: `price` that all would pay (`NaN` where nothing
would sell), `filled` and `payment` of the imagined bid, the same in steps. Bids named in `without` are left out; the second
form imagines no bid. Nothing changes.
"""
function what_if(auction::Auction, prices, quantities; without = UUID[], rounding = :refuse)
    ticks = whole_steps("prices", price_step(auction.grids), prices, nothing, rounding)
    lots = whole_steps("quantities", quantity_step(auction.grids), quantities, nothing, rounding)
    length(ticks) == length(lots) ||
        misuse(:BAD_LENGTH, "there are $(length(ticks)) prices and $(length(lots)) quantities")
    left_out, engine = Id[Id(bid_id) for bid_id in without], auction.engine
    new_ticks, filled = similar(ticks), similar(ticks)
    payments = Vector{Int128}(undef, length(ticks))
    GC.@preserve engine ticks lots left_out begin
        asked = Ref(WhatIfColumns(length(ticks), pointer(ticks), pointer(lots), length(left_out), pointer(left_out)))
        check(walras_auction_what_if(engine.handle, auction.place, asked, new_ticks, filled, payments))
    end
    grids = auction.grids
    return (price = Float64[count == NO_PRICE ? NaN : float_of(price_step(grids), count) for count in new_ticks],
            price_ticks = new_ticks, filled = floats_of(quantity_step(grids), filled), filled_lots = filled,
            payment = floats_of(money_step(grids), payments), payment_units = payments)
end

what_if(auction::Auction; without = UUID[]) = what_if(auction, [nothing], [0]; without = without)

"""
    price_to_win(auction, quantity) -> Float64 or nothing

The lowest limit, in units, at which a new bid for `quantity` would be filled whole if the auction ended now; `nothing` where none
would.
"""
function price_to_win(auction::Auction, quantity)
    engine, found = auction.engine, Ref{Int64}(0)
    lots = lots_of(auction, quantity)
    GC.@preserve engine check(walras_auction_price_to_win(engine.handle, auction.place, lots, found))
    return price(auction, found[])
end
