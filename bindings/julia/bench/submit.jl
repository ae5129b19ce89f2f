# What a bid costs from Julia, and an event to it; engines in memory.
#
#     WALRAS_LIBRARY=target/release/libwalras.so julia --project=bindings/julia bindings/julia/bench/submit.jl
#
# The engine's own cost is what the same bids cost in one call for all: then the way from Julia is shared by all of them. Each
# round takes every way once, so that what slows the machine down slows them all.

using Walras, Random
include("timing.jl")

const COUNT = 100_000
const ROUNDS = 25
const PARTY = "party"

new_auction(engine) = Auction(engine, supply = (type = "fixed", quantity = 1_000_000), tick_size = "0.01", lot_size = 1,
                              reserve_price = 10, max_bids_per_bidder = 10 * COUNT)

"Seconds of `work(auction)` on an auction of its own, without the making of it."
function time_on_auction(work)
    engine = Engine()
    auction = new_auction(engine)
    GC.gc()
    took = @elapsed work(auction)
    state(auction).bid_count == COUNT || error("some bids were refused")
    close(engine)
    return took
end

function each_by_steps(auction, ticks, lots)
    for index in eachindex(ticks)
        submit_steps!(auction, PARTY, ticks[index], lots[index])
    end
end

function each_by_floats(auction, prices, quantities)
    for index in eachindex(prices)
        submit!(auction, PARTY, prices[index], quantities[index])
    end
end

function submitting()
    random = MersenneTwister(3)
    ticks, lots = rand(random, 1000:5000, COUNT), rand(random, 1:100, COUNT)
    prices, quantities = ticks ./ 100, Float64.(lots)
    println("$COUNT bids of one party, prices of 4001 ticks, seed 3")
    works = (a -> submit_many!(a, PARTY; prices_ticks = ticks, quantities_lots = lots), a -> each_by_steps(a, ticks, lots),
             a -> each_by_floats(a, prices, quantities))
    rounds = [time_on_auction.(works) for _ in 0:ROUNDS][2:end]
    column(index) = [seconds[index] for seconds in rounds]
    report("  submit_many!: the engine's own cost", column(1), COUNT)
    report("  submit_steps!", column(2), COUNT)
    report("  submit! with floats", column(3), COUNT)
    report("  submit_steps! less submit_many! of the same round", column(2) .- column(1), COUNT)
    report("  submit! less submit_many! of the same round", column(3) .- column(1), COUNT)
    engine = Engine()
    nothing_done() = for _ in 1:1_000_000
        now_us(engine)
    end
    report("  the least call of an engine (its time)", times(nothing_done, 7), 1_000_000)
    close(engine)
end

function reading()
    ticks, lots = fill(1200, COUNT), ones(Int64, COUNT)
    println("$COUNT events of accepted bids")
    for (name, json) in (("fields alone", false), ("with their JSON", true))
        seconds = Float64[]
        for run in 0:5
            engine = Engine(ring_bytes = 1 << 28)
            auction = new_auction(engine)
            subscription = events(auction, channels = [:bids], json = json)
            submit_many!(auction, PARTY; prices_ticks = ticks, quantities_lots = lots)
            took = @elapsed for _ in 1:COUNT
                take!(subscription).kind == :bid_accepted || error("an event was missed")
            end
            run > 0 && push!(seconds, took)
            close(subscription)
            close(engine)
        end
        report("  through the channel, $name", seconds, COUNT)
    end
end

println("Julia $VERSION, walras $(Walras.version())")
submitting()
reading()
