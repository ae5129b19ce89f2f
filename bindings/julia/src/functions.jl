# The library's functions that the package calls, as `include/walras.h` declares them.

@function_of_library Ptr{UInt8} walras_version()
@function_of_library Ptr{UInt8} walras_last_error()
@function_of_library Int32 walras_steps_from_floats(
    mantissa::Int64, scale::UInt32, rounding::UInt32, floats::Ptr{Float64}, count::UInt64, steps_out::Ptr{Int64})

@function_of_library Int32 walras_terms_new(json::Ptr{UInt8}, json_bytes::UInt64, terms_out::Ptr{Ptr{Cvoid}})
@function_of_library Int32 walras_terms_free(terms::Ptr{Cvoid})
@function_of_library Int32 walras_terms_grids(
    terms::Ptr{Cvoid}, grids_out::Ptr{Grids}, lowest_price_ticks_out::Ptr{Int64})
@function_of_library Int32 walras_terms_supply(
    terms::Ptr{Cvoid}, prices_ticks::Ptr{Int64}, count::UInt64, lots_out::Ptr{Int64})
@function_of_library Int32 walras_clear_with(
    terms::Ptr{Cvoid}, bids::Ptr{BidColumns}, fills::Ptr{FillColumns}, clearing_out::Ptr{Figures})
@function_of_library Int32 walras_clear_many(
    terms::Ptr{Cvoid}, count::UInt64, offsets::Ptr{UInt64}, bids::Ptr{BidColumns}, threads::UInt32,
    fills::Ptr{FillColumns}, clearings_out::Ptr{Figures})
@function_of_library Int32 walras_clear_json(
    json::Ptr{UInt8}, json_bytes::UInt64, result_out::Ptr{Ptr{UInt8}}, result_bytes_out::Ptr{UInt64})
