# What happens in an engine, read by polling. Nothing here waits, and the engine never waits for a reader.

"Names of the kinds of events by their numbers; `:missed` is this package's own."
const EVENT_KINDS = Dict{UInt32,Symbol}(
    0 => :other, 1 => :auction_created, 2 => :auction_update, 3 => :auction_complete, 4 => :auction_cancelled,
    5 => :bid_accepted, 7 => :bid_rejected, 8 => :bid_cancelled, 9 => :bid_amended, 10 => :settlement_started,
    11 => :settlement_progress, 12 => :settlement_request, 13 => :settlement_complete, 14 => :settlement_failed,
    15 => :price_update, 16 => :order_book_update, 17 => :host,
)
const EVENT_KIND_TABLE = Symbol[get(EVENT_KINDS, UInt32(kind), :other) for kind in 0:maximum(keys(EVENT_KINDS))]

"Flags of events, by the header's names."
const EVENT_FLAGS = (is_phantom = 0x01, is_marginal = 0x02, is_above = 0x04, is_at_margin = 0x08, is_below = 0x10,
                     is_priority_kept = 0x20, is_last = 0x100)

"""
    Event

Something that happened in an engine.

- `kind`: `:auction_created`, `:auction_update`, `:auction_complete`, `:auction_cancelled`, `:bid_accepted`, `:bid_rejected`, `:bid_cancelled`,
  `:bid_amended`, `:settlement_started`, `:settlement_progress`, `:settlement_request`, `:settlement_complete`, `:settlement_failed`, `:price_update`,
  `:order_book_update`, `:host`; or `:missed`: `missed` records of the engine were overwritten before they were read here;
- `auction` and `subject` (the bid, of settlement events the settlement), `party_key` (see [`bidder`](@ref)): `UUID`s, zero where
  there is none;
- `offset`: the event's number in its auction, from 1 without gaps; of state the last event it includes;
- `at_us`, `price_ticks`, `quantity_lots`, `current_price_ticks`: as the kind has them, otherwise 0 or `NO_PRICE`;
- `json`: the message that WebSocket clients get, empty where none was asked for; [`payload`](@ref) reads it.
"""
struct Event
    kind::Symbol
    flags::UInt32
    auction::UUID
    subject::UUID
    party_key::UUID
    offset::Int64
    at_us::Int64
    price_ticks::Int64
    quantity_lots::Int64
    current_price_ticks::Int64
    missed::Int64
    json::String
end

function Event(fields::EventFields)
    kind = fields.kind < length(EVENT_KIND_TABLE) ? EVENT_KIND_TABLE[fields.kind+1] : :other
    json = fields.json == C_NULL ? "" : unsafe_string(fields.json, fields.json_bytes)
    return Event(kind, fields.flags, UUID(fields.auction), UUID(fields.subject), UUID(fields.party_key), fields.offset,
                 fields.at_us, fields.price_ticks, fields.quantity_lots, fields.current_price_ticks, 0, json)
end

missed_event(count) = Event(:missed, 0, UUID(0), UUID(0), UUID(0), 0, 0, NO_PRICE, 0, NO_PRICE, count, "")

function Base.show(io::IO, event::Event)
    event.kind == :missed && return print(io, "Event(missed ", event.missed, ")")
    print(io, "Event(", event.kind, ", offset = ", event.offset, ")")
end

"    payload(event) -> Dict\n\nThe payload of the event's message, with prices and quantities in units."
payload(event::Event) = JSON.parse(event.json)["payload"]

const EVENTS_AT_ONCE = 512

"What a filter's keywords say, as the library reads it."
function filter_json(; auction = nothing, channels = nothing, json::Bool = true, refusals::Bool = false)
    members = Dict{String,Any}("json" => json, "refusals" => refusals)
    auction === nothing || (members["auction_id"] = string(auction isa Auction ? auction.id : auction))
    channels === nothing || (members["channels"] = collect(channels))
    return JSON.write(members)
end

function new_subscriber(engine::Engine; filter...)
    text, handle = filter_json(; filter...), Ref{Ptr{Cvoid}}(C_NULL)
    GC.@preserve engine check(walras_subscriber_new(engine.handle, text, sizeof(text), handle))
    return handle[]
end

"""
Reads what is new at a subscriber into `events` (emptied first), at most a buffer's worth, and gives the status. The texts behind
the fields live until the next poll, so they are copied here.
"""
function poll_events!(events::Vector{Event}, handle, buffer::Vector{EventFields})
    empty!(events)
    count, missed = Ref{UInt64}(0), Ref{UInt64}(0)
    status = walras_subscriber_poll(handle, buffer, length(buffer), 0, count, missed)
    status == 0 || return status
    missed[] > 0 && push!(events, missed_event(missed[]))
    for index in 1:Int(count[])
        push!(events, Event(buffer[index]))
    end
    return status
end

"""
    EventReader(engine; auction, channels, json = true, refusals = false)

Keeps a place among the events of an engine, from now on, for who asks now and then what is new: [`read_events`](@ref) and
[`read_table`](@ref). Filters as for [`events`](@ref). `close` gives it up; so does the garbage collector. One thread at a time.
"""
mutable struct EventReader
    handle::Ptr{Cvoid}
    engine::Engine
    buffer::Vector{EventFields}
    batch::Vector{Event}

    function EventReader(engine::Engine; filter...)
        handle = new_subscriber(engine; filter...)
        buffer = Vector{EventFields}(undef, EVENTS_AT_ONCE)
        return finalizer(close, new(handle, engine, buffer, Event[]))
    end
end

function Base.close(reader::EventReader)
    handle, reader.handle = reader.handle, C_NULL
    walras_subscriber_free(handle)
    return
end

"""
    read_events(reader) -> Vector{Event}

All events since the last call, in order. An event of kind `:missed` tells that some were overwritten in between. Throws
[`MisuseError`](@ref) with code `:STOPPED` once the engine is closed and all is read.
"""
function read_events(reader::EventReader)
    found = Event[]
    while true
        status = GC.@preserve reader poll_events!(reader.batch, reader.handle, reader.buffer)
        status == STOPPED && !isempty(found) && return found
        check(status)
        isempty(reader.batch) && return found
        append!(found, reader.batch)
    end
end

"""
    read_table(reader, kind::Symbol) -> named tuple of vectors
    table(events) -> named tuple of vectors

The events of one kind since the last call (those of other kinds are dropped), or any events, as columns: `kind`, `auction`, `subject`,
`party_key`, `offset`, `at_us`, `price_ticks`, `quantity_lots`, `current_price_ticks`, `missed`.
"""
read_table(reader::EventReader, kind::Symbol) = table(filter(event -> event.kind == kind, read_events(reader)))

function table(events)
    names = (:kind, :auction, :subject, :party_key, :offset, :at_us, :price_ticks, :quantity_lots, :current_price_ticks, :missed)
    columns = map(name -> fieldtype(Event, name)[getfield(event, name) for event in events], names)
    return NamedTuple{names}(columns)
end
