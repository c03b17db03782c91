# Writes in place, not flushed one by one, beside qemu-nbd over NBD and imageio.

part_writes() {
    image payload.raw
    hold write-ours.qcow2 write-peer.qcow2
    need_service
    open_drive write file=write-ours.qcow2
    start_qemu_nbd driver=qcow2,file.filename=images/write-peer.qcow2
    warm_service --operation write --data images/payload.raw --query '?flush=n' "$DRIVE_URL"
    writes "$DRIVE_URL"
    stop qemu-nbd
    close_drive write
}

writes() {
    local ours=$1 case size connections pattern wanted
    for case in '1M 1 sequential 1' '1M 8 sequential 1.5' '64K 8 random 4'; do
        read -r size connections pattern wanted <<<"$case"
        row imageio "PUT $size $pattern in place, $(counted "$connections" connection); imageio" MiB/s "$wanted" \
            "put mib $(write_load "$size" "$connections" "$pattern") --query ?flush=n $ours" \
            "put mib $(write_load "$size" "$connections" "$pattern") --query ?flush=n $IMAGEIO/write"
    done
    for case in '1M 1 sequential' '64K 1 random 0.5' '64K 8 random 0.5'; do
        read -r size connections pattern wanted <<<"$case"
        row libnbd "PUT $size $pattern in place, $(counted "$connections" connection); qemu-nbd over NBD" MiB/s "$wanted" \
            "put mib $(write_load "$size" "$connections" "$pattern") --query ?flush=n $ours" \
            "put mib $(write_load "$size" "$connections" "$pattern") $QEMU_NBD_URL"
    done
    row '' 'PUT 64K random in place, each flushed, 8 connections; ours with 1' MiB/s '' \
        "put mib $(write_load 64K 8 random) $ours" "put mib $(write_load 64K 1 random) $ours"
}

write_load() {
    echo "--size $1 --threads $2 --pattern $3 --span $GIB"
}
