# Going over the metadata of a large disk, beside qemu-img check: a check as a user asks for it, from the request to the
# job's end, in a service with a heap of 512 MiB. The file's metadata is in the page cache for both.

readonly CHECKED_IMAGE=clusters64k-1t.qcow2 CHECKS_BEFORE=8

part_check() {
    hold "$CHECKED_IMAGE"
    row '' 'check of 1 TiB mapped in clusters of 64K, the first that a service does; qemu-img check' /s 1 check_first check_qemu
    local number
    start_checking_service
    for ((number = 0; number < CHECKS_BEFORE; number++)); do
        with_machine check_by_job >/dev/null
    done
    row '' 'the same in a service that has done so before; qemu-img check' /s 2 check_again check_qemu
    stop service-check
}

start_checking_service() {
    JDK_JAVA_OPTIONS=-Xmx512m start_service service-check http
}

# Each prints checks per second; checking, ours is compared with what QEMU counts.

check_first() {
    local result=0
    start_checking_service
    check_again || result=1
    stop service-check
    return "$result"
}

check_again() {
    if [[ $CHECKING == yes ]]; then
        [[ $(check_by_job | counts_in) == "$(qemu-img check --output=json "images/$CHECKED_IMAGE" | counts_in)" ]]
        return
    fi
    local began=$EPOCHREALTIME ended
    ended=$(check_by_job | sed -n 's/.*"ended":"\([^"]*\)".*/\1/p') || return
    checks_per_second "$began" "$(date -d "$ended" +%s.%N)"
}

check_qemu() {
    [[ $CHECKING == no ]] || return 0
    local began=$EPOCHREALTIME
    qemu-img check --output=json "images/$CHECKED_IMAGE" >/dev/null || return
    checks_per_second "$began" "$EPOCHREALTIME"
}

# Prints the job as it is when it has ended.
check_by_job() {
    local id
    id=$(curl -sf -H 'Content-Type: application/json' -d "{\"type\": \"check\", \"file\": \"$CHECKED_IMAGE\"}" \
        "$SERVICE_URL/jobs" | sed -n 's/.*"id":"\([^"]*\)".*/\1/p') || return
    curl -sf "$SERVICE_URL/jobs/$id/events" | grep '^data:' | tail -n 1 | grep '"state":"completed"'
}

# QEMU leaves a count of 0 out. Numbers stay text: some awks have only 32 bits for them.
counts_in() {
    tr '{,}' '\n' | tr -d '" ' | awk -F : 'function of(key) { return key in count ? count[key] : 0 }
        { count[$1] = $2 }
        END {
            print "corruptions " of("corruptions") " leaks " of("leaks") " allocated " of("allocated-clusters") \
                " end " of("image-end-offset")
        }'
}

checks_per_second() {
    awk -v began="$1" -v ended="$2" 'BEGIN { print 1 / (ended - began) }'
}
