# Single measurements. Each prints the figure that is compared and, after a tab, the bytes of metadata read per operation
# where they are known. With CHECKING=yes it is not timed, compares what it reads with the data, and prints nothing.

CHECKING=no SEED=1

# http_read FIELD DATA LOAD-OPTIONS...: FIELD is rate, mib, or first (milliseconds to the first byte); DATA the raw image
# with what must come, or - where there is none.
http_read() {
    local field=$1 data=$2
    shift 2
    if [[ $CHECKING == yes ]]; then
        [[ $data == - ]] || check_read "$data" "$@"
    else
        timed_load "$@" | load_field "$field"
    fi
}

# put FIELD LOAD-OPTIONS...: PUT over HTTP or writes over NBD.
put() {
    local field=$1
    shift
    if [[ $CHECKING == yes ]]; then
        check_write "$@"
    else
        timed_load --operation write --data images/payload.raw "$@" | load_field "$field"
    fi
}

# nbd_read DATA LOAD-OPTIONS...: per second, through the qemu-nbd that is running. What it reads beyond the data is
# metadata: its sockets do not count in rchar.
nbd_read() {
    local data=$1 before line
    shift
    if [[ $CHECKING == yes ]]; then
        check_read "$data" "$@" "$QEMU_NBD_URL"
        return
    fi
    before=$(bytes_read_by qemu-nbd)
    line=$(timed_load "$@" "$QEMU_NBD_URL") || return
    awk -F '\t' -v bytes=$(($(bytes_read_by qemu-nbd) - before)) \
        '{ size = $2 * 1048576 / $1; metadata = bytes / $6 - size; print $1 "\t" (metadata > 0 ? metadata : 0) }' <<<"$line"
}

bytes_read_by() {
    awk '/^rchar/ { print $2 }' "/proc/${PROCESSES[$1]}/io"
}

timed_load() {
    ./load --seconds "$measured_seconds" --warmup "$WARMUP_SECONDS" --seed "$SEED" "$@"
}

# warm_service LOAD-OPTIONS... URL: so that no row finds code that is not compiled yet. Small and large requests.
warm_service() {
    local size
    for size in 4K 1M 64K 4K; do
        with_machine ./load --size "$size" --threads 4 --span $GIB --seconds "$SERVICE_WARMUP_SECONDS" "$@" >/dev/null
    done
}

load_field() {
    awk -F '\t' -v field="$1" '{ print field == "rate" ? $1 : field == "mib" ? $2 : $5 / 1000 }'
}

check_read() {
    local data=$1
    shift
    ./load --verify --data "images/$data" --seed 77 "$@" --seconds 0.2 >/dev/null
}

# Every place of 64 MiB once, and then what is there.
check_write() {
    local once=(--pattern shuffle --span $((64 * MIB)) --data images/payload.raw)
    ./load "$@" --operation write "${once[@]}" >/dev/null &&
        ./load "$@" --operation read "${once[@]}" --query '' --verify >/dev/null
}

# engine DATA KEY=VALUE...: operations per second in process; DATA as above.
engine() {
    local line data=$1
    shift
    if [[ $CHECKING == yes ]]; then
        [[ $data == - ]] || ask_engine "$@" operation=verify "data=images/$data" seconds=0.2 warmup=0 >/dev/null
        return
    fi
    line=$(ask_engine "$@" "seconds=$measured_seconds" "warmup=$WARMUP_SECONDS" "seed=$SEED") || return
    cut -f 1,5 <<<"$line"
}

ask_engine() {
    local answer
    echo "$*" >&"$ENGINE_REQUESTS"
    read -r -t 120 answer <&"$ENGINE_ANSWERS" || { say "the engine gave no answer, see $PWD/logs/engine.log"; return 1; }
    [[ $answer != error* ]] || { say "$answer"; return 1; }
    echo "$answer"
}

# qemu_bench RATE IMAGE-OPTIONS OPTION...: operations per second in process. It takes a number of requests instead of a
# time, so RATE says what to expect.
qemu_bench() {
    local rate=$1 options=$2 count
    shift 2
    [[ $CHECKING == no ]] || return 0
    count=$(awk -v rate="$rate" -v seconds="$measured_seconds" 'BEGIN { print int(rate * seconds) }')
    qemu-img bench -c "$count" "$@" --image-opts "driver=qcow2,$options" |
        awk -v count="$count" '/^Run completed/ { print count / $4 }'
}

# fio_read SIZE: random direct reads per second, which no reader of this disk can exceed.
fio_read() {
    [[ $CHECKING == no ]] || return 0
    fio --name=bound --filename=images/data.raw --readonly --rw=randread --norandommap --randrepeat=0 --direct=1 --ioengine=psync --bs="$1" \
        --time_based --runtime="$(awk -v s="$measured_seconds" 'BEGIN { print int(s + 0.5) }')" --minimal | cut -d ';' -f 8
}
