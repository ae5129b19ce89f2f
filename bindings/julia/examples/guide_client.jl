# The WebSocket guide's Julia client, corrected.
#
# The guide's client never subscribes, so it hears of nothing unless its token carries the
# subscriptions (`walras token --subs auction:ID,bids:ID`); and it looks messages up by `payload`,
# which ours always have. Here the channels are named, and the loop ends with the auction.
#
#     julia -e 'using Pkg; Pkg.add(["HTTP", "JSON"])'
#     julia guide_client.jl ws://127.0.0.1:8080/v1/ws test-token 550e8400-e29b-41d4-a716-446655440000

using HTTP.WebSockets
using JSON

struct AuctionWebSocket
    url::String
    token::String
    auction_id::String
    channels::Vector{String}
    handlers::Dict{String, Function}
end

say(ws, message) = send(ws, JSON.json(message))

function connect_websocket(client::AuctionWebSocket)
    WebSockets.open(client.url) do ws
        say(ws, Dict("type" => "auth", "token" => "Bearer $(client.token)"))
        for channel in client.channels
            say(ws, Dict("type" => "subscribe", "channel" => channel, "auction_id" => client.auction_id))
        end
        left = Set(client.channels)
        for msg in ws
            data = JSON.parse(String(msg))
            kind, payload = data["type"], data["payload"]
            kind in ("auth_failure", "error") && error("refused: $(data["error"])")
            haskey(client.handlers, kind) && client.handlers[kind](payload)
            kind == "unsubscribed" && delete!(left, payload["channel"])
            isempty(left) && break
        end
    end
end

function main(url, token, auction_id)
    client = AuctionWebSocket(url, token, auction_id, ["auction", "bids"], Dict(
        "auction_update" => payload -> println("Price: $(payload["current_price"])"),
        "new_bid" => payload -> println("New bid: $(payload["quantity"]) @ $(payload["price"])"),
        "auction_complete" => payload -> println("Cleared at: $(payload["clearing_price"])"),
    ))
    connect_websocket(client)
end

length(ARGS) == 3 || error("usage: julia guide_client.jl URL TOKEN AUCTION_ID")
main(ARGS...)
