# The live engine: the life of an auction, its bids, what it says and refuses.

const LIVE = (supply = (type = "fixed", quantity = 1000), tick_size = "0.01", lot_size = 1, reserve_price = 10)

"The code of the error that `work` throws, :none if it throws none."
function code_of(work)
    try
        work()
    catch error
        error isa WalrasError || rethrow()
        return error.code
    end
    return :none
end

@testset "an auction lives, clears and settles" begin
    Engine(clock = :manual, start_time_us = 1_700_000_000_000_000) do engine
        auction = Auction(engine; LIVE..., creator = "sam", name = "first", duration_ms = 60_000)
        @test state(auction).status == :active && state(auction).current_price == 10.0
        @test state(auction).ends_at_us == 1_700_000_060_000_000
        first_bid = submit!(auction, "ann", 15.0, 200, client_bid_id = "a-1")
        @test first_bid.offset == 2 && first_bid.status == :pending && first_bid.standing == :above
        for (party, price, quantity) in [("bob", 14, 300), ("cid", 13, 400), ("dan", 12 // 1, 500), ("eve", 11.0, 100)]
            submit!(auction, party, price, quantity)
        end
        @test state(auction).current_price == 12.0 && state(auction).bid_count == 5
        @test state(auction).demand_above_lots == 900 && state(auction).marginal_available_lots == 100
        @test bids(auction).bidder == ["ann", "bob", "cid", "dan", "eve"]
        @test bids(auction).price == [15.0, 14.0, 13.0, 12.0, 11.0] && bids(auction).client_bid_id[1] == "a-1"
        @test curve(auction, [12.0, 12.01]) == (price = [12.0, 12.01], price_ticks = [1200, 1201],
            demand = [1400.0, 900.0], demand_lots = [1400, 900], supply = [1000.0, 1000.0], supply_lots = [1000, 1000])
        @test curve(auction).price == [11.0, 12.0, 13.0, 14.0, 15.0]
        @test isempty(allocations(auction).bid_id)
        @test code_of(() -> result(auction)) != :none
        @test advance!(engine, Dates.Second(60)) == 1_700_000_060_000_000
        sold = result(auction)
        @test sold.clearing_price == 12.0 && sold.allocated_lots == 1000 && sold.revenue == 12000.0
        won = allocations(auction)
        @test won.bidder == ["ann", "bob", "cid", "dan"] && won.quantity == [200.0, 300.0, 400.0, 100.0]
        @test won.payment == [2400.0, 3600.0, 4800.0, 1200.0] && won.bid_id[1] == first_bid.bid_id
        @test bid(auction, "ann", "a-1").status == :filled && bid(auction, won.bid_id[4]).status == :partial
        @test clear_document(document(auction))["clearing_price"] == "12"
        @test moment(now_us(engine)) == Dates.DateTime(2023, 11, 14, 22, 14, 20)
        @test info(auction)["terms"]["name"] == "first"
        @test auctions(engine) == [auction] && Auction(engine, auction.id) == auction
        @test status(engine).auction_count == 1 && status(engine).durability == :memory
    end
end

@testset "bids are changed, taken back and repeated" begin
    engine = Engine()
    auction = Auction(engine; LIVE..., allow_price_takers = true)
    first_bid = submit!(auction, "ann", 15.0, 600, client_bid_id = "x")
    again = submit!(auction, "ann", 15.0, 600, client_bid_id = "x")
    @test again.is_repeated && again.bid_id == first_bid.bid_id
    @test code_of(() -> submit!(auction, "ann", 15.0, 601, client_bid_id = "x")) == :DUPLICATE_BID_ID
    @test amend!(auction, "ann", "x", quantity = 500).priority_kept
    @test !amend!(auction, first_bid.bid_id, price = 16.0).priority_kept
    @test bid(auction, first_bid.bid_id).price == 16.0 && bid(auction, first_bid.bid_id).quantity_lots == 500
    @test code_of(() -> cancel!(auction, first_bid.bid_id, party = "bob")) == :BID_NOT_FOUND
    @test cancel!(auction, "ann", "x").status == :cancelled
    @test isempty(bids(auction).bid_id) && bids(auction, :all).status == [:cancelled]
    taker = submit!(auction, "bob", nothing, 10)
    @test isnan(bids(auction).price[1]) && bids(auction).price_ticks == [NO_PRICE]
    @test bid(auction, taker.bid_id).price === nothing
    submit!(auction, "bob", 11.0, 10)
    @test cancel_all!(auction, "bob") == 2 && cancel_all!(engine, "bob") == 0
    close(engine)
end

@testset "many bids at once, and the price after each" begin
    engine = Engine()
    auction = Auction(engine; LIVE...)
    given = submit_many!(auction, ["ann", "bob", "ann", "cid"], [15.0, 12.0, 9.0, 12.0], [600, 500, 10, 0],
                         client_bid_ids = ["a", "", "b", ""], path = true)
    @test given.code == [:OK, :OK, :BID_TOO_LOW, :INVALID_BID] && given.status == [0, 0, 309, 308]
    @test given.path_price == [10.0, 12.0, 12.0, 12.0] && given.path_demand_above_lots == [600, 600, 600, 600]
    @test bids(auction).bid_id == given.bid_id[1:2] && bids(auction).bidder == ["ann", "bob"]
    @test bids(auction).client_bid_id == ["a", ""] && given.offset == [2, 3, 0, 0]
    more = submit_many!(auction, "dan"; prices_ticks = [1300, 1301], quantities_lots = [1, 1])
    @test more.code == [:OK, :OK] && bids(auction).bidder[3:4] == ["dan", "dan"]
    @test submit_many!(auction, "dan", [13.004], [5], rounding = :down).code == [:OK]
    @test bids(auction).price[end] == 13.0
    @test code_of(() -> submit_many!(auction, "dan", [13.0, 13.004], [5, 5])) == :OFF_GRID
    @test code_of(() -> submit_many!(auction, ["dan"], [13.0, 13.0], [5, 5])) == :BAD_LENGTH
    @test code_of(() -> submit_many!(auction, "dan", [13.0], [5, 5])) == :BAD_LENGTH
    @test length(bids(auction).bid_id) == 5
    @test submit_many!(auction, "dan", Float64[], Float64[]).code == Symbol[]
    close(engine)
end

@testset "what if" begin
    engine = Engine()
    auction = Auction(engine; LIVE...)
    first_bid = submit!(auction, "ann", 15.0, 600)
    submit!(auction, "bob", 12.0, 500)
    asked = what_if(auction, [13.0, 11.0, 12.0], [500, 100, 500])
    @test asked.price == [13.0, 12.0, 12.0] && asked.filled_lots == [400, 0, 200]
    @test asked.payment == [5200.0, 0.0, 2400.0]
    @test what_if(auction).price == [12.0]
    @test what_if(auction, without = [first_bid.bid_id]).price == [10.0]
    @test price_to_win(auction, 400) == 12.01
    @test price_to_win(auction, 1000) == 15.01
    @test bids(auction).quantity_lots == [600, 500]
    close(engine)
end

@testset "refusals and mistakes are errors of their kind" begin
    engine = Engine()
    auction = Auction(engine; LIVE..., max_bids_per_bidder = 1)
    cases = [
        :BID_TOO_LOW => () -> submit!(auction, "ann", 9.99, 1),
        :OFF_GRID => () -> submit!(auction, "ann", 10.005, 1),
        :OFF_GRID => () -> submit!(auction, "ann", 11, 1 // 2),
        :INVALID_BID => () -> submit!(auction, "ann", 11, 0),
        :AUCTION_NOT_FOUND => () -> Auction(engine, uuid4()),
        :AUCTION_EXISTS => () -> Auction(engine; LIVE..., auction_id = auction.id, creator = "other"),
        :INVALID_MESSAGE => () -> Auction(engine; LIVE..., duration = 5),
        :BID_NOT_FOUND => () -> cancel!(engine, uuid4()),
        :AUCTION_NOT_OPEN => () -> settlement(auction),
        :NOT_SUPPORTED => () -> advance!(engine, 1),
        :INVALID_MESSAGE => () -> Engine(clok = :manual),
        :BAD_ARGUMENT => () -> bids(auction, :best),
    ]
    for (code, work) in cases
        @test code_of(work) == code
    end
    submit!(auction, "ann", 11.0, 5)
    @test code_of(() -> submit!(auction, "ann", 11.0, 5)) == :BID_LIMIT
    halt!(auction, reason = "lunch")
    @test code_of(() -> submit!(auction, "bob", 11.0, 5)) == :AUCTION_NOT_OPEN
    resume!(auction)
    submit!(auction, "bob", 11.0, 5)
    close!(auction)
    error = try submit!(auction, "cid", 11.0, 5) catch caught; caught end
    @test error isa RefusedError && error.code == :AUCTION_ENDED && error.status == 306
    called_off = Auction(engine; LIVE...)
    cancel!(called_off, reason = "withdrawn")
    @test state(called_off).status == :cancelled
    @test code_of(() -> settlement(called_off)) == :AUCTION_ENDED
    close(engine)
    close(engine)
    @test !isopen(engine)
    @test code_of(() -> submit!(auction, "cid", 11.0, 5)) in (:NULL_POINTER, :BAD_HANDLE)
    @test_throws MisuseError state(auction)
    @test_throws MisuseError digest(engine)
    @test_throws MisuseError events(engine)
end

@testset "an idempotency key creates one auction" begin
    Engine() do engine
        first_one = Auction(engine; LIVE..., idempotency_key = "k")
        @test Auction(engine; LIVE..., idempotency_key = "k") == first_one
        @test Auction(engine, JSON.write(LIVE)) != first_one && length(auctions(engine)) == 2
    end
end

"A seeded run: its events' messages and its digest."
function seeded_run(seed)
    Engine(clock = :manual, seed = seed) do engine
        reader = EventReader(engine)
        auction = Auction(engine; LIVE..., duration_ms = 1000)
        random = MersenneTwister(5)
        for _ in 1:200
            submit!(auction, "party-$(rand(random, 1:9))", rand(random, 1000:2000) // 100, rand(random, 1:50))
            advance!(engine, 100)
        end
        advance!(engine, Dates.Second(2))
        drain(engine)
        messages = [event.json for event in read_events(reader)]
        close(reader)
        return messages, digest(engine), digest(clone(engine))
    end
end

@testset "seed and manual clock give the same bytes" begin
    messages, found, cloned = seeded_run(1)
    @test length(messages) > 200 && found == cloned
    @test seeded_run(1) == (messages, found, cloned)
    @test seeded_run(2)[2] != found
end

@testset "a clone goes its own way" begin
    Engine() do engine
        auction = Auction(engine; LIVE...)
        submit!(auction, "ann", 15.0, 600)
        other = clone(engine)
        twin = Auction(other, auction.id)
        submit!(twin, "bob", 14.0, 600)
        @test close!(twin).clearing_price == 14.0
        @test state(auction).status == :active && state(auction).bid_count == 1
        close(other)
        @test digest(engine) != ""
    end
end

@testset "a log on the disk is taken up again" begin
    mktempdir() do folder
        found = Engine(data = folder, durability = :os) do engine
            auction = Auction(engine; LIVE...)
            submit_many!(auction, "ann", fill(12.0, 50), fill(30, 50))
            @test status(engine).durability == :os
            @test code_of(() -> Engine(data = folder)) == :DATA
            digest(engine)
        end
        Engine(data = folder, durability = :os) do engine
            @test digest(engine) == found
            @test close!(auctions(engine)[1]).clearing_price == 12.0
        end
    end
end
