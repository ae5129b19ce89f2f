# Settlements: agreement on a result, and its execution by this program.

const STEPS = (:prepare, :commit, :abort)

"""
    settlement(auction) -> Dict

The settlement of a completed auction: where it stands, who has said what, what each party's account changes by. Throws
[`RefusedError`](@ref) before it has completed, and with code `:SETTLEMENT_NOT_FOUND` where nothing was sold.
"""
settlement(auction::Auction) = JSON.parse(text_of_auction(walras_settlement_get, auction))

"    start_settlement!(auction)\n\nStarts the settlement of an auction whose terms say `start: \"manual\"`."
function start_settlement!(auction::Auction)
    engine = auction.engine
    GC.@preserve engine check(walras_settlement_execute(engine.handle, auction.place))
end

"""
    affirm!(engine, settlement_id, party, hash, agrees = true; reason)

Says for a participant that it agrees with the allocations of which `hash` is the SHA-256 (64 hexadecimal digits), or objects.
"""
function affirm!(engine::Engine, settlement_id::UUID, party::AbstractString, hash::AbstractString, agrees::Bool = true;
                 reason = nothing)
    bytes, name, why = hex2bytes(hash), String(party), string_or_nothing(reason)
    length(bytes) == 32 || misuse(:BAD_LENGTH, "a hash has 64 hexadecimal digits")
    GC.@preserve engine why check(walras_settlement_affirm(
        engine.handle, Ref(Id(settlement_id)), name, sizeof(name), bytes, agrees, text_or_null(why)...))
end

"""
    report!(engine, settlement_id, step, is_done; gas_used = 0, execution_path = String[], reason)

Reports, as the executor of a settlement whose terms say `executor: "host"`, on a `step` that it was asked for (`:prepare`, `:commit`,
`:abort`). Throws [`RefusedError`](@ref) with code `:SETTLEMENT_CONFLICT` where that step is not waited for.
"""
function report!(engine::Engine, settlement_id::UUID, step::Symbol, is_done::Bool; gas_used::Integer = 0,
                 execution_path = String[], reason = nothing)
    number = findfirst(==(step), STEPS)
    number === nothing && misuse(:BAD_ARGUMENT, "a step is :prepare, :commit or :abort, not :$step")
    path, why = JSON.write(collect(String, execution_path)), string_or_nothing(reason)
    GC.@preserve engine why check(walras_settlement_report(
        engine.handle, Ref(Id(settlement_id)), number - 1, is_done, gas_used, path, sizeof(path), text_or_null(why)...))
end

"""
    execute_settlements(step, engine; auction) -> Subscription

Carries out settlements whose terms say `executor: "host"`: for each request calls `step(request)` in a task and reports what it gives. A
request has `settlement_id`, `auction_id`, `step` (`:prepare`, `:commit`, `:abort`), `attempt` and `hash`. `step` gives `true`, `false`, or a
named tuple `(ok, gas_used, execution_path, reason)` of which all but `ok` may be missing. An exception reports nothing: the
engine asks again.

Requests may come twice: do each step of a settlement once, and answer the same ever after (docs/SETTLEMENT.md). Close the
subscription to end it.
"""
function execute_settlements(step, engine::Engine; auction = nothing)
    requests = events(engine; auction = auction, channels = [:settlement])
    # The channel alone, so that dropping the subscription still ends this.
    channel = requests.channel
    @async for event in channel
        event.kind == :settlement_request && answer_request(step, engine, event)
    end
    return requests
end

function answer_request(step, engine, event)
    asked = payload(event)
    request = (settlement_id = event.subject, auction_id = event.auction, step = Symbol(asked["step"]),
               attempt = asked["attempt"], hash = asked["hash"])
    try
        answer = step(request)
        answer isa Bool && return report!(engine, request.settlement_id, request.step, answer)
        report!(engine, request.settlement_id, request.step, answer.ok; Base.structdiff(answer, NamedTuple{(:ok,)})...)
    catch error
        @error "a step of a settlement was not carried out" request.step request.settlement_id exception = (error, catch_backtrace())
    end
end
