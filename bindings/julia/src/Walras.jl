"""
Uniform-price auctions: a sale cleared exactly from arrays ([`clear`](@ref), [`clear_many`](@ref)).
"""
module Walras

using Libdl: Libdl
using UUIDs: UUID

export Terms, Clearing, Clearings, clear, clear_json, clear_many
export price, quantities, payments, revenue, supply, allocations, bidders, refused, killed, at_margin, figures
export tick, lot, NO_PRICE, BID_PHANTOM, BID_MARGINAL
export WalrasError, MisuseError, MalformedError, NotAllowedError, RefusedError, BusyError, FaultError

include("json.jl")
include("library.jl")
include("errors.jl")
include("numbers.jl")
include("layouts.jl")
include("functions.jl")
include("clearing.jl")
include("clear_many.jl")
include("header.jl")

"    version() -> VersionNumber\n\nThe version of the library that was loaded."
version() = VersionNumber(unsafe_string(walras_version()))

__init__() = load()

end
