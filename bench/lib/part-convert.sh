# Conversions by the running service, as jobs, beside qemu-img convert with all its threads. Both sides are done when the
# target is on stable storage.

part_convert() {
    image half.qcow2
    need_service
    hold half.qcow2
    # Once, so that no row finds code that is not compiled yet.
    with_machine convert_ours qcow2 >/dev/null
    conversion raw 'a raw file' 1
    conversion qcow2 qcow2 1
    conversion zstd 'qcow2 compressed by zstd' 1
    conversion zlib 'qcow2 compressed by zlib' 1
}

# conversion TARGET WORDS WANTED
conversion() {
    row '' "conversion of 4 GiB, half holes, to $2; qemu-img convert -W -m 8" MiB/s "$3" "convert_ours $1" "convert_qemu $1"
}

# Each prints MiB of disk per second; checking, the target is compared with the source once.

convert_ours() {
    local began target
    case $1 in
        raw) target='"format": "raw"' ;;
        qcow2) target='"format": "qcow2"' ;;
        *) target="\"compress\": true, \"compression-type\": \"$1\"" ;;
    esac
    rm -f images/converted-ours
    began=$EPOCHREALTIME
    curl -sf -o /dev/null -H 'Content-Type: application/json' "$SERVICE_URL/jobs" -d "{\"id\": \"conversion\",
        \"type\": \"convert\", \"file\": \"half.qcow2\", \"target\": {\"file\": \"converted-ours\", $target}}" || return
    curl -sf "$SERVICE_URL/jobs/conversion/events" | grep '^event:completed' >/dev/null || return
    since_mib "$began"
    curl -sf -o /dev/null -X DELETE "$SERVICE_URL/jobs/conversion"
    finish_conversion "$1" ours
}

convert_qemu() {
    local began options=(-O qcow2)
    case $1 in
        raw) options=(-O raw) ;;
        qcow2) ;;
        *) options+=(-c -o "compression_type=$1") ;;
    esac
    rm -f images/converted-qemu
    began=$EPOCHREALTIME
    qemu-img convert -f qcow2 "${options[@]}" -W -m 8 images/half.qcow2 images/converted-qemu || return
    sync images/converted-qemu
    since_mib "$began"
    finish_conversion "$1" qemu
}

finish_conversion() {
    local format=qcow2
    [[ $1 != raw ]] || format=raw
    if [[ $CHECKING == yes ]]; then
        qemu-img compare -q -f qcow2 -F "$format" images/half.qcow2 "images/converted-$2" || return
    fi
    rm -f "images/converted-$2"
}

since_mib() {
    [[ $CHECKING == yes ]] || awk -v began="$1" -v now="$EPOCHREALTIME" 'BEGIN { print 4096 / (now - began) }'
}
