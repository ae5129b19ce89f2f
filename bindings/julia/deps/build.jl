# Builds the C library with cargo and puts it here, where the package looks for it. `Pkg.build("Walras")` runs this.
# Link-time optimisation reaches a C library only through `cargo rustc` with that one crate type.

using Libdl: dlext

const ROOT = normpath(joinpath(@__DIR__, "..", "..", ".."))
const FILE = Sys.iswindows() ? "walras.$dlext" : "libwalras.$dlext"

function build()
    if !isempty(get(ENV, "WALRAS_LIBRARY", ""))
        @info "WALRAS_LIBRARY names a library: nothing to build" ENV["WALRAS_LIBRARY"]
        return
    end
    isfile(joinpath(ROOT, "src", "ffi", "mod.rs")) ||
        error("the sources of walras are not around $(@__DIR__): build the library elsewhere and name it in WALRAS_LIBRARY")
    Sys.which("cargo") === nothing && error("cargo is not on PATH: install Rust, or name a built library in WALRAS_LIBRARY")
    target = get(ENV, "CARGO_TARGET_DIR", joinpath(ROOT, "target"))
    command = `cargo rustc --release --locked --lib --crate-type cdylib --target-dir $target`
    run(Cmd(command, dir = ROOT))
    # Beside and then over the old one, since another process may have that loaded.
    fresh = joinpath(@__DIR__, FILE * ".fresh")
    cp(joinpath(target, "release", FILE), fresh, force = true)
    mv(fresh, joinpath(@__DIR__, FILE), force = true)
end

build()
