# The C library: where it is found, and its functions by name.
#
# `ccall` takes a library's name only as a constant, and the library is only known when the package is loaded. So each
# function has a constant place for its address, filled once by `load`; a call through it costs a load more than one that
# the linker resolved.

"The version of the C interface that this package speaks; a library of another version is refused when it is loaded."
const ABI_VERSION = 1

const LIBRARY_FILE = Sys.iswindows() ? "walras.$(Libdl.dlext)" : "libwalras.$(Libdl.dlext)"

"The library's path, once it is loaded."
const LOADED_FROM = Ref("")

"A function of the library: its name, the place of its address, and its types."
struct LibraryFunction
    name::Symbol
    address::Ref{Ptr{Cvoid}}
    result::Type
    arguments::Vector{Type}
end

const LIBRARY_FUNCTIONS = LibraryFunction[]

"""
    @function_of_library result name(argument::Type, …)

Defines `name`, which calls the library's function of that name.
"""
macro function_of_library(result, signature)
    name, typed = signature.args[1], signature.args[2:end]
    names, types = [pair.args[1] for pair in typed], [pair.args[2] for pair in typed]
    address = Symbol(:address_of_, name)
    return esc(quote
        const $address = Ref{Ptr{Cvoid}}(C_NULL)
        push!(LIBRARY_FUNCTIONS, LibraryFunction($(QuoteNode(name)), $address, $result, Type[$(types...)]))
        @inline $name($(names...)) = ccall($address[], $result, ($(types...),), $(names...))
    end)
end

"""
    library_path() -> String

Where the C library is: the file that the environment variable `WALRAS_LIBRARY` names, or the one that
`Pkg.build("Walras")` put into the package's `deps` folder. Throws `ErrorException` where there is neither.
"""
function library_path()
    named = get(ENV, "WALRAS_LIBRARY", "")
    if !isempty(named)
        isfile(named) || error("WALRAS_LIBRARY names $named, and there is no such file")
        return abspath(named)
    end
    built = normpath(joinpath(@__DIR__, "..", "deps", LIBRARY_FILE))
    isfile(built) || error("there is no $built: run `import Pkg; Pkg.build(\"Walras\")` (it needs Rust's cargo), " *
                           "or name a library in the environment variable WALRAS_LIBRARY")
    return built
end

"Loads the library and finds every function in it; throws where one is missing or the versions differ."
function load(path = library_path())
    library = Libdl.dlopen(path)
    version = Libdl.dlsym(library, :walras_abi_version, throw_error = false)
    version === nothing && error("$path is no library of walras")
    found = ccall(version, UInt32, ())
    found == ABI_VERSION ||
        error("$path has version $found of the C interface, and this package speaks version $ABI_VERSION")
    for needed in LIBRARY_FUNCTIONS
        needed.address[] = Libdl.dlsym(library, needed.name)
    end
    LOADED_FROM[] = path
    return
end

const LOG_LEVELS = (off = UInt32(0), error = UInt32(1), warn = UInt32(2), info = UInt32(3), debug = UInt32(4), trace = UInt32(5))

"""
    log_level!(level::Symbol)

From which level on the library reports what happens inside it, on standard error: `:off` (at first), `:error`, `:warn`, `:info`,
`:debug` or `:trace`.
"""
function log_level!(level::Symbol)
    haskey(LOG_LEVELS, level) || misuse(:BAD_ARGUMENT, "a level is one of $(join(keys(LOG_LEVELS), ", ")), not :$level")
    # Lines come from the library's threads, where no Julia code may run, so there is no function for them here.
    check(walras_log_set(LOG_LEVELS[level], C_NULL, C_NULL))
end
