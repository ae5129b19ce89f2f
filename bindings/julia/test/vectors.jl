# The worked auctions of `tests/vectors`, from arrays and as documents.

"A number of a vector: decimal or fraction, exact."
function exact(text::AbstractString)
    parts = split(text, '/')
    length(parts) == 2 && return exact(parts[1]) / exact(parts[2])
    found = match(r"^(-?)(\d+)(?:\.(\d*))?$", text)
    fraction = something(found[3], "")
    value = parse(BigInt, found[2] * fraction) // big(10)^length(fraction)
    return found[1] == "-" ? -value : value
end
exact(::Nothing) = nothing

"The vectors' bids as columns. Bidders named in `net_long` come first."
function columns(auction, terms)
    bids = auction["bids"]
    names = collect(String, keys(get(auction, "net_long", Dict{String,Any}())))
    numbers = Dict{String,UInt32}(name => index - 1 for (index, name) in enumerate(names))
    bidder(bid) = get!(() -> length(numbers), numbers, get(bid, "bidder", bid["id"]))
    money = Walras.tick(terms) * Walras.lot(terms)
    return (
        prices = [bid["price"] === nothing ? NaN : parse(Float64, bid["price"]) for bid in bids],
        quantities = [parse(Float64, get(bid, "quantity", "0")) for bid in bids],
        budgets = [Int128(exact(get(bid, "budget", "0")) / money) for bid in bids],
        bidders = map(bidder, bids),
        flags = [get(bid, "is_phantom", false) ? BID_PHANTOM : 0x00 for bid in bids],
    )
end

"A vector says nothing about the bids that it does not name."
matches(actual, expected) = actual == expected
matches(actual::Dict, expected::Dict) = all(get(actual, id, nothing) == value for (id, value) in expected)

"What a clearing says under a key of `expect`, exact."
function actual(clearing, key, ids)
    t, l = tick(clearing), lot(clearing)
    named(values) = Dict(zip(ids, values))
    key == "outcome" && return string(clearing.outcome)
    key == "clearing_price" && return clearing.price_ticks === nothing ? nothing : clearing.price_ticks * t
    key == "price_interval" && return [ticks * t for ticks in clearing.price_interval_ticks]
    key == "indicative_price" && return clearing.indicative_price_ticks * t
    key == "supply_at_price" && return clearing.supply_lots * l
    key == "total_allocated" && return clearing.allocated_lots * l
    key == "unsold" && return clearing.unsold_lots * l
    key == "demand_above" && return clearing.demand_above_lots * l
    key == "marginal_demand" && return clearing.marginal_demand_lots * l
    key == "marginal_available" && return clearing.marginal_available_lots * l
    key == "total_revenue" && return clearing.revenue * t * l
    key == "marginal_fill_ratio" && return clearing.marginal_demand_lots == 0 ? nothing :
        big(clearing.marginal_available_lots) // clearing.marginal_demand_lots
    key == "quantities" && return named(clearing.lots .* l)
    key == "refused" && return Dict(ids[bid] => string(code) for (bid, code) in zip(refused(clearing)...))
    key == "killed" && return Set(ids[killed(clearing)])
    error("the test knows no `$key`")
end

function expected(key, value)
    key == "outcome" && return value
    key == "refused" && return value
    key == "killed" && return Set(value)
    value isa AbstractDict && return Dict(id => exact(number) for (id, number) in value)
    value isa AbstractVector && return exact.(value)
    return exact(value)
end

"What each bid pays as the library writes it when it is given the room, whatever the terms."
function written_payments(terms, prices, quantities; options...)
    columns = Walras.Columns(terms.grids, prices, quantities; options...)
    room = Walras.Payments(Vector{Int128}(undef, columns.count))
    fills = merge(Walras.empty_fills(terms, columns.count), (payments = room,))
    winners, figures = Walras.empty_winners(columns.count), Ref{Walras.Figures}()
    GC.@preserve terms columns fills winners begin
        bids, rooms = Ref(Walras.pointers(columns)), Ref(Walras.pointers(fills, winners))
        Walras.check(Walras.walras_clear_with(terms.handle, bids, rooms, figures))
    end
    return room.column
end

@testset "every vector holds" begin
    files = filter(endswith(".json"), readdir(joinpath(ROOT, "tests", "vectors"), join = true))
    vectors = reduce(vcat, [JSON.parse(read(file, String)) for file in files])
    @test length(vectors) >= 58
    @testset "$(vector["id"])" for vector in vectors
        auction = copy(vector["auction"])
        document = clear_document(JSON.write(auction))
        bids = pop!(auction, "bids")
        # The order of names in `net_long` is what numbers them, so the terms are written once.
        terms = Terms(JSON.write(auction))
        given = columns(vector["auction"], terms)
        options = (budgets = given.budgets, bidders = given.bidders, flags = given.flags)
        clearing = clear(terms, given.prices, given.quantities; options...)
        @test clearing.payments == written_payments(terms, given.prices, given.quantities; options...)
        ids = [bid["id"] for bid in bids]
        for (key, value) in vector["expect"]
            @test matches(actual(clearing, key, ids), expected(key, value))
            key == "refused" && @test length(value) == clearing.refused_count
            key in ("quantities", "refused", "killed") && continue
            @test expected(key, document[key]) == expected(key, value)
        end
        for (bid, id) in enumerate(ids)
            award = get(document["allocations"], id, Dict("quantity" => "0", "payment" => "0"))
            @test clearing.lots[bid] * lot(clearing) == exact(award["quantity"])
            clearing.payments_are_exact || continue
            @test clearing.payments[bid] * tick(clearing) * lot(clearing) == exact(award["payment"])
        end
    end
end
