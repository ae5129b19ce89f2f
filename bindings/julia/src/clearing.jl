# One sale, or many, cleared from arrays: no engine needed, any thread, as many at once as wanted.

"""
    Terms(json::AbstractString)
    Terms(; supply, tick_size = 0.01, lot_size = 0.000001, reserve_price = 0, …)

The terms of a sale, read once: the keys of `walras clear` (docs/CLEARING.md). Values may be numbers, strings with exact
decimals, named tuples and dictionaries; rational numbers are written exactly.

    Terms(supply = (type = "fixed", quantity = 1000), tick_size = "0.01", lot_size = 1, reserve_price = 10)

Throws [`MalformedError`](@ref), which names the field, for terms that make no sense. Immutable; any thread may use it.
"""
mutable struct Terms
    handle::Ptr{Cvoid}
    grids::Grids
    lowest_price_ticks::Int64
    # What decides which parts of a result the library has to write.
    is_pay_as_bid::Bool
    has_money_unit::Bool

    function Terms(json::AbstractString)
        text, handle = String(json), Ref{Ptr{Cvoid}}(C_NULL)
        check(walras_terms_new(text, sizeof(text), handle))
        grids, lowest = Ref{Grids}(), Ref{Int64}()
        check(walras_terms_grids(handle[], grids, lowest))
        # The library has read it, so it is an object of known keys.
        keys = JSON.parse(text)
        is_pay_as_bid = get(keys, "price_rule", nothing) == "pay_as_bid"
        has_money_unit = get(keys, "money_unit", nothing) !== nothing
        return finalizer(close, new(handle[], grids[], lowest[], is_pay_as_bid, has_money_unit))
    end
end

Terms(; keys...) = Terms(JSON.write(values(keys)))
Terms(keys::Union{NamedTuple,AbstractDict}) = Terms(JSON.write(keys))
Terms(terms::Terms) = terms

"Gives the terms back to the library. Calling it again does nothing; the garbage collector calls it as well."
function Base.close(terms::Terms)
    handle, terms.handle = terms.handle, C_NULL
    walras_terms_free(handle)
    return
end

tick(terms::Terms) = tick(terms.grids)
lot(terms::Terms) = lot(terms.grids)
Base.show(io::IO, terms::Terms) =
    print(io, "Terms(tick = ", decimal(price_step(terms.grids), 1), ", lot = ", decimal(quantity_step(terms.grids), 1), ")")

"""
    supply(terms, prices) -> Vector{Float64}

How much is on offer at each price, in units of the quantity, rounded down to lots.
"""
function supply(terms::Terms, prices)
    ticks = steps_of(price_step(terms.grids), prices, :refuse)
    lots = Vector{Int64}(undef, length(ticks))
    GC.@preserve terms check(walras_terms_supply(terms.handle, ticks, length(ticks), lots))
    return floats_of(quantity_step(terms.grids), lots)
end

const OUTCOMES = (:cleared, :undersubscribed, :no_sale, :cancelled)

"Names of what `walras_fills.marks` says about a refused bid, by its number."
const REFUSALS = (:not_a_multiple, :invalid, :needs_positive_reserve, :below_min_quantity, :below_reserve)
const MARK_REFUSAL, MARK_AT_MARGIN, MARK_KILLED = 0x0f, 0x10, 0x20
const BID_PHANTOM, BID_MARGINAL = 0x01, 0x02

"""
What each bid pays, in tick × lot units: a column that the library writes, or one that is worked out when it is first asked
for, and kept. Any thread may ask.
"""
mutable struct Payments
    is_there::Threads.Atomic{Bool}
    lock::Threads.SpinLock
    column::Vector{Int128}

    Payments() = new(Threads.Atomic{Bool}(false), Threads.SpinLock())
    Payments(column) = new(Threads.Atomic{Bool}(true), Threads.SpinLock(), column)
end

address(payments::Payments) = payments.is_there[] ? pointer(payments.column) : Ptr{Int128}(C_NULL)

function column_of(work_out, payments::Payments)
    payments.is_there[] && return payments.column
    return lock(payments.lock) do
        if !payments.is_there[]
            payments.column = work_out()
            # Whoever sees this sees the column as well.
            payments.is_there[] = true
        end
        payments.column
    end
end

"""
    Clearing

The result of one sale. What is exact is in whole ticks, lots and tick × lot units of money:

- `outcome` (`:cleared`, `:undersubscribed`, `:no_sale`, `:cancelled`), `price_ticks` (`nothing` when nothing sells),
  `price_interval_ticks`, `indicative_price_ticks`;
- `supply_lots`, `allocated_lots`, `unsold_lots`, `oversold_lots`, `demand_at_or_above_lots`, `demand_above_lots`,
  `marginal_demand_lots`, `marginal_available_lots`, `total_quantity_lots`;
- `revenue` and `payments_are_exact` (`false` where an average price left fractions, which were rounded down);
- `bid_count`, `phantom_count`, `refused_count`, `killed_count`;
- `lots`, `payments` and `marks`, one for each bid, in their order; `grids`.

[`price`](@ref), [`quantities`](@ref), [`payments`](@ref), [`allocations`](@ref), [`bidders`](@ref), [`refused`](@ref) and
[`killed`](@ref) give it in units for people.
"""
struct Clearing
    outcome::Symbol
    price_ticks::Union{Int64,Nothing}
    price_interval_ticks::Tuple{Int64,Int64}
    indicative_price_ticks::Int64
    supply_lots::Int64
    allocated_lots::Int64
    unsold_lots::Int64
    oversold_lots::Int64
    demand_at_or_above_lots::Int128
    demand_above_lots::Int128
    marginal_demand_lots::Int128
    marginal_available_lots::Int128
    total_quantity_lots::Int128
    revenue::Int128
    payments_are_exact::Bool
    bid_count::Int
    phantom_count::Int
    refused_count::Int
    killed_count::Int
    lots::Vector{Int64}
    payments::Payments
    marks::Vector{UInt8}
    winners::NamedTuple{(:bidder, :lots, :payment),Tuple{Vector{UInt32},Vector{Int64},Vector{Int128}}}
    grids::Grids
end

function Clearing(figures::Figures, fills, winners, grids)
    return Clearing(
        OUTCOMES[figures.outcome+1], price_or_nothing(figures.price_ticks),
        (figures.price_low_ticks, figures.price_high_ticks), figures.indicative_price_ticks,
        figures.supply_lots, figures.allocated_lots, figures.unsold_lots, figures.oversold_lots,
        Int128(figures.demand_at_or_above_lots), Int128(figures.demand_above_lots),
        Int128(figures.marginal_demand_lots), Int128(figures.marginal_available_lots),
        Int128(figures.total_quantity_lots), Int128(figures.revenue), figures.payments_are_exact == 1,
        figures.bid_count, figures.phantom_count, figures.refused_count, figures.killed_count,
        fills.lots, fills.payments, fills.marks, winners, grids)
end

Base.getproperty(clearing::Clearing, name::Symbol) =
    name === :payments ? payments_units(clearing) : getfield(clearing, name)

# By `getfield`, since the compiler infers no types where a `getproperty` leads to itself.
payments_units(clearing::Clearing) = column_of(getfield(clearing, :payments)) do
    widemul.(getfield(clearing, :lots), something(getfield(clearing, :price_ticks), 0))
end

price_or_nothing(ticks::Int64) = ticks == NO_PRICE ? nothing : ticks

"The bids of a call as the library reads them: either the steps or the floats of a column, and the optional ones."
struct Columns
    count::Int
    prices_ticks::Union{Vector{Int64},Nothing}
    quantities_lots::Union{Vector{Int64},Nothing}
    prices::Union{Vector{Float64},Nothing}
    quantities::Union{Vector{Float64},Nothing}
    budgets::Union{Vector{Int128},Nothing}
    sequences::Union{Vector{UInt64},Nothing}
    bidders::Union{Vector{UInt32},Nothing}
    flags::Union{Vector{UInt8},Nothing}
end

optional(::Type, ::Nothing) = nothing
optional(T::Type, column) = convert(Vector{T}, column)
address(::Type{T}, ::Nothing) where {T} = Ptr{T}(C_NULL)
address(::Type{T}, column::Vector{T}) where {T} = pointer(column)

"One column of numbers: `(steps, nothing)` or `(nothing, floats)`. Vectors of the right type are not copied."
function number_column(name, step, numbers, steps, rounding)
    (numbers === nothing) == (steps === nothing) &&
        misuse(:BAD_ARGUMENT, "give the $name either in units or in steps")
    steps === nothing || return convert(Vector{Int64}, steps), nothing
    rounding == :refuse || return steps_of(step, numbers, rounding), nothing
    # Off the grid is the one bid's refusal.
    eltype(numbers) <: Union{Integer,Rational} || return nothing, convert(Vector{Float64}, numbers)
    return Int64[something(exact_steps(step, number, ROUNDINGS.refuse), OFF_GRID_STEP) for number in numbers], nothing
end

"Without a price is not a number for the library; in steps there is a step of its own for it."
without_price(prices) = eltype(prices) >: Missing || eltype(prices) >: Nothing ?
    Float64[price === missing || price === nothing ? NaN : price for price in prices] : prices

function Columns(grids, prices, quantities; prices_ticks = nothing, quantities_lots = nothing, budgets = nothing,
                 sequences = nothing, bidders = nothing, flags = nothing, rounding = :refuse)
    rounding_number(rounding)
    prices = prices === nothing ? nothing : without_price(prices)
    ticks, prices = number_column("prices", price_step(grids), prices, prices_ticks, rounding)
    lots, quantities = number_column("quantities", quantity_step(grids), quantities, quantities_lots, rounding)
    columns = Columns(length(something(ticks, prices)), ticks, lots, prices, quantities, optional(Int128, budgets),
                      optional(UInt64, sequences), optional(UInt32, bidders), optional(UInt8, flags))
    for name in (:quantities_lots, :quantities, :budgets, :sequences, :bidders, :flags)
        column = getfield(columns, name)
        column === nothing || length(column) == columns.count ||
            misuse(:BAD_LENGTH, "there are $(columns.count) prices and $(length(column)) $name")
    end
    return columns
end

"What the library reads; valid while the columns are preserved."
pointers(columns::Columns) = BidColumns(
    columns.count, address(Int64, columns.prices_ticks), address(Int64, columns.quantities_lots),
    address(Float64, columns.prices), address(Float64, columns.quantities), address(Int128, columns.budgets),
    address(UInt64, columns.sequences), address(UInt32, columns.bidders), address(UInt8, columns.flags))

# Without payments by bid, each is the one price times the lots.
empty_fills(terms, count) =
    (lots = Vector{Int64}(undef, count), marks = Vector{UInt8}(undef, count),
     payments = terms.is_pay_as_bid ? Payments(Vector{Int128}(undef, count)) : Payments())

empty_winners(count) =
    (bidder = Vector{UInt32}(undef, count), lots = Vector{Int64}(undef, count), payment = Vector{Int128}(undef, count))

pointers(fills, winners) = FillColumns(
    pointer(fills.lots), address(fills.payments), pointer(fills.marks), length(winners.bidder),
    pointer(winners.bidder), pointer(winners.lots), pointer(winners.payment))

"""
    clear(terms, prices, quantities; bidders, sequences, budgets, flags, rounding = :refuse) -> Clearing
    clear(terms; prices_ticks, quantities_lots, …) -> Clearing

Clears one sale: the price, and what each bid wins and pays. Bid `i` wants `quantities[i]` at `prices[i]` at most, both in
units (`48.5`), or in whole steps with the other form. `Vector{Float64}` and `Vector{Int64}` are not copied. `NaN`,
`missing` or `NO_PRICE` is the price of a bid that takes any.

`terms` are [`Terms`](@ref), or what makes them (JSON, a named tuple, a dictionary).

- `bidders`: one number a bid, the same for the same bidder; those named in the terms' `net_long` are 0, 1, 2 … in the
  order written. Without it each bid has a bidder of its own.
- `sequences`: time priorities, lower first; without it the position.
- `budgets`: money in tick × lot units; a bid with a budget above 0 has quantity 0 and wants what the money buys.
- `flags`: `BID_PHANTOM`, `BID_MARGINAL`.
- `rounding`: what happens to numbers off the grid. `:refuse` refuses that bid (see [`refused`](@ref)), `:down` takes the
  step below, `:nearest` the nearest.

A bid that the sale cannot take is refused and the rest clears. Throws [`MalformedError`](@ref) for terms that make no
sense, and with rounding for numbers that are none; [`MisuseError`](@ref) for columns of different lengths.
"""
function clear(terms, prices = nothing, quantities = nothing; options...)
    terms = Terms(terms)
    columns = Columns(terms.grids, prices, quantities; options...)
    fills = empty_fills(terms, columns.count)
    # Every winner is a bidder of some bid.
    winners, figures = empty_winners(terms.has_money_unit ? columns.count : 0), Ref{Figures}()
    GC.@preserve terms columns fills winners begin
        bids, rooms = Ref(pointers(columns)), Ref(pointers(fills, winners))
        check(walras_clear_with(terms.handle, bids, rooms, figures))
    end
    foreach(column -> resize!(column, figures[].bidder_count), winners)
    return Clearing(figures[], fills, winners, terms.grids)
end

"""
    clear_document(auction::AbstractString) -> Dict

Clears a whole auction given as one JSON document with its bids, exactly as the program `walras clear` does, and gives that
program's result: every number is an exact decimal text.
"""
function clear_document(auction_json::AbstractString)
    text, result, bytes = String(auction_json), Ref{Ptr{UInt8}}(), Ref{UInt64}()
    check(walras_clear_json(text, sizeof(text), result, bytes))
    return JSON.parse(unsafe_string(result[], bytes[]))
end

"""
    price(clearing) -> Float64 or nothing

The clearing price in units (the float nearest to the exact price), or `nothing` when nothing sells.
"""
price(clearing::Clearing) =
    clearing.price_ticks === nothing ? nothing : float_of(price_step(clearing.grids), clearing.price_ticks)

"    quantities(clearing) -> Vector{Float64}\n\nWhat each bid wins, in units."
quantities(clearing::Clearing) = floats_of(quantity_step(clearing.grids), clearing.lots)

"    payments(clearing) -> Vector{Float64}\n\nWhat each bid pays, in units of money."
payments(clearing::Clearing) = floats_of(money_step(clearing.grids), clearing.payments)

"    revenue(clearing) -> Float64\n\nWhat all payments come to, in units of money."
revenue(clearing::Clearing) = float_of(money_step(clearing.grids), clearing.revenue)

tick(clearing::Clearing) = tick(clearing.grids)
lot(clearing::Clearing) = lot(clearing.grids)

"""
    allocations(clearing) -> (bid, lots, quantity, payment, payment_units)

What was won, one row for each winning bid, as a named tuple of vectors: `bid` is its position, `lots` and `payment_units`
(tick × lot units) are exact, `quantity` and `payment` are floats in units.
"""
function allocations(clearing::Clearing)
    bid = findall(>(0), clearing.lots)
    lots, payments = clearing.lots[bid], clearing.payments[bid]
    return (bid = bid, lots = lots, quantity = floats_of(quantity_step(clearing.grids), lots),
            payment = floats_of(money_step(clearing.grids), payments), payment_units = payments)
end

"""
    bidders(clearing) -> (bidder, lots, quantity, payment, payment_units)

With `money_unit` in the terms: the winners in the order of their first winning bids, their payments rounded down to that
unit once each. Without it the vectors are empty.
"""
bidders(clearing::Clearing) =
    (bidder = clearing.winners.bidder, lots = clearing.winners.lots,
     quantity = floats_of(quantity_step(clearing.grids), clearing.winners.lots),
     payment = floats_of(money_step(clearing.grids), clearing.winners.payment),
     payment_units = clearing.winners.payment)

"""
    refused(clearing) -> (bid, code)

The positions of the bids that the sale could not take, and why: `:not_a_multiple`, `:invalid`,
`:needs_positive_reserve`, `:below_min_quantity` or `:below_reserve`.
"""
function refused(clearing::Clearing)
    bid = findall(mark -> mark & MARK_REFUSAL != 0, clearing.marks)
    return (bid = bid, code = Symbol[REFUSALS[clearing.marks[index]&MARK_REFUSAL] for index in bid])
end

"    killed(clearing) -> Vector{Int}\n\nThe positions of the bids that the rule for all-or-none bids removed."
killed(clearing::Clearing) = findall(mark -> mark & MARK_KILLED != 0, clearing.marks)

"    at_margin(clearing) -> Vector{Int}\n\nThe positions of the bids whose limit is exactly the clearing price."
at_margin(clearing::Clearing) = findall(mark -> mark & MARK_AT_MARGIN != 0, clearing.marks)

function Base.show(io::IO, clearing::Clearing)
    print(io, "Clearing(", clearing.outcome)
    if clearing.price_ticks !== nothing
        print(io, ", price = ", decimal(price_step(clearing.grids), clearing.price_ticks))
    end
    print(io, ", allocated = ", decimal(quantity_step(clearing.grids), clearing.allocated_lots),
          ", revenue = ", decimal(money_step(clearing.grids), clearing.revenue), ", ", clearing.bid_count, " bids)")
end
