# Reads over HTTP, beside nginx on the raw file, qemu-nbd over NBD, and imageio.

part_http() {
    hold data.raw data.qcow2 half.raw half.qcow2 pieces.qcow2
    need_service
    need_nginx_where_there_is_one
    open_drive data file=data.qcow2 read-only=true
    local data=$DRIVE_URL
    warm_service "$data"
    ranges "$data"
    ranges_beside_qemu "$data"
    whole_disks
    extents
    connections "$data"
    misses_in_flight
    close_drive data
}

ranges() {
    local ours=$1 case size connections wanted unit
    for case in '4K 1 0.8' '4K 8 0.6' '64K 8 0.8' '1M 8 1'; do
        read -r size connections wanted <<<"$case"
        row nginx "GET $size random, $(counted "$connections" connection); nginx on raw" /s "$wanted" \
            "http_read rate data.raw $(random_reads "$size" "$connections") $ours" \
            "http_read rate data.raw $(random_reads "$size" "$connections") ${NGINX_URL:-}/data.raw"
    done
    row imageio "GET 4K random, 8 connections; imageio" /s 7 \
        "http_read rate data.raw $(random_reads 4K 8) $ours" \
        "http_read rate data.raw $(random_reads 4K 8) $IMAGEIO/data"
}

random_reads() {
    echo "--size $1 --threads $2 --span $((2 * GIB))"
}

ranges_beside_qemu() {
    local ours=$1 connections
    start_qemu_nbd driver=qcow2,file.filename=images/data.qcow2 --read-only
    for connections in 1 8; do
        row libnbd "GET 4K random, $(counted "$connections" connection); qemu-nbd over NBD" /s 1 \
            "http_read rate data.raw $(random_reads 4K $connections) $ours" \
            "nbd_read data.raw $(random_reads 4K $connections)"
    done
    stop qemu-nbd
}

whole_disks() {
    open_drive half file=half.qcow2 read-only=true
    local ours="http_read mib half.raw --operation whole --count 1 $DRIVE_URL"
    row nginx 'GET of a whole disk of 4 GiB, half holes; nginx on raw' MiB/s 1.2 "$ours" \
        "http_read mib half.raw --operation whole --count 1 ${NGINX_URL:-}/half.raw"
    row imageio 'GET of a whole disk of 4 GiB, half holes; imageio' MiB/s 1 "$ours" \
        "http_read mib half.raw --operation whole --count 1 $IMAGEIO/half"
    close_drive half
}

extents() {
    open_drive pieces file=pieces.qcow2 read-only=true
    local listing="- --operation whole $DRIVE_URL/extents"
    figure '' 'first byte of the extents of a disk in 65,536 pieces' ms 10 "http_read first $listing"
    row imageio 'extents of a disk in 65,536 pieces; imageio' /s 10 "http_read rate $listing" \
        "http_read rate - --operation whole $IMAGEIO/pieces/extents"
    close_drive pieces
}

# Each step of more connections beside the one before it.
connections() {
    local ours=$1 size fewer more steps='2 4 8 16 32 64'
    [[ $QUICK == no ]] || steps='8 64'
    for size in 4K 64K; do
        fewer=1
        for more in $steps; do
            row '' "GET $size random, $(counted "$more" connection); ours with $fewer" /s 0.95 \
                "http_read rate data.raw $(random_reads $size $more) $ours" \
                "http_read rate data.raw $(random_reads $size $fewer) $ours"
            fewer=$more
        done
    done
}

misses_in_flight() {
    local options='l2-cache-size=1048576 l2-cache-entry-size=4096'
    if ! available libnbd; then
        row libnbd "$MISSES_IN_FLIGHT" /s 2 '' ''
        return
    fi
    image clusters64k.qcow2
    # shellcheck disable=SC2086
    open_drive clusters file=clusters64k.qcow2 read-only=true $options $PLAIN_SLICES cache.direct=true
    start_qemu_nbd "driver=qcow2,file.filename=images/clusters64k.qcow2,cache.direct=on,${options/ /,}" --read-only
    row libnbd "$MISSES_IN_FLIGHT" /s 2 \
        "http_read rate data.raw $(cluster_reads 64K 40G 16) $DRIVE_URL" "nbd_read data.raw $(cluster_reads 64K 40G 16)"
    stop qemu-nbd
    close_drive clusters
}

readonly MISSES_IN_FLIGHT='GET 4K random at 1/5 coverage, 4K entries, direct I/O, 16 connections; qemu-nbd over NBD'

# Reads of the first 4 KiB of clusters, the part that has data.
cluster_reads() {
    echo "--size 4096 --step $1 --span $2 --threads $3"
}

need_nginx_where_there_is_one() {
    ! available nginx || need_nginx
}
