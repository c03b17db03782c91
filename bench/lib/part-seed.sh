# The seed experiment: what an L2 entry's size does at several coverages. Ours runs in process and QEMU through NBD, so
# the ratio of the two says less than how much each gains over its own whole tables.

part_seed() {
    local repetitions=$SEED_REPETITIONS measured_seconds=$SEED_SECONDS kib direct threads coverage
    if ! available libnbd; then
        emit 'the seed experiment' 'cannot run without libnbd' '' '' '' ''
        return
    fi
    hold data.raw clusters64k.qcow2 clusters256k.qcow2
    need_engine
    for kib in 64 256; do
        for direct in false true; do
            for threads in 1 4; do
                for coverage in $(seed_coverages "$kib"); do
                    seed_entries "$kib" "$direct" "$threads" "$coverage"
                done
            done
        done
    done
}

# Percent of the disk; quickly, only the ends.
seed_coverages() {
    case $1-$QUICK in
        64-yes) echo 20 100 ;;
        64-no) echo 20 60 100 ;;
        256-yes) echo 40 100 ;;
        256-no) echo 40 80 100 ;;
    esac
}

# Whole tables first, since the others are measured by them.
seed_entries() {
    local kib=$1 entry
    seed_row "$@" "$kib"
    for entry in 4 16 64; do
        ((entry < kib)) || continue
        [[ $QUICK == no || $entry == 4 ]] || continue
        seed_row "$@" "$entry"
    done
}

seed_name() {
    local kib=$1 direct=$2 threads=$3 coverage=$4 entry=$5
    echo "seed: clusters ${kib}K, coverage $coverage %, entries ${entry}K," \
        "$([[ $direct == true ]] && echo 'direct I/O' || echo 'page cache'), $(counted "$threads" thread); qemu-nbd over NBD"
}

seed_row() {
    local kib=$1 direct=$2 threads=$3 coverage=$4 entry=$5 gib=40 cache name base=''
    ((kib == 64)) || gib=80
    cache=$((gib * GIB / (kib * KIB) * 8 * coverage / 100))
    name=$(seed_name "$@")
    ((entry == kib)) || base=$(seed_name "$kib" "$direct" "$threads" "$coverage" "$kib")
    local image=images/clusters${kib}k.qcow2 caches="l2-cache-size=$cache l2-cache-entry-size=$((entry * KIB))"
    local ours="engine data.raw image=$image step=$((kib * KIB)) threads=$threads $caches $PLAIN_SLICES"
    local qemu="driver=qcow2,file.filename=$image,${caches/ /,}"
    if [[ $direct == true ]]; then
        ours+=' cache.direct=true' qemu+=,cache.direct=on
    fi
    start_qemu_nbd "$qemu" --read-only
    row '' "$name" /s '' "$ours" \
        "nbd_read data.raw --size 4096 --step $((kib * KIB)) --span $((gib * GIB)) --threads $threads" "$base"
    stop qemu-nbd
}
