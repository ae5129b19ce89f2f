# The README's examples, as written.

const README = read(joinpath(ROOT, "bindings", "julia", "README.md"), String)

"The README's blocks of a language, in order."
blocks(language) = [String(found[1]) for found in eachmatch(Regex("^```$language\\n(.*?)^```", "ms"), README)]

"Runs a block line by line; where a comment shows a whole value, it must be the line's. Gives how many did."
function run_lines(block)
    space, shown = Module(), 0
    statement = ""
    for line in split(block, '\n')
        statement *= line * "\n"
        Meta.parse(statement, raise = false) isa Expr && Meta.parse(statement, raise = false).head == :incomplete && continue
        value = Base.include_string(space, statement)
        comment = match(r"#\s+([\[:\d][^…]*)$", line)
        if comment !== nothing
            @test value == Base.include_string(space, string(comment[1]))
            shown += 1
        end
        statement = ""
    end
    return shown
end

@testset "the README's sale and live auction, and what their comments say" begin
    sale, live = blocks("julia")
    @test run_lines(sale) == 2
    @test run_lines(live) == 7
end

"Runs a command to its end; its output, and an error if it fails."
function output_of(command)
    output = IOBuffer()
    done = run(pipeline(ignorestatus(command), stdout = output, stderr = output))
    text = String(take!(output))
    done.exitcode == 0 || error("$command failed:\n$text")
    return text
end

@testset "Julia hosts the auction system of the guide" begin
    host, client, heard = blocks("julia")[3], blocks("python")[1], blocks("text")[1]
    mktempdir() do folder
        write(joinpath(folder, "host.jl"), host)
        write(joinpath(folder, "client.py"), client)
        program = `$(Base.julia_cmd()) --project=$(Base.active_project()) --startup-file=no $(joinpath(folder, "host.jl"))`
        hosting = open(program)
        # The README's own command, with the Python that has the package.
        command = split(readline(hosting))
        @test command[1:2] == ["python3", "client.py"]
        said = output_of(Cmd(`$(get(ENV, "WALRAS_PYTHON", "python3")) $(command[2:end])`, dir = folder))
        @test said == "cleared at 48.0\n"
        @test read(hosting, String) == heard
        @test success(hosting)
    end
end
