# Many sales under the same terms, in one call: what simulations do.

"""
    Clearings

The results of [`clear_many`](@ref), one for each sale, in their order: [`figures`](@ref) as columns, and `clearings[i]`
as a [`Clearing`](@ref). `lots`, `payments` and `marks` have one entry for each bid of all sales, or none if they were not
wanted.
"""
struct Clearings <: AbstractVector{Clearing}
    sales::Vector{Figures}
    offsets::Vector{UInt64}
    lots::Vector{Int64}
    payments::Payments
    marks::Vector{UInt8}
    grids::Grids
end

Base.size(clearings::Clearings) = size(clearings.sales)

Base.getproperty(clearings::Clearings, name::Symbol) =
    name === :payments ? payments_units(clearings) : getfield(clearings, name)

payments_units(clearings::Clearings) = column_of(getfield(clearings, :payments)) do
    # By `getfield` as for one clearing.
    lots, offsets = getfield(clearings, :lots), getfield(clearings, :offsets)
    column = Vector{Int128}(undef, length(lots))
    isempty(column) && return column
    for (sale, figures) in enumerate(getfield(clearings, :sales))
        # Without a price no lots are won.
        for bid in Int(offsets[sale])+1:Int(offsets[sale+1])
            column[bid] = widemul(lots[bid], figures.price_ticks)
        end
    end
    return column
end

function Base.getindex(clearings::Clearings, sale::Int)
    bids = Int(clearings.offsets[sale])+1:Int(clearings.offsets[sale+1])
    part(column) = isempty(column) ? column : column[bids]
    whole = getfield(clearings, :payments)
    fills = (lots = part(clearings.lots), marks = part(clearings.marks),
             payments = whole.is_there[] ? Payments(part(whole.column)) : Payments())
    return Clearing(clearings.sales[sale], fills, empty_winners(0), clearings.grids)
end

"""
    clear_many(terms, counts, prices, quantities; threads = 0, fills = true, …) -> Clearings

Clears `length(counts)` sales under the same `terms`; the first has the first `counts[1]` bids of the columns, the next
the next `counts[2]`, and so on. Columns and keywords as for [`clear`](@ref); sequences and bidders are each sale's own.

- `threads`: how many of the library's threads work; 0 is one for each processor. Julia's garbage collector waits
  until the call returns if another Julia thread wants it.
- `fills = false` keeps the figures of each sale alone. Then a bid that a sale cannot take fails the call.

Throws [`MisuseError`](@ref) where the counts do not add up to the number of bids.
"""
function clear_many(terms, counts::AbstractVector{<:Integer}, prices = nothing, quantities = nothing;
                    threads::Integer = 0, fills::Bool = true, options...)
    terms = Terms(terms)
    columns = Columns(terms.grids, prices, quantities; options...)
    all(>=(0), counts) && sum(counts) == columns.count ||
        misuse(:BAD_LENGTH, "the counts add up to another number than $(columns.count), of the bids")
    offsets = cumsum(pushfirst!(Vector{UInt64}(counts), 0))
    rooms = empty_fills(terms, fills ? columns.count : 0)
    sales = Vector{Figures}(undef, length(counts))
    GC.@preserve terms columns rooms begin
        bids, into = Ref(pointers(columns)), Ref(pointers(rooms, empty_winners(0)))
        check(walras_clear_many(terms.handle, length(counts), offsets, bids, threads,
                                fills ? Base.unsafe_convert(Ptr{FillColumns}, into) : C_NULL, sales))
    end
    return Clearings(sales, offsets, rooms.lots, rooms.payments, rooms.marks, terms.grids)
end

"""
    figures(clearings) -> (outcome, price, price_ticks, quantity, allocated_lots, unsold_lots, revenue, revenue_units, …)

The figures of every sale as a named tuple of vectors. `price` is `NaN` where nothing sells, and `price_ticks` then
`NO_PRICE`; `revenue_units` are exact tick × lot units.
"""
function figures(clearings::Clearings)
    sales, grids = clearings.sales, clearings.grids
    column(name) = [getfield(sale, name) for sale in sales]
    ticks, revenues = column(:price_ticks), Int128[Int128(sale.revenue) for sale in sales]
    return (
        outcome = Symbol[OUTCOMES[sale.outcome+1] for sale in sales],
        price = Float64[count == NO_PRICE ? NaN : float_of(price_step(grids), count) for count in ticks],
        price_ticks = ticks,
        quantity = floats_of(quantity_step(grids), column(:allocated_lots)),
        allocated_lots = column(:allocated_lots),
        unsold_lots = column(:unsold_lots),
        supply_lots = column(:supply_lots),
        revenue = floats_of(money_step(grids), revenues),
        revenue_units = revenues,
        bid_count = Int.(column(:bid_count)),
        refused_count = Int.(column(:refused_count)),
    )
end
