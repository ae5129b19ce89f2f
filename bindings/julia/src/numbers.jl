# Numbers: prices are whole ticks, quantities whole lots, money whole tick × lot units. Floats are for reading along.

"What a price-taking bid has for a price in ticks."
const NO_PRICE = typemin(Int64)

"What a number on no step has for steps where one bid is refused and not the whole call."
const OFF_GRID_STEP = typemin(Int64) + 1

"""
    Grids

The grids of a sale: [`tick`](@ref)`(grids)` is the smallest step of a price, [`lot`](@ref)`(grids)` of a quantity, both
exact. A price of `n` ticks is `n * tick(grids)`, a quantity of `n` lots `n * lot(grids)`, money of `n` units
`n * tick(grids) * lot(grids)`.
"""
struct Grids
    tick_mantissa::Int64
    lot_mantissa::Int64
    tick_scale::UInt32
    lot_scale::UInt32
end

"The step `mantissa / 10^scale`."
struct Step
    mantissa::Int128
    scale::Int
end

price_step(grids::Grids) = Step(grids.tick_mantissa, grids.tick_scale)
quantity_step(grids::Grids) = Step(grids.lot_mantissa, grids.lot_scale)
money_step(grids::Grids) =
    Step(Int128(grids.tick_mantissa) * grids.lot_mantissa, Int(grids.tick_scale) + Int(grids.lot_scale))

exact(step::Step) = Rational{BigInt}(step.mantissa, big(10)^step.scale)

"""
    tick(x) -> Rational{BigInt}

The smallest step of a price of `x` (grids, terms, an auction, a result), exact.
"""
tick(grids::Grids) = exact(price_step(grids))

"""
    lot(x) -> Rational{BigInt}

The smallest quantity of `x` (grids, terms, an auction, a result), exact.
"""
lot(grids::Grids) = exact(quantity_step(grids))

# Whole numbers up to 2^53 and powers of ten up to 10^22 are floats without rounding.
const FLOAT_EXACT_MAX = 2.0^53
const FLOAT_POWERS = [10.0^power for power in 0:22]

"The float nearest to `count` steps."
@inline function float_of(step::Step, count::Integer)
    units = Float64(count) * Float64(step.mantissa)
    # Both sides are exact here, so the division rounds once.
    abs(units) < FLOAT_EXACT_MAX && step.scale < length(FLOAT_POWERS) && return units / FLOAT_POWERS[step.scale+1]
    return parse(Float64, string(big(count) * step.mantissa, "e-", step.scale))
end

floats_of(step::Step, counts) = Float64[float_of(step, count) for count in counts]

"The exact decimal text of `count` steps."
function decimal(step::Step, count::Integer)
    units = big(count) * step.mantissa
    digits = lpad(string(abs(units)), step.scale + 1, '0')
    whole, part = digits[1:end-step.scale], rstrip(digits[end-step.scale+1:end], '0')
    return string(units < 0 ? "-" : "", whole, isempty(part) ? "" : ".", part)
end

const ROUNDINGS = (refuse = UInt32(0), down = UInt32(1), nearest = UInt32(2))

rounding_number(rounding::Symbol) =
    haskey(ROUNDINGS, rounding) ? ROUNDINGS[rounding] :
    misuse(:BAD_ARGUMENT, "rounding is :refuse, :down or :nearest, not :$rounding")

"""
How many steps numbers are. `rounding` says what happens to one between two steps: `:refuse` throws a `MalformedError`
with code `:OFF_GRID`, `:down` takes the step below, `:nearest` the nearest (of two equally near ones the even).

A float counts as the decimal that is nearest to it and on the grid, if there is one: 0.07 is 7 cents.
"""
function steps_of(step::Step, numbers::Vector{Float64}, rounding::Symbol)
    steps = Vector{Int64}(undef, length(numbers))
    check(walras_steps_from_floats(
        Int64(step.mantissa), step.scale, rounding_number(rounding), numbers, length(numbers), steps))
    return steps
end

function steps_of(step::Step, numbers::AbstractVector{<:Union{Integer,Rational}}, rounding::Symbol)
    mode = rounding_number(rounding)
    return refuse_off_grid(step, numbers, [something(exact_steps(step, number, mode), OFF_GRID_STEP) for number in numbers])
end

steps_of(step::Step, numbers::AbstractVector, rounding::Symbol) = steps_of(step, Vector{Float64}(numbers), rounding)

steps_of(step::Step, number::Real, rounding::Symbol) = steps_of(step, [number], rounding)[1]

"How many steps an exact number is, `nothing` where that is no number of steps."
function exact_steps(step, number, rounding)
    steps = Rational{BigInt}(number) / exact(step)
    if denominator(steps) != 1
        rounding == ROUNDINGS.refuse && return nothing
        steps = round(steps, rounding == ROUNDINGS.down ? RoundDown : RoundNearest)
    end
    whole = numerator(steps)
    return OFF_GRID_STEP < whole <= typemax(Int64) ? Int64(whole) : nothing
end

function refuse_off_grid(step, numbers, steps)
    place = findfirst(==(OFF_GRID_STEP), steps)
    place === nothing && return steps
    throw(MalformedError(101, :OFF_GRID, "$(numbers[place]) is no multiple of $(decimal(step, 1))"))
end
