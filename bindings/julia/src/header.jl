# The header's structs, numbers and functions as the package has them, for the test that compares the two.

"Structs by the header's names."
const LAYOUTS = Dict{String,DataType}(
    "walras_grids" => Grids,
    "walras_bids" => BidColumns,
    "walras_fills" => FillColumns,
    "walras_clearing" => Figures,
    "walras_int128" => Int128Halves,
)

numbered(prefix, names, first) = [Symbol(prefix, uppercase(string(name))) => first + index - 1 for (index, name) in enumerate(names)]

"Numbers by the header's names, without their common prefix; the statuses are in `STATUS_NAMES`."
const NUMBERS = Pair{Symbol,Int}[
    :OK => 0,
    :NO_PRICE => NO_PRICE,
    :BID_PHANTOM => BID_PHANTOM,
    :BID_MARGINAL => BID_MARGINAL,
    :MARK_REFUSAL => MARK_REFUSAL,
    :MARK_AT_MARGIN => MARK_AT_MARGIN,
    :MARK_KILLED => MARK_KILLED,
    numbered("OUTCOME_", OUTCOMES, 0)...,
    numbered("REFUSED_", REFUSALS, 1)...,
    numbered("ROUND_", keys(ROUNDINGS), 0)...,
]

"Functions that need no caller here: another one does the same."
const NOT_CALLED = [:walras_abi_version, :walras_clear]
