# Handles: closed, dropped, left open at the end of the process. Nothing stays behind.

"One engine with a subscriber from beginning to end."
function cycle()
    engine = Engine(ring_bytes = 1 << 20, history_bytes = 1 << 20)
    subscription = events(engine, channels = [:bids], capacity = 16)
    auction = Auction(engine; LIVE...)
    submit!(auction, "ann", 12.0, 5)
    offset = take!(subscription).offset
    close(subscription)
    close(engine)
    return offset
end

@testset "1,000 engines with subscribers leave nothing behind" begin
    for _ in 1:200
        cycle()
    end
    GC.gc()
    memory, threads, descriptors = resident(), thread_count(), descriptor_count()
    @test all(cycle() == 2 for _ in 1:1000)
    GC.gc()
    @info "1,000 cycles" memory_growth_mb = (resident() - memory) / 2^20
    @test resident() - memory < 16 << 20
    @test thread_count() == threads && descriptor_count() == descriptors
end

@testset "terms and results in a loop leave nothing behind" begin
    work() = clear(Terms(; LIVE...), [15.0, 12.0], [600, 500]).allocated_lots
    foreach(_ -> work(), 1:2000)
    GC.gc()
    memory = resident()
    @test all(work() == 1000 for _ in 1:20_000)
    GC.gc()
    @test resident() - memory < 16 << 20
end

"An engine, a subscriber and a reader that nobody closes."
function drop_one()
    engine = Engine(ring_bytes = 1 << 20, history_bytes = 1 << 20)
    subscription, reader = events(engine), EventReader(engine)
    auction = Auction(engine; LIVE...)
    submit!(auction, "ann", 12.0, 5)
    return take!(subscription).kind
end

@testset "what is dropped is given back by the garbage collector" begin
    @noinline drop_many(count) = foreach(_ -> drop_one(), 1:count)
    drop_many(5)
    # A finalizer may put off its work, and closed handles of libuv are gone a turn of the loop later. What was freed the
    # system may still count: the C library keeps it for the next who asks, unless it is told to give it back.
    function settle()
        for _ in 1:10
            GC.gc()
            yield()
            Base.process_events()
        end
        ccall(:malloc_trim, Cint, (Csize_t,), 0)
    end
    settle()
    threads, descriptors, memory = thread_count(), descriptor_count(), resident()
    drop_many(100)
    settle()
    @test thread_count() <= threads + 4
    @test descriptor_count() <= descriptors + 4
    @test resident() - memory < 48 << 20
end

@testset "engines are closed while other threads use them" begin
    for _ in 1:20
        engine = Engine()
        auction = Auction(engine; LIVE..., max_bids_per_bidder = 1_000_000)
        subscription = events(engine)
        reading = @async count(event -> true, subscription)
        submitting = Threads.@spawn begin
            accepted = 0
            while code_of(() -> submit!(auction, "ann", 12.0, 1)) == :none
                accepted += 1
                yield()
            end
            accepted
        end
        while state(auction).bid_count < 50
            yield()
        end
        close(engine)
        @test fetch(submitting) >= 50
        @test fetch(reading) > 0
    end
end

"What a program of its own prints, and how it ends."
function run_program(program)
    output = IOBuffer()
    command = `$(Base.julia_cmd()) --project=$(Base.active_project()) --startup-file=no -e $program`
    done = run(pipeline(ignorestatus(command), stdout = output, stderr = output))
    return done.exitcode, String(take!(output))
end

@testset "a program may end with everything open" begin
    program = """
        using Walras
        engine = Engine()
        subscription = events(engine)
        server = Server(engine)
        auction = Auction(engine, supply = (type = "fixed", quantity = 10))
        submit!(auction, "ann", 1, 1)
        println(take!(subscription).kind)
    """
    for ending in ["", "exit(0)", "subscription = server = engine = auction = nothing; GC.gc(); exit(0)"]
        code, output = run_program(program * ending)
        @test code == 0 && output == "auction_created\n"
    end
end

@testset "the library says nothing unless it is asked to" begin
    program(level) = "using Walras; log_level!($(repr(level))); Engine(close, data = mktempdir())"
    @test run_program(program(:warn)) == (0, "")
    code, output = run_program(program(:info))
    @test code == 0 && occursin("INFO", output)
    @test code_of(() -> log_level!(:loud)) == :BAD_ARGUMENT
end

@testset "the library is found, or it is said why not" begin
    @test isfile(Walras.library_path())
    withenv("WALRAS_LIBRARY" => "/nowhere/libwalras.so") do
        @test_throws ErrorException Walras.library_path()
    end
    withenv("WALRAS_LIBRARY" => Walras.LOADED_FROM[]) do
        @test Walras.library_path() == Walras.LOADED_FROM[]
    end
    @test_throws ErrorException Walras.load("libc.so.6")
end
