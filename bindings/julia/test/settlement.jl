# Settlements: agreed on by parties, carried out by this program.

"A completed auction that ann won whole, whose settlement this program carries out."
function sold_auction(engine; settlement = (executor = "host",))
    auction = Auction(engine; LIVE..., creator = "sam", settlement = settlement)
    submit!(auction, "ann", 12.0, 1000)
    close!(auction)
    return auction
end

function affirm_all!(engine, auction)
    found = settlement(auction)
    for party in found["participants"]
        code_of(() -> affirm!(engine, UUID(found["settlement_id"]), party["party"], found["hash"]))
    end
end

@testset "a settlement is agreed on and carried out here" begin
    engine = Engine()
    steps = Symbol[]
    results = events(engine, channels = [:settlement])
    executing = execute_settlements(engine) do request
        push!(steps, request.step)
        request.step == :prepare ? true : (ok = true, gas_used = 21, execution_path = ["bank"])
    end
    auction = sold_auction(engine)
    @test settlement(auction)["phase"] == "consensus"
    affirm_all!(engine, auction)
    last_event = take_until(event -> event.kind == :settlement_complete, results)[end]
    @test steps == [:prepare, :commit]
    @test payload(last_event)["gas_used"] == 21 && payload(last_event)["execution_path"] == ["bank"]
    @test settlement(auction)["phase"] == "complete"
    foreach(close, (executing, results, engine))
end

@testset "a refused step rolls back, and reports must fit" begin
    engine = Engine()
    results = events(engine, channels = [:settlement])
    auction = sold_auction(engine)
    id = UUID(settlement(auction)["settlement_id"])
    @test code_of(() -> report!(engine, id, :prepare, true)) == :SETTLEMENT_CONFLICT
    @test code_of(() -> report!(engine, id, :pay, true)) == :BAD_ARGUMENT
    @test code_of(() -> affirm!(engine, id, "ann", "00"^32)) != :none
    affirm_all!(engine, auction)
    report!(engine, id, :prepare, false, reason = "no money")
    failed = take_until(event -> event.kind == :settlement_failed, results)[end]
    @test payload(failed)["reason"] == "no money"
    foreach(close, (results, engine))
end

@testset "a settlement that starts by hand" begin
    Engine() do engine
        auction = sold_auction(engine, settlement = (start = "manual",))
        @test settlement(auction)["phase"] == "pending"
        start_settlement!(auction)
        affirm_all!(engine, auction)
        @test settlement(auction)["phase"] == "complete" && !isempty(settlement(auction)["postings"])
    end
end
