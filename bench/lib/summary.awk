# The cells of one row, a line each, from the repetitions in results.tsv: medians of both sides, the median of the pairs'
# ratios and its spread, and what was wanted.
# kind: pairs; less (is better); metadata (of it too); figure (ours alone). base: a row whose two sides are these sides' measure.

function median(values, n,    i, j, value) {
    for (i = 2; i <= n; i++) {
        value = values[i]
        for (j = i - 1; j > 0 && values[j] > value; j--) {
            values[j + 1] = values[j]
        }
        values[j + 1] = value
    }
    return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
}

function grouped(value,    text, tail) {
    if (value < 100) {
        return sprintf(value < 10 ? "%.2f" : "%.1f", value)
    }
    text = sprintf("%.0f", value)
    while (length(text) > 3) {
        tail = "," substr(text, length(text) - 2) tail
        text = substr(text, 1, length(text) - 3)
    }
    return text tail
}

# Less metadata than 50 bytes an operation is what was loaded before all of it was cached.
function cell(value, metadata, gain) {
    return grouped(value) " " unit (metadata < 50 ? "" : ", " grouped(metadata) " B metadata") \
        (gain == "" ? "" : ", " grouped(gain) " × whole tables")
}

function share(part, whole) {
    return whole > 0 ? part / whole : 0
}

$2 == base {
    bases++
    base_ours[bases] = $4
    base_peer[bases] = $5
}

$2 == row {
    n++
    ours[n] = kind == "metadata" ? $6 : $4
    peer[n] = kind == "metadata" ? $7 : $5
    ours_metadata[n] = $6
    peer_metadata[n] = $7
    ratio[n] = kind == "figure" ? ours[n] : kind == "pairs" ? share(ours[n], peer[n]) : share(peer[n], ours[n])
}

END {
    middle = median(ratio, n)
    ours_middle = median(ours, n)
    print cell(ours_middle, kind == "pairs" ? median(ours_metadata, n) : 0, bases ? ours_middle / median(base_ours, bases) : "")
    if (kind == "figure") {
        print ""
        print ""
        print grouped(ratio[1]) " to " grouped(ratio[n])
        below = wanted != "" && middle >= wanted
        print wanted == "" ? "" : "under " wanted " " unit (below ? " **missed**" : "")
    } else {
        peer_middle = median(peer, n)
        print cell(peer_middle, kind == "pairs" ? median(peer_metadata, n) : 0, bases ? peer_middle / median(base_peer, bases) : "")
        print grouped(middle) " ×"
        print grouped(ratio[1]) " to " grouped(ratio[n])
        below = wanted != "" && middle < wanted
        print wanted == "" ? "" : wanted " ×" (below ? " **missed**" : "")
    }
}
