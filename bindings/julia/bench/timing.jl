# Times for the benches: the least, the median and the most of several runs, so that a noisy machine shows.

using Printf, Statistics

"Runs `work` so often, after once for compilation, and gives the seconds of each run."
function times(work, runs)
    work()
    GC.gc()
    return [(@elapsed work()) for _ in 1:runs]
end

"One line: what, the median in `unit`s a piece, and how far the runs lie apart."
function report(what, seconds, pieces; unit = "ns", scale = 1e9)
    each(value) = value / pieces * scale
    @printf("%-62s %10.1f %s   (%.1f .. %.1f, %d runs)\n", what, each(median(seconds)), unit,
            each(minimum(seconds)), each(maximum(seconds)), length(seconds))
    return median(seconds)
end
