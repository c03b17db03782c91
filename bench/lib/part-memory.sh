# What 100 open drives cost in memory, each read at random for a while, and how long the service takes to start.

readonly MEMORY_DRIVES=100
readonly MEMORY_ROW="proportional resident memory of $MEMORY_DRIVES drives of 8 GiB; as many qemu-nbd"
readonly START_ROW='start of the service, from the command to its first answer'

part_memory() {
    image data.raw
    with_machine make_memory_images
    with_machine measure_starts
    summarize figure "$START_ROW" s '' "$START_ROW"
    if available libnbd; then
        with_machine measure_memory
        summarize less "$MEMORY_ROW" MiB '' "$MEMORY_ROW"
    else
        emit "$MEMORY_ROW" 'cannot run without libnbd' '' '' '' ''
    fi
}

make_memory_images() {
    [[ -f images/memory-$((MEMORY_DRIVES - 1)).qcow2 ]] && return
    local number
    say "making $MEMORY_DRIVES small images"
    for ((number = 0; number < MEMORY_DRIVES; number++)); do
        qemu-img create -q -f qcow2 -o preallocation=metadata "images/memory-$number.qcow2" 8G
    done
}

measure_starts() {
    local repetition began
    for ((repetition = 1; repetition <= repetitions; repetition++)); do
        began=$EPOCHREALTIME
        start_service service-start http
        record "$START_ROW" "$repetition" "$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')" ''
        stop service-start
    done
}

measure_memory() {
    local ours
    measure_service_memory
    ours=$RESIDENT_MIB
    measure_qemu_memory
    record "$MEMORY_ROW" 1 "$ours" "$RESIDENT_MIB"
}

measure_service_memory() {
    local number
    start_service service-memory http
    for ((number = 0; number < MEMORY_DRIVES; number++)); do
        open_drive "memory-$number" "file=memory-$number.qcow2" read-only=true
        read_for_memory "$DRIVE_URL"
    done
    resident "${PROCESSES[service-memory]}"
    stop service-memory
}

measure_qemu_memory() {
    local number processes=()
    for ((number = 0; number < MEMORY_DRIVES; number++)); do
        choose_port
        start "memory-$number" "${QEMU_NBD[@]}" --bind=127.0.0.1 --port="$FREE_PORT" --read-only \
            --image-opts "driver=qcow2,file.filename=images/memory-$number.qcow2"
        await "memory-$number" listening "$FREE_PORT"
        read_for_memory "nbd://127.0.0.1:$FREE_PORT"
        processes+=("${PROCESSES[memory-$number]}")
    done
    resident "${processes[@]}"
    for ((number = 0; number < MEMORY_DRIVES; number++)); do
        stop "memory-$number"
    done
}

read_for_memory() {
    ./load --size 64K --span $((8 * GIB)) --threads 4 --count 250 "$1" >/dev/null
}

# Sets RESIDENT_MIB to what the processes hold; what several share counts once.
resident() {
    local process
    RESIDENT_MIB=$(for process in "$@"; do
        cat "/proc/$process/smaps_rollup"
    done | awk '/^Pss:/ { sum += $2 } END { print sum / 1024 }')
}
