# Going over the metadata of a large disk, beside qemu-img check. Both sides in processes of their own, with the file's
# metadata in the page cache.

part_check() {
    hold clusters64k-1t.qcow2
    row '' 'check of 1 TiB mapped in clusters of 64K, a JVM of 512 MiB heap started for it; qemu-img check' /s '' \
        'check_started images/clusters64k-1t.qcow2' 'check_qemu images/clusters64k-1t.qcow2'
    row '' 'the same in a process that has done so before, as the service; qemu-img check' /s 2 \
        'check_running images/clusters64k-1t.qcow2' 'check_qemu images/clusters64k-1t.qcow2'
}

# Each prints checks per second; checking, the two sides' counts are compared once.

check_started() {
    [[ $CHECKING == no ]] || return 0
    local began=$EPOCHREALTIME
    check_in_jvm "$1" 1 >/dev/null || return
    since "$began"
}

check_running() {
    [[ $CHECKING == no ]] || return 0
    check_in_jvm "$1" 8 | awk -F '\t' '{ print 1 / $1 }'
}

check_in_jvm() {
    "$JDK/bin/java" --enable-native-access=ALL-UNNAMED -Xmx512m -cp "$ENGINE_CLASSES" io.cowslip.bench.CheckLoad "$@"
}

check_qemu() {
    if [[ $CHECKING == yes ]]; then
        [[ $(check_in_jvm "$1" 1 | cut -f 2) == "$(qemu_counts "$1")" ]]
        return
    fi
    local began=$EPOCHREALTIME
    qemu-img check --output=json "$1" >/dev/null || return
    since "$began"
}

# A count of 0 is left out. Numbers stay text: some awks have only 32 bits for them.
qemu_counts() {
    qemu-img check --output=json "$1" | tr -d '",' | awk 'function of(key) { return key in count ? count[key] : 0 }
        { count[$1] = $2 }
        END {
            print "corruptions " of("corruptions:") " leaks " of("leaks:") " allocated " of("allocated-clusters:") \
                " end " of("image-end-offset:")
        }'
}

since() {
    awk -v began="$1" -v now="$EPOCHREALTIME" 'BEGIN { print 1 / (now - began) }'
}
