# The server inside of this process, to clients over sockets.

"The answer to one HTTP request: status and body."
function get_http(server, path, token = "")
    socket = connect(ip"127.0.0.1", port(server))
    header = isempty(token) ? "" : "Authorization: Bearer $token\r\n"
    write(socket, "GET $path HTTP/1.1\r\nHost: localhost\r\n$(header)Connection: close\r\n\r\n")
    answer = read(socket, String)
    close(socket)
    head, body = split(answer, "\r\n\r\n", limit = 2)
    return parse(Int, split(head, ' ')[2]), body
end

@testset "a server answers for the engine that this process drives" begin
    engine = Engine()
    auction = Auction(engine; LIVE...)
    submit!(auction, "ann", 12.0, 1000)
    server = Server(engine, limits = (messages_per_second = 1000,))
    path = "/v1/auctions/$(auction.id)"
    @test get_http(server, path)[1] == 401
    operator = token(server, subject = "olive", roles = [:operator])
    code, body = get_http(server, path, operator)
    @test code == 200 && occursin("\"current_price\":12.0", body)
    close!(auction)
    code, body = get_http(server, path * "/result", operator)
    @test code == 200 && occursin("\"clearing_price\":12.0", body)
    @test connections(server) isa Int && url(server) == "ws://127.0.0.1:$(port(server))/v1/ws"
    address = port(server)
    close(server)
    close(server)
    @test !isopen(server)
    @test_throws Base.IOError connect(ip"127.0.0.1", address)
    @test_throws MisuseError connections(server)
    # The engine goes on, and serves again.
    Server(engine) do again
        @test get_http(again, path, token(again, subject = "olive", roles = [:operator]))[1] == 200
    end
    @test code_of(() -> Server(engine, listen = "nowhere")) == :INVALID_MESSAGE
    @test occursin(r"^[\w-]+\.[\w-]+\.[\w-]+$", token(secret = "0"^32, subject = "s"))
    close(engine)
end

@testset "servers come and go" begin
    engine = Engine()
    threads = nothing
    for round in 1:30
        Server(engine) do server
            @test port(server) > 0
        end
        round == 10 && (threads = thread_count())
    end
    @test thread_count() <= threads
    close(engine)
end
