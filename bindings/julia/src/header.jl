# The header's structs, numbers and functions as the package has them, for the test that compares the two.

"Structs by the header's names."
const LAYOUTS = Dict{String,DataType}(
    "walras_grids" => Grids,
    "walras_bids" => BidColumns,
    "walras_fills" => FillColumns,
    "walras_clearing" => Figures,
    "walras_int128" => Int128Halves,
    "walras_engine_status" => EngineStatus,
    "walras_auction_state" => AuctionState,
    "walras_result" => AuctionResult,
    "walras_receipt" => ReceiptFields,
    "walras_bid_view" => BidView,
    "walras_bid_row" => BidRow,
    "walras_orders" => OrderColumns,
    "walras_answers" => AnswerColumns,
    "walras_what_if" => WhatIfColumns,
    "walras_event" => EventFields,
)

header_name(prefix, name) = Symbol(prefix, uppercase(string(name)))
numbered(prefix, names, first = 0) = [header_name(prefix, name) => first + index - 1 for (index, name) in enumerate(names)]

"Numbers by the header's names, without their common prefix; the statuses are in `STATUS_NAMES`."
const NUMBERS = Pair{Symbol,Int}[
    :OK => 0,
    :ABI_VERSION => ABI_VERSION,
    :NO_PRICE => NO_PRICE,
    :OFF_GRID_STEP => OFF_GRID_STEP,
    :NO_TIME => NO_TIME,
    :UNCHANGED => UNCHANGED,
    :BID_PHANTOM => BID_PHANTOM,
    :BID_MARGINAL => BID_MARGINAL,
    :BID_AT_MARGIN => BID_AT_MARGIN,
    :MARK_REFUSAL => MARK_REFUSAL,
    :MARK_AT_MARGIN => MARK_AT_MARGIN,
    :MARK_KILLED => MARK_KILLED,
    numbered("OUTCOME_", OUTCOMES)...,
    numbered("REFUSED_", REFUSALS, 1)...,
    numbered("ROUND_", keys(ROUNDINGS))...,
    numbered("LOG_", keys(LOG_LEVELS))...,
    numbered("ENGINE_", READINESS)...,
    numbered("DURABILITY_", DURABILITIES)...,
    numbered("AUCTION_", AUCTION_STATUSES)...,
    numbered("BID_", BID_STATUSES)...,
    numbered("BIDS_", keys(WHICH_BIDS))...,
    numbered("STANDING_", STANDINGS)...,
    numbered("STEP_", STEPS)...,
    (header_name("EVENT_", name) => kind for (kind, name) in EVENT_KINDS)...,
    (header_name("EVENT_", name) => flag for (name, flag) in pairs(EVENT_FLAGS))...,
]

"Functions that need no caller here: another one does the same, or Julia has its own way to wait."
const NOT_CALLED = [:walras_abi_version, :walras_clear, :walras_subscriber_fd]
