# Events: kinds and order, filters, waiting, the end, what is missed; a million of them while the garbage collector runs.

"All events of a subscription up to the one for which `is_last` holds."
function take_until(is_last, subscription)
    found = Event[]
    for event in subscription
        push!(found, event)
        is_last(event) && break
    end
    return found
end

@testset "events come in order, with fields and messages" begin
    engine = Engine()
    everything = events(engine)
    auction = Auction(engine; LIVE...)
    bids_alone, refusals = events(auction, channels = [:bids], json = false), events(engine, channels = ["bids"], refusals = true)
    receipt = submit!(auction, "ann", 15.0, 1200, is_marginal = true)
    code_of(() -> submit!(auction, "ann", 9.0, 1))
    amend!(auction, receipt.bid_id, quantity = 1100)
    cancel!(auction, receipt.bid_id)
    submit!(auction, "bob", 12.0, 10)
    publish!(engine, (note = "closing",))
    put_prices!(engine, "ETH", (usd = 2500.0,), change_24h = 1.5)
    put_order_book!(engine, "ETH-USD", bids = [(price = 1.0, quantity = 2.0)])
    close!(auction)
    publish!(engine, "the end")
    found = take_until(event -> event.kind == :host && occursin("the end", event.json), everything)
    facts = filter(event -> !(event.kind in (:auction_update, :host, :price_update, :order_book_update)), found)
    @test [event.kind for event in facts] ==
        [:auction_created, :bid_accepted, :bid_amended, :bid_cancelled, :bid_accepted, :auction_complete, :settlement_started]
    @test [event.offset for event in facts] == 1:7
    @test issorted([event.at_us for event in facts])
    accepted = facts[2]
    @test accepted.auction == auction.id && accepted.subject == receipt.bid_id && accepted.price_ticks == 1500
    @test accepted.quantity_lots == 1200 && accepted.current_price_ticks == 1500
    @test accepted.flags & Walras.EVENT_FLAGS.is_marginal != 0
    @test bidder(auction, accepted.party_key) == "ann"
    @test payload(accepted)["quantity"] == 1200.0 && payload(accepted)["price"] == 15.0
    @test facts[6].price_ticks == 1000 && payload(facts[6])["clearing_price"] == 10.0
    @test Set(event.kind for event in found) ⊇ Set([:host, :price_update, :order_book_update, :auction_update])
    alone = take_until(event -> event.offset == 5, bids_alone)
    @test [event.kind for event in alone] == [:bid_accepted, :bid_amended, :bid_cancelled, :bid_accepted]
    @test all(event -> isempty(event.json), alone)
    @test :bid_rejected in [event.kind for event in take_until(event -> event.offset == 5, refusals)]
    foreach(close, (everything, bids_alone, refusals))
    close(engine)
end

@testset "a reader gives columns" begin
    Engine() do engine
        auction = Auction(engine; LIVE...)
        reader = EventReader(engine, auction = auction, channels = [:bids], json = false)
        @test isempty(read_events(reader))
        receipts = [submit!(auction, "ann", 12.0 + count, count) for count in 1:3]
        drain(engine)
        accepted = read_table(reader, :bid_accepted)
        @test accepted.subject == [receipt.bid_id for receipt in receipts] && accepted.quantity_lots == [1, 2, 3]
        @test accepted.price_ticks == [1300, 1400, 1500] && accepted.offset == [2, 3, 4]
        @test isempty(read_table(reader, :bid_accepted).offset)
        close(reader)
        @test_throws MisuseError read_events(reader)
    end
end

@testset "a task waits for events without holding up others" begin
    engine = Engine()
    subscription = events(engine, channels = [:host])
    taken = @async take!(subscription)
    # The waiting task must have begun, and must let this one run.
    while !istaskstarted(taken)
        yield()
    end
    @test !istaskdone(taken)
    publish!(engine, 7)
    @test fetch(taken).kind == :host
    # From another thread as well.
    fetch(Threads.@spawn publish!(engine, 8))
    @test occursin("8", take!(subscription).json)
    close(subscription)
    @test !isopen(subscription)
    @test_throws InvalidStateException take!(subscription)
    close(engine)
end

@testset "a closed engine ends its subscriptions after what was left" begin
    engine = Engine()
    subscription = events(engine, channels = [:host])
    for count in 1:1000
        publish!(engine, count)
    end
    close(engine)
    @test [JSON.parse(event.json) isa Any for event in subscription] == fill(true, 1000)
    @test !isopen(subscription)
end

@testset "who is too slow is told how much was missed" begin
    engine = Engine(ring_bytes = 1 << 20)
    auction = Auction(engine; LIVE..., max_bids_per_bidder = 1_000_000)
    reader = EventReader(engine, auction = auction, channels = [:bids], json = false)
    @test submit!(auction, "ann", 12.0, 1).offset == 2
    @test [event.offset for event in read_events(reader)] == [2]
    submit_many!(auction, "ann", fill(12.0, 50_000), fill(1, 50_000))
    drain(engine)
    late = read_events(reader)
    @test count(event -> event.kind == :missed, late) == 1
    seen = [event.offset for event in late if event.kind == :bid_accepted]
    @test sum(event.missed for event in late) + length(seen) >= 50_000
    # What is seen after the hole has none.
    foreach(_ -> submit!(auction, "ann", 12.0, 1), 1:10)
    append!(seen, [event.offset for event in read_events(reader)])
    @test seen == 50_012-length(seen)+1:50_012
    foreach(close, (reader, engine))
end

"The process's memory in bytes, threads and descriptors."
resident() = parse(Int, split(read("/proc/self/statm", String))[2]) * 4096
thread_count() = length(readdir("/proc/self/task"))
descriptor_count() = length(readdir("/proc/self/fd"))

"Submits and publishes from one thread, never more than `ahead` events before what the reader has taken."
function produce(engine, auction, thread, rounds, taken, given, ahead)
    for round in 1:rounds
        while given[] - taken[] > ahead
            yield()
        end
        submit_steps!(auction, "party-$thread", 1000 + round % 500, 1 + round % 7)
        for part in 1:4
            publish!(engine, [thread, 4 * (round - 1) + part])
        end
        Threads.atomic_add!(given, 5)
        # Allocations and collections while the other thread is inside of the library.
        round % 2000 == 0 && GC.gc(round % 20_000 == 0)
        round % 16 == 0 && yield()
    end
end

@testset "a million events while two threads submit and the garbage collector runs" begin
    @test Threads.nthreads() >= 2
    rounds = 100_000
    engine = Engine()
    auction = Auction(engine; LIVE..., max_bids_per_bidder = 10 * rounds)
    subscription = events(engine, channels = [:bids, :host])
    taken, given = Threads.Atomic{Int}(0), Threads.Atomic{Int}(0)
    offset, marks, missed, wrong = 1, zeros(Int, 2), 0, 0
    memory = Int[]
    reading = @async for event in subscription
        if event.kind == :bid_accepted
            wrong += event.offset != offset + 1
            offset = event.offset
        elseif event.kind == :host
            thread, number = JSON.parse(event.json)["payload"]
            wrong += number != marks[thread] + 1
            marks[thread] = number
        elseif event.kind == :missed
            missed += event.missed
        end
        Threads.atomic_add!(taken, 1)
        taken[] % 100_000 == 0 && push!(memory, resident())
        taken[] == 10 * rounds && break
    end
    submitting = Set{Int}()
    seconds = @elapsed begin
        Threads.@threads for thread in 1:2
            produce(engine, auction, thread, rounds, taken, given, 4000)
        end
        wait(reading)
    end
    @info "a million events" seconds memory_growth_mb = (memory[end] - memory[2]) / 2^20
    @test missed == 0 && wrong == 0
    @test offset == 2rounds + 1 && marks == [4rounds, 4rounds]
    @test state(auction).bid_count == 2rounds
    # What grows is the engine's 200,000 bids.
    @test memory[end] - memory[2] < 96 << 20
    foreach(close, (subscription, engine))
end
