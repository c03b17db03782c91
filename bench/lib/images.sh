# The images, all made by QEMU's tools, and kept for the next run. What they hold is repeated from data.raw, so every
# answer can be compared with it.

readonly GIB=$((1 << 30)) MIB=$((1 << 20)) KIB=1024

# image NAME: makes images/NAME unless it is there.
image() {
    [[ -f images/$1 ]] && return
    local make=make_${1//[-.]/_}
    say "making $1"
    with_machine "$make" "images/unfinished-$1"
    mv "images/unfinished-$1" "images/$1"
}

# hold NAME...: the images are in the page cache, and stay there until the next call; those that are mostly hole without
# pages for their holes.
hold() {
    local name whole=() sparse=()
    for name in "$@"; do
        image "$name"
        if [[ $name == clusters* ]]; then
            sparse+=("images/$name")
        else
            whole+=("images/$name")
        fi
    done
    stop hold
    start hold ./hold "${whole[@]}" --data-only "${sparse[@]}"
    # As long as it takes to read them from a slow disk.
    until grep -q held logs/hold.log; do
        kill -0 "${PROCESSES[hold]}" 2>/dev/null || die "the images cannot be held, see $PWD/logs/hold.log"
        sleep 0.2
    done
}

# 2 GiB that do not compress and have no zeros.
make_data_raw() {
    head -c $((2 * GIB)) /dev/urandom >"$1"
}

make_data_qcow2() {
    image data.raw
    qemu-img convert -f raw -O qcow2 -W images/data.raw "$1"
}

# What PUT writes.
make_payload_raw() {
    head -c $((64 * MIB)) /dev/urandom >"$1"
}

# Two disks of 1 GiB to write on, one for each side, so that both stay open.
make_write_ours_qcow2() {
    image data.raw
    qemu-img dd -f raw -O qcow2 bs=1M count=1024 if=images/data.raw of="$1"
}

make_write_peer_qcow2() {
    make_write_ours_qcow2 "$1"
}

# 4 GiB: 64 MiB of data, 64 MiB of hole, and so on.
make_half_raw() {
    image data.raw
    truncate -s $((4 * GIB)) "$1"
    local at
    for ((at = 0; at < 4096; at += 128)); do
        dd if=images/data.raw of="$1" bs=1M skip=$((at % 2048)) seek=$at count=64 conv=notrunc status=none
    done
}

make_half_qcow2() {
    image half.raw
    qemu-img convert -f raw -O qcow2 -W images/half.raw "$1"
}

# 256 MiB in clusters of 4 KiB, every other of them with data: 65,536 extents.
make_pieces_qcow2() {
    qemu-img create -q -f qcow2 -o cluster_size=4096 "$1" 256M
    populate "$1" --pattern shuffle --size 4096 --step 8192 --span $((256 * MIB))
}

# Every cluster of 40 GiB is mapped, one after the other in the file, but has only its first 4 KiB in it: reads go there.
make_clusters64k_qcow2() {
    qemu-img create -q -f qcow2 -o preallocation=metadata "$1" 40G
    populate "$1" --pattern sequential --size 4096 --step $((64 * KIB)) --span $((40 * GIB)) --threads 16 --count 40960
}

# The same with 80 GiB in clusters of 256 KiB: two whole tables, the least that a cache may hold, are 1/5 of its ten.
make_clusters256k_qcow2() {
    qemu-img create -q -f qcow2 -o preallocation=metadata,cluster_size=256K "$1" 80G
    populate "$1" --pattern sequential --size 4096 --step $((256 * KIB)) --span $((80 * GIB)) --threads 16 --count 20480
}

# The metadata of 1 TiB, all of it mapped, in 160 MB of a sparse file. No data is in it.
make_clusters64k_1t_qcow2() {
    qemu-img create -q -f qcow2 -o preallocation=metadata "$1" 1T
}

# 5 GiB written cluster by cluster in random order, all of it: two whole tables of ten are 1/5.
make_shuffled_qcow2() {
    qemu-img create -q -f qcow2 "$1" 5G
    populate "$1" --pattern shuffle --size 64K --span $((5 * GIB)) --threads 4
}

# populate IMAGE LOAD-OPTIONS...: through QEMU's own NBD server.
populate() {
    local path=$1
    shift
    image data.raw
    start_qemu_nbd "driver=qcow2,file.filename=$path"
    ./load --operation write --data images/data.raw "$@" "$QEMU_NBD_URL" >/dev/null || die "cannot populate $path"
    stop qemu-nbd
}
