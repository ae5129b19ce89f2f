# Events as a channel. An engine's thread must never run Julia code, so what it calls when there is news is libuv's own
# `uv_async_send`; that wakes a task here, which polls until nothing is left and waits again.

const STOPPED = Int32(3)

"What the task and its owner share. The lock is held for a poll, never across a switch of tasks."
mutable struct Pump
    handle::Ptr{Cvoid}
    wake::Base.AsyncCondition
    lock::Threads.SpinLock
end

"Gives the subscriber back. Once it has returned no thread is inside the wake-up function, and none will be."
function shut(pump::Pump)
    handle, pump.handle = pump.handle, C_NULL
    handle == C_NULL && return
    walras_subscriber_set_wakeup(handle, C_NULL, C_NULL)
    close(pump.wake)
    walras_subscriber_free(handle)
    return
end

"""
    Subscription

A channel of [`Event`](@ref)s: see [`events`](@ref).
"""
mutable struct Subscription <: AbstractChannel{Event}
    engine::Engine
    pump::Pump
    channel::Channel{Event}
    task::Task
end

"""
    events(engine; auction, channels, json = true, refusals = false, capacity = 4096) -> Subscription
    events(auction; …)

What happens in an engine (or in one auction) from now on, in order, as a channel: iterate over it, `take!` from it, ask `isready`. It ends when
it is closed or, after what was left, when the engine is.

- `auction`: an [`Auction`](@ref) or its id, to leave out events of others;
- `channels`: some of `:auction`, `:bids`, `:settlement`, `:market_data`, `:host`; all without it;
- `json`: whether events carry their message; without it they are cheaper;
- `refusals`: whether refused bids are told;
- `capacity`: how many events wait in the channel. The engine never waits: who does not take them in time finds an event of kind
  `:missed` with the number of records that were overwritten (`ring_bytes` of [`Engine`](@ref) bounds them).

Close it when done; the garbage collector does if nothing refers to it.
"""
function events(engine::Engine; capacity::Integer = 4096, filter...)
    handle = new_subscriber(engine; filter...)
    pump = Pump(handle, Base.AsyncCondition(), Threads.SpinLock())
    channel = Channel{Event}(capacity)
    # libuv is part of Julia's own process; its function may be called from any thread.
    check(walras_subscriber_set_wakeup(handle, cglobal(:uv_async_send), pump.wake.handle))
    # The task must not refer to the subscription, or the garbage collector would never find that dropped.
    task = @async pump_events(pump, channel)
    return finalizer(abandon, Subscription(engine, pump, channel, task))
end

events(auction::Auction; options...) = events(auction.engine; auction = auction, options...)

function pump_events(pump, channel)
    buffer, batch = Vector{EventFields}(undef, EVENTS_AT_ONCE), Event[]
    try
        while true
            status = with_lock(() -> poll_events!(batch, pump.handle, buffer), pump.lock)
            status == 0 || break
            if isempty(batch)
                # A send between the poll and here is kept, so that this returns at once.
                wait(pump.wake)
                continue
            end
            for event in batch
                put!(channel, event)
            end
        end
    catch error
        # The condition or the channel was closed: somebody is done with it.
        error isa Union{EOFError,InvalidStateException} || close(channel, error)
    finally
        with_lock(() -> shut(pump), pump.lock)
        close(channel)
    end
end

function with_lock(work, spin_lock)
    lock(spin_lock)
    try
        return work()
    finally
        unlock(spin_lock)
    end
end

function Base.close(subscription::Subscription)
    with_lock(() -> shut(subscription.pump), subscription.pump.lock)
    close(subscription.channel)
    return
end

"The finalizer: it may run in the middle of a poll on this very thread, and then comes back later."
function abandon(subscription::Subscription)
    if trylock(subscription.pump.lock)
        shut(subscription.pump)
        unlock(subscription.pump.lock)
    else
        finalizer(abandon, subscription)
    end
    return
end

Base.take!(subscription::Subscription) = take!(subscription.channel)
Base.fetch(subscription::Subscription) = fetch(subscription.channel)
Base.wait(subscription::Subscription) = wait(subscription.channel)
Base.isready(subscription::Subscription) = isready(subscription.channel)
Base.isopen(subscription::Subscription) = isopen(subscription.channel)
Base.eltype(::Type{Subscription}) = Event
Base.IteratorSize(::Type{Subscription}) = Base.SizeUnknown()
Base.show(io::IO, subscription::Subscription) =
    print(io, "Subscription(", isopen(subscription) ? "open" : "closed", ")")

function Base.iterate(subscription::Subscription, state = nothing)
    # The subscription must outlive the wait for its next event.
    GC.@preserve subscription iterate(subscription.channel, state)
end
