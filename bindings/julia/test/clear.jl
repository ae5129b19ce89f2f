# One sale and many from arrays: forms of input, errors, and an oracle in a few lines.

const SALE = (supply = (type = "fixed", quantity = 1000), tick_size = "0.01", lot_size = 1, reserve_price = 10)

"The rule of docs/CLEARING.md for a fixed supply, by looking at every price; earlier bids get left-over lots."
function slow_clear(supply, reserve, prices, lots)
    real = findall(>=(reserve), prices)
    demand(price) = sum(Int[lots[bid] for bid in real if prices[bid] >= price])
    above(price) = demand(price + 1)
    isempty(real) && return nothing, zeros(Int, length(prices))
    low = first(price for price in reserve:maximum(prices[real]) if above(price) <= supply)
    high = last([low; [price for price in low:maximum(prices[real]) if demand(price) >= supply]])
    won = [bid in real && prices[bid] > high ? lots[bid] : 0 for bid in eachindex(prices)]
    level = [bid for bid in real if prices[bid] == high]
    wanted = sum(Int[lots[bid] for bid in level])
    left = min(supply - sum(won), wanted)
    for bid in level
        won[bid] = left * lots[bid] ÷ wanted
    end
    remainders = sort(level, by = bid -> (-(left * lots[bid] % wanted), bid))
    for bid in remainders[1:left-sum(Int[won[bid] for bid in level])]
        won[bid] += 1
    end
    return high, won
end

@testset "a sale clears as the rule says" begin
    random = MersenneTwister(20261127)
    terms = Terms(supply = (type = "fixed", quantity = 60), tick_size = 1, lot_size = 1, reserve_price = 5)
    for _ in 1:300
        count = rand(random, 0:12)
        prices, lots = rand(random, 3:14, count), rand(random, 1:25, count)
        clearing = clear(terms, prices, lots)
        price, won = slow_clear(60, 5, prices, lots)
        @test clearing.price_ticks == price
        @test clearing.lots == won
        @test clearing.payments == Int128.(won) .* something(price, 0)
        @test clearing.revenue == sum(clearing.payments)
        @test findall(<(5), prices) == refused(clearing).bid
    end
end

@testset "the example of the documentation" begin
    terms = Terms(; SALE...)
    clearing = clear(terms, [15.0, 14.0, 13.0, 12.0, 11.0], [200, 300, 400, 500, 100])
    @test clearing.outcome == :cleared && price(clearing) == 12.0 && clearing.price_ticks == 1200
    @test quantities(clearing) == [200.0, 300.0, 400.0, 100.0, 0.0]
    @test payments(clearing) == [2400.0, 3600.0, 4800.0, 1200.0, 0.0] && revenue(clearing) == 12000.0
    @test allocations(clearing).bid == [1, 2, 3, 4] && allocations(clearing).payment_units[1] == 240000
    @test at_margin(clearing) == [4] && isempty(killed(clearing)) && isempty(refused(clearing).bid)
    @test tick(clearing) == 1 // 100 && lot(terms) == 1
    @test supply(terms, [10.0, 11.5]) == [1000.0, 1000.0]
    @test occursin("price = 12", string(clearing))
end

@testset "columns come in every form with one meaning" begin
    terms = Terms(; SALE...)
    want = clear(terms, [15.0, 12.5, 11.0], [400.0, 500.0, 300.0])
    same(other) = other.lots == want.lots && other.payments == want.payments && other.price_ticks == want.price_ticks
    @test same(clear(terms; prices_ticks = [1500, 1250, 1100], quantities_lots = [400, 500, 300]))
    @test same(clear(terms, [15, 25 // 2, 11], [400, 500, 300]))
    @test same(clear(terms, view([0, 15.0, 12.5, 11.0], 2:4), 400:-50:300 |> _ -> Int32[400, 500, 300]))
    @test same(clear(terms, Float32[15, 12.5, 11], [400, 500, 300]))
    @test same(clear(JSON.write(SALE), [15.0, 12.5, 11.0], [400, 500, 300]))
    @test same(clear(SALE, [15.0, 12.5, 11.0], [400, 500, 300]))
    takers = clear(terms, [15.0, NaN, 11.0], [400, 500, 300])
    @test takers.lots == clear(terms, Any[15.0, missing, 11.0], [400, 500, 300]).lots ==
        clear(terms, [15.0, nothing, 11.0], [400, 500, 300]).lots ==
        clear(terms; prices_ticks = [1500, NO_PRICE, 1100], quantities_lots = [400, 500, 300]).lots
    @test takers.lots == [400, 500, 100]
end

@testset "floats off the grid" begin
    # Ten lots for sale, so that the highest bid alone sets the price.
    terms = Terms(; SALE..., supply = (type = "fixed", quantity = 10))
    prices, lots = [14.0, 15.004], [10, 10]
    @test refused(clear(terms, prices, lots)) == (bid = [2], code = [:not_a_multiple])
    @test clear(terms, prices, lots).price_ticks == 1400
    @test clear(terms, prices, lots, rounding = :down).price_ticks == 1500
    @test clear(terms, [15.006], [10], rounding = :nearest).price_ticks == 1501
    @test clear(terms, [15.006], [10], rounding = :down).price_ticks == 1500
    @test clear(terms, [15006 // 1000], [10], rounding = :nearest).price_ticks == 1501
    @test clear(terms, [0.07 + 14], [10]).price_ticks == 1407
    @test refused(clear(terms, [15006 // 1000, 14], [10, 1 // 2])) == (bid = [1, 2], code = [:not_a_multiple, :not_a_multiple])
    @test refused(clear(terms, [big(10)^30, 14], [10, 10])) == (bid = [1], code = [:not_a_multiple])
    @test_throws MalformedError clear(terms, [big(10)^30, 14], [10, 10], rounding = :down)
    @test_throws MalformedError clear(terms, [Inf, 12.0], [10, 10], rounding = :down)
    @test_throws MisuseError clear(terms, prices, lots, rounding = :up)
end

@testset "options of bids" begin
    terms = Terms(supply = (type = "fixed", quantity = 10), tick_size = 1, lot_size = 1, reserve_price = 1,
                  allocation = "price_time", money_unit = 100)
    clearing = clear(terms, [9, 9, 9], [6, 6, 6], sequences = [3, 1, 2], bidders = [7, 8, 7])
    @test clearing.lots == [0, 6, 4]
    @test bidders(clearing).bidder == [8, 7] && bidders(clearing).lots == [6, 4]
    @test bidders(clearing).payment == [0.0, 0.0]
    @test clear(terms, [9, 9], [6, 6], flags = [BID_PHANTOM, 0x00]).lots == [0, 6]
    @test clear(terms, [9, 9], [0, 6], budgets = [40, 0]).lots == [4, 6]
end

@testset "payments asked for are those that the library writes" begin
    random = MersenneTwister(11)
    supply, count = (type = "fixed", quantity = 400), 60
    rules = [NamedTuple(), (price_rule = "pay_as_bid",), (money_unit = 100,), (price_rule = "pay_as_bid", money_unit = 100),
             (price_rule = nothing, allocation = "pro_rata_demand")]
    for rule in rules, _ in 1:50
        terms = Terms(; supply = supply, tick_size = 1, lot_size = 1, reserve_price = 5, rule...)
        prices, lots = Float64.(rand(random, 4:14, count)), rand(random, 1:25, count)
        prices[rand(random, 1:count, 5)] .= NaN
        budgets, flags = zeros(Int128, count), rand(random, [0x00, 0x00, BID_PHANTOM], count)
        lots[1:5] .= 0
        budgets[1:5] .= rand(random, 1:200, 5)
        clearing = clear(terms, prices, lots, budgets = budgets, flags = flags)
        @test clearing.payments == written_payments(terms, prices, lots, budgets = budgets, flags = flags)
    end
    own_price = Terms(raw"""{"supply": {"type": "fixed", "quantity": 10}, "lot_size": 1, "price_rule": "pay\u005fas_bid"}""")
    @test clear(own_price, [3.0, 2.0], [5, 5]).payments == [1500, 1000]
    beyond = Terms(supply = (type = "fixed", quantity = 2 * 10^18), tick_size = 1, lot_size = 1)
    @test clear(beyond, [10^18], [10^18]).payments == [0]
    @test clear(beyond, [10^18, 10^18], [10^18, 10^18]).payments == [Int128(10)^36, Int128(10)^36]
    @test clear(beyond, Float64[], Float64[]).payments == Int128[]
end

@testset "payments are made when they are asked for, once" begin
    terms, count = Terms(; SALE...), 100_000
    ticks, lots, counts = fill(1200, count), fill(1, count), fill(100, count ÷ 100)
    one() = clear(terms; prices_ticks = ticks, quantities_lots = lots)
    many() = clear_many(terms, counts; prices_ticks = ticks, quantities_lots = lots)
    for work in (one, many)
        ask(result) = result.payments
        ask(work())
        # Eight bytes for lots and one for marks, and for the figures of a sale of 100 bids some more.
        @test (@allocated work()) < 14 * count
        result = work()
        @test (@allocated ask(result)) >= 16 * count
        @test (@allocated ask(result)) < 1000
        @test result.payments === result.payments && result.payments isa Vector{Int128}
        @test propertynames(result) == fieldnames(typeof(result)) && :payments in propertynames(result)
        # Whichever thread is first, all get its array.
        for _ in 1:20
            shared, found = work(), Vector{Vector{Int128}}(undef, 8)
            Threads.@threads for place in eachindex(found)
                found[place] = shared.payments
            end
            @test all(column -> column === found[1], found)
        end
    end
end

@testset "mistakes are errors of their kind" begin
    error = try Terms(suply = 1) catch caught; caught end
    @test error isa MalformedError && error.code == :INVALID_MESSAGE && occursin("supply", error.message)
    @test occursin("INVALID_MESSAGE", sprint(showerror, error))
    terms = Terms(; SALE...)
    @test_throws MisuseError clear(terms, [1.0, 2.0], [1.0])
    @test_throws MisuseError clear(terms, [12.0], [1], bidders = [1, 2])
    @test_throws MisuseError clear(terms, [12.0])
    @test_throws MisuseError clear(terms, [12.0], [1]; prices_ticks = [1200])
    @test_throws MalformedError clear_document("{")
    close(terms)
    close(terms)
    @test_throws MisuseError clear(terms, [12.0], [1])
end

@testset "many sales are each what one is" begin
    random = MersenneTwister(7)
    terms = Terms(supply = (type = "linear", base_quantity = 500, price_floor = 10, price_ceiling = 20), tick_size = "0.01",
                  lot_size = 1, reserve_price = 10)
    counts = rand(random, 0:60, 200)
    prices, lots = rand(random, 990:2000, sum(counts)) ./ 100, rand(random, 1:100, sum(counts))
    many = clear_many(terms, counts, prices, lots)
    figured = figures(many)
    @test length(many) == 200
    first_bid = 1
    for (sale, count) in enumerate(counts)
        bids = first_bid:first_bid+count-1
        one = clear(terms, prices[bids], lots[bids])
        @test many[sale].lots == one.lots && many[sale].payments == one.payments && many[sale].marks == one.marks
        @test many[sale].price_ticks == one.price_ticks && figured.revenue_units[sale] == one.revenue
        @test figured.outcome[sale] == one.outcome
        first_bid += count
    end
    for threads in [1, 3]
        @test figures(clear_many(terms, counts, prices, lots, threads = threads)).revenue == figured.revenue
    end
    @test many.payments == reduce(vcat, [sale.payments for sale in many])
    own_price = Terms(supply = (type = "fixed", quantity = 500), tick_size = "0.01", lot_size = 1, reserve_price = 10,
                      price_rule = "pay_as_bid")
    for terms in (terms, own_price)
        many, ends = clear_many(terms, counts, prices, lots), cumsum(counts)
        each = [clear(terms, prices[last-count+1:last], lots[last-count+1:last]).payments for (last, count) in zip(ends, counts)]
        @test [sale.payments for sale in many] == each
        @test many.payments == reduce(vcat, each)
        @test [sale.payments for sale in many] == each
    end
    taken = prices .>= 10
    @test_throws RefusedError clear_many(terms, counts, prices, lots, fills = false)
    for terms in (terms, own_price)
        bare = clear_many(terms, [sum(taken)], prices[taken], lots[taken], fills = false)
        @test isempty(bare.lots) && isempty(bare.payments) && isempty(bare[1].payments)
    end
    @test_throws MisuseError clear_many(terms, counts[2:end], prices, lots)
    @test_throws MisuseError clear_many(terms, [-1, 1 + sum(counts)], prices, lots)
end

@testset "terms are used from many threads at once" begin
    @test Threads.nthreads() > 1
    terms, prices, lots = Terms(; SALE...), 10 .+ (1:2000) ./ 100, collect(1:2000)
    want = clear(terms, prices, lots).lots
    right = Threads.Atomic{Int}(0)
    Threads.@threads for _ in 1:100
        clear(terms, prices, lots).lots == want && Threads.atomic_add!(right, 1)
    end
    @test right[] == 100
end
