# `Pkg.test("Walras")`: needs the built library and the sources around the package, and no network.

using Walras
using Random, Sockets, Test
using Walras: Dates
using UUIDs: UUID, uuid4

const ROOT = normpath(joinpath(@__DIR__, "..", "..", ".."))

@info "Walras.jl $(Walras.version()) on Julia $VERSION, $(Threads.nthreads()) threads, $(Walras.library_path())"

@testset "Walras" begin
    include("json.jl")
    include("header.jl")
    include("vectors.jl")
    include("clear.jl")
    include("engine.jl")
    include("events.jl")
    include("settlement.jl")
    include("server.jl")
    include("lifetime.jl")
    include("readme.jl")
end
