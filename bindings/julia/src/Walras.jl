"""
Uniform-price auctions: sales cleared exactly from arrays ([`clear`](@ref), [`clear_many`](@ref)), a live engine in this process
([`Engine`](@ref), [`Auction`](@ref), [`events`](@ref)), and the WebSocket server of the guide on top of it ([`Server`](@ref)).

Prices are whole ticks, quantities whole lots, money whole tick × lot units, times microseconds since 1970 (UTC); what is in
units for people is a float beside them.
"""
module Walras

using Dates: Dates
using Libdl: Libdl
using UUIDs: UUIDs, UUID

export Terms, Clearing, Clearings, clear, clear_document, clear_many
export price, quantities, payments, revenue, supply, allocations, bidders, refused, killed, at_margin, figures
export tick, lot, NO_PRICE, BID_PHANTOM, BID_MARGINAL
export Engine, drain, advance!, now_us, moment, digest, clone, status, publish!, put_prices!, put_order_book!
export Auction, auctions, close!, cancel!, halt!, resume!, state, result, info, document, bids, curve, quantity, bidder
export Receipt, submit!, submit_steps!, submit_many!, amend!, cancel_all!, bid, what_if, price_to_win
export Event, EventReader, events, payload, read_events, read_table, table
export settlement, start_settlement!, affirm!, report!, execute_settlements
export Server, port, url, http, connections, token
export log_level!
export WalrasError, MisuseError, MalformedError, NotAllowedError, RefusedError, BusyError, FaultError

include("json.jl")
include("library.jl")
include("errors.jl")
include("numbers.jl")
include("layouts.jl")
include("layouts_live.jl")
include("functions.jl")
include("clearing.jl")
include("clear_many.jl")
include("engine.jl")
include("auction.jl")
include("bids.jl")
include("events.jl")
include("subscription.jl")
include("settlement.jl")
include("server.jl")
include("header.jl")

"    version() -> VersionNumber\n\nThe version of the library that was loaded."
version() = VersionNumber(unsafe_string(walras_version()))

__init__() = load()

end
