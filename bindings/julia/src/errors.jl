# What a call that failed becomes: one exception type for each range of status numbers.

"""
    WalrasError

Supertype of every exception that stands for a status of the library. Each has the fields `status` (the number), `code`
(its name, such as `:BID_TOO_LOW`) and `message` (a text for people). The type tells what to do:

| type | status | meaning |
|---|---|---|
| [`MisuseError`](@ref) | 1–99 | a mistake in how the library is called, such as a closed engine |
| [`MalformedError`](@ref) | 100–199 | terms, options or numbers that cannot be read; the message names the field |
| [`NotAllowedError`](@ref) | 200–299 | a token or permission is missing |
| [`RefusedError`](@ref) | 300–399 | refused by the auction's rules |
| [`BusyError`](@ref) | 400–499 | full: try again later |
| [`FaultError`](@ref) | 900–999 | a fault of the library or the system; what was asked may or may not have happened |
"""
abstract type WalrasError <: Exception end

for (name, about) in [
    (:MisuseError, "A mistake in how the library is called (status 1–99): a closed handle, arrays that do not fit, a fork."),
    (:MalformedError, "Terms, options or numbers that cannot be read (status 100–199); the message names the field."),
    (:NotAllowedError, "A token or a permission is missing (status 200–299)."),
    (:RefusedError, "Refused by the auction's rules (status 300–399): too low, ended, unknown, a limit reached."),
    (:BusyError, "Full (status 400–499): trying again later may succeed."),
    (:FaultError, "A fault of the library, its log or the system (status 900–999)."),
]
    @eval begin
        @doc $about struct $name <: WalrasError
            status::Int32
            code::Symbol
            message::String
        end
    end
end

"Names of the status numbers, as in the header without their prefix."
const STATUS_NAMES = Dict{Int32,Symbol}(
    1 => :NULL_POINTER, 2 => :BAD_HANDLE, 3 => :STOPPED, 4 => :BAD_LENGTH, 5 => :NOT_UTF8,
    6 => :BAD_ARGUMENT, 7 => :BUFFER_TOO_SMALL, 8 => :REENTRANT, 9 => :FORKED, 10 => :IN_USE, 11 => :NOT_SUPPORTED,
    12 => :TOO_MANY_HANDLES, 100 => :INVALID_MESSAGE, 101 => :OFF_GRID, 200 => :AUTH_REQUIRED, 201 => :AUTH_FAILED,
    202 => :TOKEN_EXPIRED, 203 => :PERMISSION_DENIED, 300 => :AUCTION_NOT_FOUND, 301 => :BID_NOT_FOUND,
    302 => :SETTLEMENT_NOT_FOUND, 303 => :AUCTION_EXISTS, 304 => :SUBSCRIPTION_FAILED, 305 => :AUCTION_NOT_OPEN,
    306 => :AUCTION_ENDED, 307 => :AUCTION_LOCKED, 308 => :INVALID_BID, 309 => :BID_TOO_LOW, 310 => :BID_LIMIT,
    311 => :DUPLICATE_BID_ID, 312 => :SETTLEMENT_CONFLICT, 400 => :RATE_LIMITED, 401 => :UNAVAILABLE,
    900 => :INTERNAL, 901 => :FROZEN, 902 => :DATA, 903 => :SYSTEM,
)

function Base.showerror(io::IO, error::WalrasError)
    print(io, nameof(typeof(error)), " (", error.code, "): ", error.message)
end

status_name(status) = get(STATUS_NAMES, Int32(status), Symbol("STATUS_", status))

"The exception for a status that is not 0."
function exception(status::Integer, message::AbstractString)
    kind = status < 100 ? MisuseError :
           status < 200 ? MalformedError :
           status < 300 ? NotAllowedError :
           status < 400 ? RefusedError :
           status < 500 ? BusyError : FaultError
    code = status_name(status)
    return kind(status, code, isempty(message) ? string(code) : message)
end

"Throws what a status means, if it is not 0. To be called on the thread that made the call, before its next one."
@inline check(status::Integer) = status == 0 ? nothing : fail(status)

@noinline fail(status) = throw(exception(status, unsafe_string(walras_last_error())))

"Throws a `MisuseError` of the package's own, for what never reached the library."
misuse(code, message) = throw(MisuseError(findfirst(==(code), STATUS_NAMES), code, message))
