# The live engine in this process.

"""
    Engine(; data, durability, clock = :system, start_time_us, seed, …)
    Engine(f; …)

A live engine: auctions, bids and settlements in one order. All calls may come from many threads at once; each runs on the
thread that makes it. Options, all optional:

- `data`: the folder of its log. Without it the state lives in memory.
- `durability`: `:fsync` (default) or `:os`; only with `data`. A call waits until what it did is as durable as that, and Julia's
  garbage collector may wait with it.
- `clock`: `:system`, or `:manual`, which only [`advance!`](@ref) moves, from `start_time_us` (0) on.
- `seed`: with it and the manual clock two runs of the same calls give the same bytes.
- `active_auctions`, `bids_per_auction`, `ring_bytes`, `history_bytes`, `queue_requests`: bounds.

`close` stops it in good order; the form with `f` does so when `f(engine)` is done, and the garbage collector when nothing
refers to it. Throws [`MalformedError`](@ref) for options that make no sense, [`FaultError`](@ref) with code `:DATA` where the
folder cannot be used.
"""
mutable struct Engine
    handle::Ptr{Cvoid}

    Engine(handle::Ptr{Cvoid}) = finalizer(close, new(handle))
end

function Engine(; options...)
    json, handle = JSON.write(values(options)), Ref{Ptr{Cvoid}}(C_NULL)
    check(walras_engine_new(json, sizeof(json), handle))
    return Engine(handle[])
end

function Engine(work::Function; options...)
    engine = Engine(; options...)
    try
        return work(engine)
    finally
        close(engine)
    end
end

function Base.close(engine::Engine)
    handle, engine.handle = engine.handle, C_NULL
    walras_engine_free(handle)
    return
end

Base.isopen(engine::Engine) = engine.handle != C_NULL
Base.show(io::IO, engine::Engine) = print(io, isopen(engine) ? "Engine($(status(engine).auction_count) auctions)" : "Engine(closed)")

"Calls a function that gives a text, with the places where it goes."
function text_of(call)
    pointer, bytes = Ref{Ptr{UInt8}}(C_NULL), Ref{UInt64}(0)
    check(call(pointer, bytes))
    return unsafe_string(pointer[], bytes[])
end

"Where a text that may be missing begins, and its length. The text must be preserved."
text_or_null(text::String) = pointer(text), sizeof(text)
text_or_null(::Nothing) = Ptr{UInt8}(C_NULL), 0

string_or_nothing(::Nothing) = nothing
string_or_nothing(text) = String(text)

"    drain(engine)\n\nReturns once everything that was asked for before is carried out, durable and visible to subscribers."
drain(engine::Engine) = GC.@preserve engine check(walras_engine_drain(engine.handle))

"""
    advance!(engine, by) -> Int

Moves the manual clock on, by microseconds or a period such as `Dates.Second(5)`, and carries out what becomes due: starts,
ends, deadlines. Gives the new time. Throws [`MisuseError`](@ref) with code `:NOT_SUPPORTED` with the system's clock.
"""
function advance!(engine::Engine, by_us::Integer)
    GC.@preserve engine check(walras_engine_advance(engine.handle, by_us))
    return now_us(engine)
end

advance!(engine::Engine, by::Dates.FixedPeriod) = advance!(engine, Dates.value(convert(Dates.Microsecond, by)))

"    now_us(engine) -> Int\n\nThe engine's time, in microseconds since 1970."
function now_us(engine::Engine)
    time = Ref{Int64}(0)
    GC.@preserve engine check(walras_engine_now(engine.handle, time))
    return time[]
end

"    moment(us) -> DateTime\n\nA time of the engine as a `DateTime` in UTC, whose step is a millisecond."
moment(us::Integer) = Dates.DateTime(Dates.UTM(Dates.UNIXEPOCH + fld(us, 1000)))

"""
    digest(engine) -> String

The SHA-256 of the whole state in hexadecimal: what `walras log replay` prints for the same history.
"""
function digest(engine::Engine)
    bytes = Vector{UInt8}(undef, 32)
    GC.@preserve engine check(walras_engine_digest(engine.handle, bytes))
    return bytes2hex(bytes)
end

"""
    clone(engine) -> Engine

An engine of its own that begins where this one stands, in memory and with a manual clock at the same time: for asking what
would have been. The original is not touched.
"""
function clone(engine::Engine)
    handle = Ref{Ptr{Cvoid}}(C_NULL)
    GC.@preserve engine check(walras_engine_clone(engine.handle, handle))
    return Engine(handle[])
end

const READINESS = (:ready, :low_space, :full, :frozen, :faulty, :draining)
const DURABILITIES = (:fsync, :os, :memory)

"    status(engine) -> (readiness, durability, now_us, auction_count)"
function status(engine::Engine)
    found = Ref{EngineStatus}()
    GC.@preserve engine check(walras_engine_status_get(engine.handle, found))
    return (readiness = READINESS[found[].readiness+1], durability = DURABILITIES[found[].durability+1],
            now_us = found[].now_us, auction_count = Int(found[].auction_count))
end

"""
    publish!(engine, value)

Gives a value of the host's own, of at most 60,000 bytes as JSON, a place among the events that the engine's subscribers see.
It is not logged, and clients of a server do not see it.
"""
function publish!(engine::Engine, value)
    json = JSON.write(value)
    GC.@preserve engine check(walras_event_publish(engine.handle, json, sizeof(json)))
end

"""
    put_prices!(engine, token, prices; change_24h, timestamp)

Publishes new prices of a token, such as `(usd = 2500.0, eur = 2300.5)`, on the `market_data` channel.
"""
function put_prices!(engine::Engine, token::AbstractString, prices; change_24h = nothing, timestamp = nothing)
    members = Pair{String,Any}["prices" => prices]
    change_24h === nothing || push!(members, "24h_change" => change_24h)
    timestamp === nothing || push!(members, "timestamp" => timestamp)
    name, json = String(token), JSON.write(Dict(members))
    GC.@preserve engine check(walras_market_prices_put(engine.handle, name, sizeof(name), json, sizeof(json)))
end

"""
    put_order_book!(engine, token_pair; bids, asks)

Publishes a new order book of a pair on the `market_data` channel; `bids` and `asks` are vectors of
`(price = 1.0, quantity = 2.0)`.
"""
function put_order_book!(engine::Engine, token_pair::AbstractString; bids = [], asks = [])
    name, json = String(token_pair), JSON.write((bids = bids, asks = asks))
    GC.@preserve engine check(walras_market_order_book_put(engine.handle, name, sizeof(name), json, sizeof(json)))
end
