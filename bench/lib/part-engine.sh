# The engine in its own process beside qemu-img bench in its own, and what the size of an L2 entry does.

part_engine() {
    hold data.raw data.qcow2 write-ours.qcow2 write-peer.qcow2
    need_engine
    warm_engine image=images/data.qcow2
    cached
    overwrites
    if ! available libnbd; then
        emit 'reads at less than full coverage' 'cannot run without libnbd, which makes their images' '' '' '' ''
        return
    fi
    hold data.raw shuffled.qcow2 clusters64k.qcow2 clusters256k.qcow2
    warm_engine image=images/shuffled.qcow2 l2-cache-size=$((128 * KIB)) l2-cache-entry-size=4096
    warm_engine image=images/shuffled.qcow2 l2-cache-size=$((128 * KIB)) l2-cache-entry-size=4096 "$PLAIN_SLICES"
    missing_reads
    small_entries
    small_entries_direct
    in_flight
    packed
}

# warm_engine KEY=VALUE...: so that no row finds code that is not compiled yet.
warm_engine() {
    with_machine ask_engine "$@" threads=2 "seconds=$SERVICE_WARMUP_SECONDS" >/dev/null
}

# ---- everything cached ----

cached() {
    local case size rate threads depth wanted
    for case in '4096 35000 1 1 8' '4096 76000 2 16 6' '65536 31000 1 1' '65536 61000 2 16' '1048576 9800 1 1'; do
        read -r size rate threads depth wanted <<<"$case"
        row '' "in-process reads of $((size / KIB))K, metadata cached, $(counted "$threads" thread); qemu-img bench at depth $depth" \
            /s "$wanted" "engine data.raw image=images/data.qcow2 pattern=stepping size=$size threads=$threads" \
            "qemu_bench $rate file.filename=images/data.qcow2 -d $depth -s $size -S $size"
    done
}

overwrites() {
    local case rate threads depth
    for case in '27000 1 1' '42000 2 16'; do
        read -r rate threads depth <<<"$case"
        row '' "in-process overwrites of 64K, $(counted "$threads" thread); qemu-img bench at depth $depth" /s '' \
            "engine - image=images/write-ours.qcow2 operation=write pattern=stepping size=65536 threads=$threads" \
            "qemu_bench $rate file.filename=images/write-peer.qcow2 -w -d $depth -s 65536 -S 65536"
    done
}

# ---- less cache than disk ----

# Every read lands in another slice, and comes back when 1 MiB of cache has long forgotten it.
missing_reads() {
    local case entry step
    for case in "4096 $((32 * MIB))" "65536 $((512 * MIB))"; do
        read -r entry step <<<"$case"
        row '' "in-process 4K reads that all miss a 1M cache of $((entry / KIB))K entries, 1 thread; qemu-img bench" /s 8 \
            "engine data.raw image=images/clusters64k.qcow2 pattern=stepping step=$step l2-cache-size=$MIB
                l2-cache-entry-size=$entry $PLAIN_SLICES" \
            "qemu_bench 16000 file.filename=images/clusters64k.qcow2,l2-cache-size=$MIB,l2-cache-entry-size=$entry
                -d 1 -s 4096 -S $step"
    done
}

# clusters KIB CACHE-BYTES ENTRY-BYTES KEY=VALUE...: random reads on the disk of clusters of that many KiB.
clusters() {
    local kib=$1 cache=$2 entry=$3
    shift 3
    echo "engine data.raw image=images/clusters${kib}k.qcow2 step=$((kib * KIB)) l2-cache-size=$cache" \
        "l2-cache-entry-size=$entry $*"
}

# 1/5 of what maps the disk.
declare -rA FIFTH=([64]=$MIB [256]=$((512 * KIB)))

small_entries() {
    local case kib wanted metadata what
    for case in '64 2.4 14' '256 5 55'; do
        read -r kib wanted metadata <<<"$case"
        what="in-process random 4K reads at 1/5 coverage, clusters of ${kib}K: 4K entries; whole tables"
        row '' "$what" /s "$wanted" "$(clusters "$kib" "${FIFTH[$kib]}" 4096 "$PLAIN_SLICES")" \
            "$(clusters "$kib" "${FIFTH[$kib]}" $((kib * KIB)) "$PLAIN_SLICES")"
        metadata_row "metadata bytes of that, clusters of ${kib}K" "$metadata" "$what"
    done
}

# What the device allows: a read of data each, and for four of five one of an entry before it.
small_entries_direct() {
    local kib bound allowed
    for kib in 64 256; do
        bound="direct reads by fio: 4K; ${kib}K"
        row fio "$bound" /s '' 'fio_read 4K' "fio_read ${kib}K"
        allowed=$(measured "$bound" && awk -v small="$(median_of "$bound" 4)" -v large="$(median_of "$bound" 5)" \
            'BEGIN { printf "%.2f", 0.9 * (1 / small + 0.8 / large) / (1.8 / small) }') || true
        row '' "the same with direct I/O, clusters of ${kib}K: 4K entries; whole tables (0.9 of fio's bound)" \
            /s "$allowed" "$(clusters $kib "${FIFTH[$kib]}" 4096 cache.direct=true "$PLAIN_SLICES")" \
            "$(clusters $kib "${FIFTH[$kib]}" $((kib * KIB)) cache.direct=true "$PLAIN_SLICES")"
    done
}

# qemu-img bench knows no random order. Both step by 20251 clusters, which comes near a slice again only when the cache
# has forgotten it, so every read misses.
in_flight() {
    local step=$((20251 * 64 * KIB)) options=l2-cache-size=$MIB
    row '' 'in-process 4K reads that all miss, 4K entries, direct I/O, 16 in flight; qemu-img bench' /s 5 \
        "engine data.raw image=images/clusters64k.qcow2 pattern=stepping step=$step threads=16 $options
            l2-cache-entry-size=4096 cache.direct=true $PLAIN_SLICES" \
        "qemu_bench 4000 file.filename=images/clusters64k.qcow2,$options,l2-cache-entry-size=4096,cache.direct=on
            -t none -d 16 -s 4096 -S $step"
}

packed() {
    local shuffled="engine data.raw image=images/shuffled.qcow2 l2-cache-size=$((128 * KIB)) l2-cache-entry-size=4096"
    row '' 'packed slices at 1/5 coverage, disk written in order; plain ones at full coverage' /s 0.9 \
        "$(clusters 64 $MIB 4096)" "$(clusters 64 $((5 * MIB)) 4096 "$PLAIN_SLICES")"
    row '' 'packed slices at 1/5 coverage, disk written at random; plain slices' /s '' \
        "$shuffled" "$shuffled $PLAIN_SLICES"
    row '' 'the same with direct I/O' /s '' "$shuffled cache.direct=true" "$shuffled cache.direct=true $PLAIN_SLICES"
}
