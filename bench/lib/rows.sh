# The table: pairs measured in turn, their ratios, and one line of Markdown for each row.

begin_table() {
    printf 'part\twhat\trepetition\tours\tpeer\tours-metadata\tpeer-metadata\n' >results.tsv
    printf '%s\n' '| what | ours | peer | ratio | lowest to highest | wanted at least |' \
        '| --- | --- | --- | --- | --- | --- |' >table.md
}

print_table() {
    cat table.md
    say "each repetition is in $PWD/results.tsv"
}

emit() {
    { printf '|'; printf ' %s |' "$@"; printf '\n'; } | tee -a table.md >&2
}

# missing WORDS: prints the first of these that is not available; false when all are.
missing() {
    local need
    for need in $1; do
        available "$need" || { echo "$need"; return 0; }
    done
    return 1
}

# row NEEDS WHAT UNIT WANTED OURS PEER [BASE]: OURS and PEER are commands of measure.sh; WANTED, a ratio, may be empty.
row() {
    measured_row pairs "$@"
}

# figure NEEDS WHAT UNIT LIMIT COMMAND: of ours alone, to be under a limit.
figure() {
    measured_row figure "$@" true
}

# metadata_row WHAT WANTED ROW: the bytes of metadata per operation that ROW has found: the peer's for each of ours.
metadata_row() {
    ! measured "$3" || summarize metadata "$1" B "$2" "$3"
}

measured_row() {
    local kind=$1 needs=$2 what=$3 unit=$4 wanted=$5 ours=$6 peer=$7 base=${8:-} without
    if without=$(missing "$needs"); then
        emit "$what" "cannot run without $without" '' '' '' "${wanted:+$wanted ×}"
    elif ! with_machine measure_pairs "$what" "$ours" "$peer"; then
        emit "$what" "failed, see logs/rows.log" '' '' '' "${wanted:+$wanted ×}"
    else
        summarize "$kind" "$what" "$unit" "$wanted" "$what" "$base"
    fi
}

# counted 1 thread, counted 2 thread: for names of rows.
counted() {
    if (($1 == 1)); then
        echo "1 $2"
    else
        echo "$1 $2s"
    fi
}

measured() {
    awk -F '\t' -v row="$1" '$2 == row { found = 1 } END { exit !found }' results.tsv
}

# median_of ROW COLUMN: of the repetitions.
median_of() {
    awk -F '\t' -v row="$1" -v column="$2" '$2 == row { print $column }' results.tsv | sort -g |
        awk '{ values[NR] = $1 } END { print values[int((NR + 1) / 2)] }'
}

summarize() {
    local cells
    mapfile -t cells < <(awk -F '\t' -v kind="$1" -v unit="$3" -v wanted="$4" -v row="$5" -v base="${6:-}" \
        -f "$TREE/bench/lib/summary.awk" results.tsv)
    emit "$2" "${cells[@]}"
}

# Ours, theirs, theirs, ours, ...: what the machine's neighbours do hits both, and neither always finds what the other has
# just left in the processor's caches. Before that each answers rightly once.
measure_pairs() {
    local what=$1 ours=$2 peer=$3 repetition ours_result peer_result
    # The commands are split into words here: none has a blank in a word.
    { CHECKING=yes $ours && CHECKING=yes $peer; } 2>>logs/rows.log || return 1
    for ((repetition = 1; repetition <= repetitions; repetition++)); do
        SEED=$repetition
        if ((repetition % 2)); then
            ours_result=$($ours 2>>logs/rows.log) && peer_result=$($peer 2>>logs/rows.log) || return 1
        else
            peer_result=$($peer 2>>logs/rows.log) && ours_result=$($ours 2>>logs/rows.log) || return 1
        fi
        record "$what" "$repetition" "$ours_result" "$peer_result"
    done
}

# record ROW REPETITION OURS PEER: each a figure, or a figure, a tab and bytes of metadata.
record() {
    local ours peer
    IFS=$'\t' read -ra ours <<<"$3"
    IFS=$'\t' read -ra peer <<<"$4"
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$PART" "$1" "$2" "${ours[0]:-}" "${peer[0]:-}" "${ours[1]:-}" "${peer[1]:-}" \
        >>results.tsv
}

machine_is_ours=no

# Runs the command when the machine is ours alone, where others measure on it too.
with_machine() {
    if [[ -z $MACHINE_LOCK || $machine_is_ours == yes ]]; then
        "$@"
        return
    fi
    local result=0 machine machine_is_ours=yes
    exec {machine}>>"$MACHINE_LOCK"
    flock "$machine"
    "$@" || result=1
    flock -u "$machine"
    exec {machine}>&-
    return "$result"
}
