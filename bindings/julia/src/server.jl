# The WebSocket and REST server of the guide, inside this process.

"""
    Server(engine; listen = "127.0.0.1:0", development = false, …)
    Server(f, engine; …)

Serves an engine to WebSocket and REST clients, on threads of the library; when this returns, connections are taken. Options are the keys of
`walras config`, sections as named tuples: `limits = (messages_per_second = 1000,)`. Without a key to verify tokens with the server makes a
secret of its own, for which [`token`](@ref) makes tokens. `development = true` takes the token `test-token` from anybody.

`close` stops it: clients are told when to come back, and the engine goes on. Other tasks run on meanwhile.
"""
mutable struct Server
    handle::Ptr{Cvoid}
    engine::Engine
    port::Int

    function Server(engine::Engine; options...)
        json, handle, port = JSON.write(values(options)), Ref{Ptr{Cvoid}}(C_NULL), Ref{UInt16}(0)
        GC.@preserve engine check(walras_server_start(engine.handle, json, sizeof(json), handle))
        server = finalizer(free, new(handle[], engine, 0))
        check(walras_server_port(server.handle, port))
        server.port = port[]
        return server
    end
end

function Server(work::Function, engine::Engine; options...)
    server = Server(engine; options...)
    try
        return work(server)
    finally
        close(server)
    end
end

"Ends it at once if it still runs."
function free(server::Server)
    handle, server.handle = server.handle, C_NULL
    walras_server_free(handle)
    return
end

function Base.close(server::Server)
    server.handle == C_NULL && return
    # It waits until all connections are closed, so another thread calls it: a task that waited in C would stop all others.
    status = @threadcall(address_of_walras_server_stop[], Int32, (Ptr{Cvoid},), server.handle)
    free(server)
    status == 0 || throw(exception(status, "the server could not be stopped"))
    return
end

Base.isopen(server::Server) = server.handle != C_NULL

"    port(server) -> Int\n\nThe port at which it listens."
port(server::Server) = server.port

"    url(server) -> String\n\nWhere WebSocket clients on this machine connect to."
url(server::Server) = "ws://127.0.0.1:$(server.port)/v1/ws"

"    http(server) -> String\n\nThe root of its REST face, for clients on this machine."
http(server::Server) = "http://127.0.0.1:$(server.port)"

Base.show(io::IO, server::Server) = print(io, isopen(server) ? "Server($(url(server)))" : "Server(closed)")

"    connections(server) -> Int\n\nHow many connections are open."
function connections(server::Server)
    count = Ref{UInt32}(0)
    GC.@preserve server check(walras_server_connections(server.handle, count))
    return Int(count[])
end

"""
    token(server; subject, roles, permissions, ttl_seconds = 3600, subs, …) -> String
    token(; secret, subject, …) -> String

A token that the server takes, or one signed with the `secret` of a server elsewhere; options as of `walras token`. `roles` are some of
`:viewer`, `:trader`, `:operator`, `:admin`.

    token(server, subject = "alice", roles = [:trader])
"""
token(server::Server; options...) = GC.@preserve server token_text(server.handle, values(options))
token(; options...) = token_text(C_NULL, values(options))

function token_text(handle, options)
    json = JSON.write(options)
    return text_of((text, bytes) -> walras_token(handle, json, sizeof(json), text, bytes))
end
