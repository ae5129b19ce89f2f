# JSON, as much of it as the library speaks: terms and options are written, events and documents are read. A package
# would do more; this one has no dependencies.

"""
    JSON.parse(text) -> value

Reads JSON (a `String`, or bytes). Objects become `Dict{String,Any}`, arrays `Vector{Any}`, whole numbers `Int`
(`BigInt` where they do not fit), numbers with a point or an exponent `Float64`, `null` `nothing`.
Throws `ArgumentError` with the place of the first byte that is wrong.

    JSON.write(value) -> String

Writes dictionaries, named tuples, pairs, vectors, tuples, strings, symbols, numbers, `UUID`s, `Bool`s, `nothing`. A
rational number is written as an exact decimal where there is one. `NaN` and infinities are no JSON: `ArgumentError`.
"""
module JSON

using UUIDs: UUID

const DEPTH_MAX = 64

mutable struct Reader
    bytes::Vector{UInt8}
    at::Int
    depth::Int
end

parse(text::AbstractString) = parse(Vector{UInt8}(codeunits(String(text))))

function parse(bytes::Vector{UInt8})
    reader = Reader(bytes, 1, 0)
    value = read_value(reader)
    skip_space(reader)
    reader.at > length(bytes) || wrong(reader, "more follows the value")
    return value
end

wrong(reader, why) = throw(ArgumentError("JSON: $why at byte $(reader.at)"))

"The byte at the reader's place; 0 behind the end."
@inline peek_byte(reader) = reader.at <= length(reader.bytes) ? @inbounds(reader.bytes[reader.at]) : 0x00

function skip_space(reader)
    while peek_byte(reader) in (UInt8(' '), UInt8('\n'), UInt8('\r'), UInt8('\t'))
        reader.at += 1
    end
end

function expect(reader, byte::Char)
    skip_space(reader)
    peek_byte(reader) == UInt8(byte) || wrong(reader, "expected `$byte`")
    reader.at += 1
end

"Takes `byte` if it is next."
function accept(reader, byte::Char)
    skip_space(reader)
    is_next = peek_byte(reader) == UInt8(byte)
    is_next && (reader.at += 1)
    return is_next
end

function read_value(reader)
    skip_space(reader)
    byte = peek_byte(reader)
    byte == UInt8('{') && return nested(read_object, reader)
    byte == UInt8('[') && return nested(read_array, reader)
    byte == UInt8('"') && return read_string(reader)
    byte == UInt8('t') && return read_word(reader, "true", true)
    byte == UInt8('f') && return read_word(reader, "false", false)
    byte == UInt8('n') && return read_word(reader, "null", nothing)
    return read_number(reader)
end

function nested(read, reader)
    reader.depth += 1
    reader.depth <= DEPTH_MAX || wrong(reader, "more than $DEPTH_MAX levels")
    reader.at += 1
    value = read(reader)
    reader.depth -= 1
    return value
end

function read_object(reader)
    object = Dict{String,Any}()
    accept(reader, '}') && return object
    while true
        skip_space(reader)
        key = read_string(reader)
        expect(reader, ':')
        object[key] = read_value(reader)
        accept(reader, ',') && continue
        expect(reader, '}')
        return object
    end
end

function read_array(reader)
    array = Any[]
    accept(reader, ']') && return array
    while true
        push!(array, read_value(reader))
        accept(reader, ',') && continue
        expect(reader, ']')
        return array
    end
end

function read_word(reader, word, value)
    last = reader.at + length(word) - 1
    if last > length(reader.bytes) || view(reader.bytes, reader.at:last) != codeunits(word)
        wrong(reader, "expected `$word`")
    end
    reader.at = last + 1
    return value
end

function read_number(reader)
    start = reader.at
    is_whole = true
    while true
        byte = peek_byte(reader)
        if byte in (UInt8('.'), UInt8('e'), UInt8('E'))
            is_whole = false
        elseif !(UInt8('0') <= byte <= UInt8('9') || byte in (UInt8('-'), UInt8('+')))
            break
        end
        reader.at += 1
    end
    text = String(reader.bytes[start:reader.at-1])
    if !occursin(r"^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$", text)
        reader.at = start
        wrong(reader, "expected a value")
    end
    is_whole || return Base.parse(Float64, text)
    small = tryparse(Int, text)
    return small === nothing ? Base.parse(BigInt, text) : small
end

function read_string(reader)
    peek_byte(reader) == UInt8('"') || wrong(reader, "expected `\"`")
    reader.at += 1
    start = reader.at
    while peek_byte(reader) >= 0x20 && !(peek_byte(reader) in (UInt8('"'), UInt8('\\')))
        reader.at += 1
    end
    # Nearly every string ends here.
    if peek_byte(reader) == UInt8('"')
        reader.at += 1
        return text_of(reader, reader.bytes[start:reader.at-2])
    end
    bytes = reader.bytes[start:reader.at-1]
    while true
        byte = peek_byte(reader)
        byte >= 0x20 || wrong(reader, "a string does not end")
        reader.at += 1
        byte == UInt8('"') && return text_of(reader, bytes)
        byte == UInt8('\\') ? read_escape(reader, bytes) : push!(bytes, byte)
    end
end

function text_of(reader, bytes)
    text = String(bytes)
    isvalid(text) || wrong(reader, "a string is not UTF-8")
    return text
end

const ESCAPES = Dict('"' => '"', '\\' => '\\', '/' => '/', 'b' => '\b', 'f' => '\f', 'n' => '\n', 'r' => '\r', 't' => '\t')

function read_escape(reader, bytes)
    letter = Char(peek_byte(reader))
    if haskey(ESCAPES, letter)
        reader.at += 1
        push!(bytes, UInt8(ESCAPES[letter]))
        return
    end
    code = read_unit(reader)
    if 0xd800 <= code <= 0xdbff
        low = peek_byte(reader) == UInt8('\\') ? (reader.at += 1; read_unit(reader)) : 0x0000
        0xdc00 <= low <= 0xdfff || wrong(reader, "a lone surrogate")
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
    elseif 0xdc00 <= code <= 0xdfff
        wrong(reader, "a lone surrogate")
    end
    append!(bytes, codeunits(string(Char(code))))
end

"The four digits of an escape by number, from the `u` on."
function read_unit(reader)
    last = reader.at + 4
    is_there = peek_byte(reader) == UInt8('u') && last <= length(reader.bytes)
    unit = is_there ? tryparse(UInt32, String(reader.bytes[reader.at+1:last]), base = 16) : nothing
    unit === nothing && wrong(reader, "no escape that JSON has")
    reader.at = last + 1
    return unit
end

write(value) = sprint(write_value, value)

write_value(io::IO, ::Nothing) = print(io, "null")
write_value(io::IO, value::Union{Bool,Integer}) = print(io, value)
write_value(io::IO, value::Symbol) = write_value(io, String(value))
write_value(io::IO, value::UUID) = write_value(io, string(value))

function write_value(io::IO, value::AbstractFloat)
    isfinite(value) || throw(ArgumentError("JSON has no $value"))
    # The shortest text that reads as the same number, which is what was meant.
    print(io, Float64(value))
end

function write_value(io::IO, value::Rational)
    # A decimal has a denominator of twos and fives; the text of a number may be a string as well.
    scale = 0
    whole = big(numerator(value)) // big(denominator(value))
    while denominator(whole) != 1
        scale += 1
        scale <= 60 || throw(ArgumentError("$value is no decimal"))
        whole *= 10
    end
    print(io, '"', numerator(whole), 'e', -scale, '"')
end

function write_value(io::IO, value::AbstractString)
    isvalid(value) || throw(ArgumentError("a string is not UTF-8"))
    print(io, '"')
    for letter in value
        if letter == '"' || letter == '\\'
            print(io, '\\', letter)
        elseif letter < ' '
            print(io, "\\u", string(UInt32(letter), base = 16, pad = 4))
        else
            print(io, letter)
        end
    end
    print(io, '"')
end

function write_value(io::IO, values::Union{AbstractVector,Tuple})
    print(io, '[')
    for (index, value) in enumerate(values)
        index > 1 && print(io, ',')
        write_value(io, value)
    end
    print(io, ']')
end

function write_value(io::IO, object::Union{AbstractDict,NamedTuple,Pair})
    members = object isa Pair ? (object,) : pairs(object)
    print(io, '{')
    for (index, (key, value)) in enumerate(members)
        index > 1 && print(io, ',')
        write_value(io, string(key))
        print(io, ':')
        write_value(io, value)
    end
    print(io, '}')
end

end
