# The package's own list of functions, structs and numbers against the one that pins the C interface: one item a line.

const INTERFACE = readlines(joinpath(ROOT, "tests", "c_abi.txt"))

"All matches of a pattern for whole lines."
items(pattern) = filter(!isnothing, map(line -> match(pattern, line), INTERFACE))

const C_TYPES = Dict(
    "int64_t" => Int64, "uint64_t" => UInt64, "int32_t" => Int32, "uint32_t" => UInt32, "uint16_t" => UInt16,
    "uint8_t" => UInt8, "double" => Float64, "walras_status" => Int32, "char" => UInt8, "void" => Cvoid,
    "walras_int128" => Walras.Int128Halves, "walras_id" => Walras.Id,
)

"The Julia type for a C type, `Ptr{Cvoid}` for handles and functions."
function julia_type(text)
    occursin("(*", text) && return Ptr{Cvoid}
    plain = strip(replace(text, r"\b(const|struct)\b" => ""))
    if endswith(plain, '*')
        target = julia_type(strip(chop(plain)))
        return Ptr{target}
    end
    return get(C_TYPES, plain) do
        get(Walras.LAYOUTS, plain, Cvoid)
    end
end

"Whether two types are passed the same way; an array of sums is one of 128-bit numbers."
passes_as(given::Type{<:Ptr}, wanted::Type{<:Ptr}) = given == wanted ||
    eltype(wanted) == Walras.Int128Halves && eltype(given) == Int128 ||
    eltype(wanted) == Ptr{Cvoid} && eltype(given) <: Ptr
passes_as(given, wanted) = given == wanted

"Types and names of declarations such as `const double *prices`."
function declaration(text)
    function_pointer = match(r"\(\*(\w+)\)\(", text)
    function_pointer === nothing || return Ptr{Cvoid}, function_pointer[1], 1
    found = match(r"^(.*?)(\w+)(?:\[(\d+)\])?$", strip(text))
    return julia_type(strip(found[1])), found[2], found[3] === nothing ? 1 : parse(Int, found[3])
end

"Splits at commas that are not within parentheses."
arguments(text) = text == "void" ? String[] : strip.(split(text, r",\s*(?![^()]*\))"))

@testset "layouts are the header's: $name" for (name, T) in Walras.LAYOUTS
    found = only(items(Regex("^typedef struct $name \\{ (.*) \\} $name;\$")))
    fields = declaration.(filter(!isempty, strip.(split(found[1], ';'))))
    @test [field[2] for field in fields] == [string(field) for field in fieldnames(T)]
    offset = 0
    for (index, (type, _, count)) in enumerate(fields)
        type = type == Cvoid ? Ptr{Cvoid} : type
        offset = cld(offset, Base.datatype_alignment(type)) * Base.datatype_alignment(type)
        @test fieldoffset(T, index) == offset
        @test sizeof(fieldtype(T, index)) == sizeof(type) * count
        offset += sizeof(type) * count
    end
    align = Base.datatype_alignment(T)
    @test sizeof(T) == cld(offset, align) * align
end

@testset "functions have the header's types: $(bound.name)" for bound in Walras.LIBRARY_FUNCTIONS
    found = items(Regex("^(.*?)\\b$(bound.name)\\((.*)\\);\$"))
    @test length(found) == 1
    wanted = [declaration(text)[1] for text in arguments(found[1][2])]
    @test passes_as(bound.result, julia_type(strip(found[1][1])))
    @test length(bound.arguments) == length(wanted)
    for (given, want) in zip(bound.arguments, wanted)
        @test passes_as(given, want)
    end
end

@testset "every function of the header is called, or left out by intent" begin
    declared = Set(Symbol(found[1]) for found in items(r"^(?!typedef|#).*?\b(walras_\w+)\(.*\);$"))
    bound = Set(bound.name for bound in Walras.LIBRARY_FUNCTIONS)
    @test length(declared) > 10
    @test setdiff(declared, bound) == Set(Walras.NOT_CALLED)
end

@testset "every number of the header is known by its name" begin
    numbers = Dict(found[1] => found[2] == "INT64_MIN" ? typemin(Int64) : parse(Int, found[2])
                   for found in items(r"^#define WALRAS_(\w+) (\S+)$"))
    known = Dict(string(name) => Int(number) for (name, number) in Walras.NUMBERS)
    for (status, name) in Walras.STATUS_NAMES
        known[string(name)] = status
    end
    @test length(numbers) > 50
    @test known == numbers
end
