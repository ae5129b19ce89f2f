# The README's examples, as written.

const README = read(joinpath(ROOT, "bindings", "julia", "README.md"), String)

"The blocks of Julia in a document, in order."
julia_blocks(text) = [String(found[1]) for found in eachmatch(r"^```julia\n(.*?)^```"ms, text)]

@testset "the README's sale, and what its comments say" begin
    block = julia_blocks(README)[1]
    space = Module()
    Base.include_string(space, block)
    evaluated = 0
    for line in split(block, '\n')
        found = match(r"^(\w+\(\w+\)) +# ([^…]+)$", line)
        found === nothing && continue
        @test Base.include_string(space, string(found[1])) == Base.include_string(space, string(found[2]))
        evaluated += 1
    end
    @test evaluated == 2
end
