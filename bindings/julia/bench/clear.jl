# `clear` of a large sale against `sortperm`, `clear_many` of many small ones against a loop, both after their results
# were found equal. Each is timed without refused bids and with some below the reserve, which cost the library a pass over
# the bids that the plain sums do not make.
#
#     WALRAS_LIBRARY=target/release/libwalras.so julia --project=bindings/julia bindings/julia/bench/clear.jl

using Walras, Random
include("timing.jl")

const SUPPLY, RESERVE = 20_000_000, 1000
const TERMS = Terms(supply = (type = "fixed", quantity = SUPPLY), tick_size = "0.01", lot_size = 1, reserve_price = 10)

"""
What a Julia program would write: bids sorted by price, their quantities summed up, the margin shared by largest
remainder. Price in ticks and lots for each bid; earlier bids get the left-over lots.
"""
function sorted_clear(prices, lots, supply, reserve, fill = zeros(Int64, length(prices)))
    order = sortperm(prices, rev = true)
    taken, place = 0, 0
    # The level at which demand first reaches the supply.
    while place < length(order) && prices[order[place+1]] >= reserve && taken < supply
        price, first_of_level, before = prices[order[place+1]], place + 1, taken
        while place < length(order) && prices[order[place+1]] == price
            place += 1
            taken += lots[order[place]]
        end
        taken < supply && continue
        for bid in view(order, 1:first_of_level-1)
            fill[bid] = lots[bid]
        end
        share_level!(fill, lots, view(order, first_of_level:place), supply - before, taken - before)
        return price, fill
    end
    for bid in view(order, 1:place)
        fill[bid] = lots[bid]
    end
    return place == 0 ? NO_PRICE : reserve, fill
end

function share_level!(fill, lots, level, left, wanted)
    for bid in level
        fill[bid] = Int64(widemul(left, lots[bid]) ÷ wanted)
    end
    rest = left - sum(bid -> fill[bid], level)
    rest == 0 && return
    remainder(bid) = Int64(widemul(left, lots[bid]) % wanted)
    for bid in partialsort!(collect(level), 1:rest, by = bid -> (-remainder(bid), bid))
        fill[bid] += 1
    end
end

function one_large(count, lowest)
    random = MersenneTwister(1)
    ticks, lots = rand(random, lowest:5000, count), rand(random, 1:100, count)
    prices, quantities = ticks ./ 100, Float64.(lots)
    own() = clear(TERMS; prices_ticks = ticks, quantities_lots = lots)
    ours, (price, fill) = own(), sorted_clear(ticks, lots, SUPPLY, RESERVE)
    ours.price_ticks == price && ours.lots == fill || error("the two disagree")
    clear(TERMS, prices, quantities).lots == fill || error("floats give something else")
    println("one sale of $count bids, $(ours.refused_count) of them refused, $SUPPLY lots, seed 1")
    base = report("  sortperm and sums", times(() -> sorted_clear(ticks, lots, SUPPLY, RESERVE), 9), count)
    steps = report("  clear, ticks and lots", times(own, 9), count)
    floats = report("  clear, floats", times(() -> clear(TERMS, prices, quantities), 9), count)
    report("  clear, ticks and lots, with the payments", times(() -> own().payments, 9), count)
    @printf("  %.1f times as fast, from floats %.1f times\n", base / steps, base / floats)
end

function many_small(sales, bids, lowest)
    random = MersenneTwister(2)
    ticks, lots = rand(random, lowest:5000, sales * bids), rand(random, 1:100, sales * bids)
    supply = 20 * bids
    terms = Terms(supply = (type = "fixed", quantity = supply), tick_size = "0.01", lot_size = 1, reserve_price = 10)
    counts = fill(bids, sales)
    many(threads) = clear_many(terms, counts; prices_ticks = ticks, quantities_lots = lots, threads = threads)
    function loop(prices, fills)
        for sale in 1:sales
            rows = (sale-1)*bids+1:sale*bids
            prices[sale], _ = sorted_clear(view(ticks, rows), view(lots, rows), supply, RESERVE, view(fills, rows))
        end
        return prices, fills
    end
    loop() = loop(Vector{Int64}(undef, sales), zeros(Int64, sales * bids))
    (prices, fills), ours = loop(), many(1)
    figures(ours).price_ticks == prices && ours.lots == fills || error("the two disagree")
    println("$sales sales of $bids bids, $(sum(figures(ours).refused_count)) of them refused, seed 2")
    base = report("  a loop of sortperm and sums", times(loop, 5), sales * bids)
    for threads in (1, 2)
        ours = report("  clear_many, $threads thread(s)", times(() -> many(threads), 5), sales * bids)
        @printf("  %.1f times as fast\n", base / ours)
    end
    report("  clear_many, 1 thread(s), with the payments", times(() -> many(1).payments, 5), sales * bids)
end

println("Julia $VERSION, walras $(Walras.version())")
for lowest in (RESERVE, 900)
    one_large(1_000_000, lowest)
end
for lowest in (RESERVE, 900)
    many_small(100_000, 100, lowest)
end
