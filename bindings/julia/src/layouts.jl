# The library's structs. Sizes and offsets are compared with the header's text by the tests.

# Money and sums of quantities have 128 bits in two's complement, the lower half first: on every machine that Julia
# supports that is an Int128 in memory, so arrays of them go to the library as they are. Inside of a struct an Int128
# may be aligned to 16 bytes, which the library's is not; there it is two halves.
struct Int128Halves
    low::UInt64
    high::Int64
end

Base.Int128(halves::Int128Halves) = Int128(halves.high) << 64 | Int128(halves.low)
Int128Halves(number::Integer) = Int128Halves(number % UInt64, Int64(Int128(number) >> 64))

"`walras_bids`: the columns of a sale's bids."
struct BidColumns
    count::UInt64
    prices_ticks::Ptr{Int64}
    quantities_lots::Ptr{Int64}
    prices::Ptr{Float64}
    quantities::Ptr{Float64}
    budgets::Ptr{Int128}
    sequences::Ptr{UInt64}
    bidders::Ptr{UInt32}
    flags::Ptr{UInt8}
end

"`walras_fills`: where the parts of a result go."
struct FillColumns
    lots::Ptr{Int64}
    payments::Ptr{Int128}
    marks::Ptr{UInt8}
    bidders_capacity::UInt64
    bidders::Ptr{UInt32}
    bidder_lots::Ptr{Int64}
    bidder_payments::Ptr{Int128}
end

"`walras_clearing`: the figures of a sale."
struct Figures
    outcome::Int32
    payments_are_exact::UInt32
    price_ticks::Int64
    price_low_ticks::Int64
    price_high_ticks::Int64
    indicative_price_ticks::Int64
    supply_lots::Int64
    allocated_lots::Int64
    unsold_lots::Int64
    oversold_lots::Int64
    demand_at_or_above_lots::Int128Halves
    demand_above_lots::Int128Halves
    marginal_demand_lots::Int128Halves
    marginal_available_lots::Int128Halves
    total_quantity_lots::Int128Halves
    revenue::Int128Halves
    bid_count::UInt64
    phantom_count::UInt64
    refused_count::UInt64
    killed_count::UInt64
    bidder_count::UInt64
end
