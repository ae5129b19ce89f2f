# What the package reads and writes as JSON.

const JSON = Walras.JSON

@testset "JSON is read strictly and as it is meant" begin
    text = """ {"a": [1, -2.5, 1e3, true, false, null], "b": {"": "x"}, "n": 123456789012345678901234567890} """
    value = JSON.parse(text)
    @test value["a"] == Any[1, -2.5, 1000.0, true, false, nothing]
    @test value["a"][1] isa Int && value["a"][3] isa Float64
    @test value["b"] == Dict{String,Any}("" => "x")
    @test value["n"] == big"123456789012345678901234567890"
    @test JSON.parse("\"\\u00e9\\ud83d\\ude00\\n\\\"\"") == "é😀\n\""
    for wrong in ["", "{", "[1,]", "{\"a\" 1}", "01", "1.", "-", "nul", "1 2", "\"\\ud83d\"", "\"\\ude00\"", "\"a",
                  "\"\x01\"", "\"\xff\"", "\"\\x\"", "\"\\u12\"", "{1:2}", "[" ^ 100]
        @test_throws ArgumentError JSON.parse(wrong)
    end
end

@testset "JSON is written so that it reads back the same" begin
    @test JSON.write((a = 1, b = ("x", nothing), c = Any[true, 2.5])) == """{"a":1,"b":["x",null],"c":[true,2.5]}"""
    @test JSON.write("a\"\\\n\u0001é") == "\"a\\\"\\\\\\u000a\\u0001é\""
    @test JSON.parse(JSON.write(Dict("k" => [1, "é😀\t"]))) == Dict{String,Any}("k" => Any[1, "é😀\t"])
    @test JSON.write(1 // 400) == "\"25e-4\""
    @test JSON.write(:pro_rata => UUID(1)) == "{\"pro_rata\":\"00000000-0000-0000-0000-000000000001\"}"
    for wrong in [NaN, Inf, 1 // 3, "\xff"]
        @test_throws ArgumentError JSON.write(wrong)
    end
end
