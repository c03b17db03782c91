# The large reads again, over TLS on both sides.

part_tls() {
    if missing 'TLS nginx' >/dev/null; then
        row 'TLS nginx' 'GET over TLS; nginx on raw over TLS' MiB/s 0.8 '' ''
        return
    fi
    hold data.raw data.qcow2 half.raw half.qcow2
    need_certificate
    stop nginx
    need_nginx
    start_service service-tls https "--server.ssl.certificate=file:$PWD/certificate.pem" \
        "--server.ssl.certificate-private-key=file:$PWD/key.pem"
    tls_ranges
    tls_whole_disk
    stop service-tls
}

tls_ranges() {
    local case size connections
    open_drive data file=data.qcow2 read-only=true
    warm_service "$DRIVE_URL"
    for case in '64K 1' '64K 8' '1M 1' '1M 8'; do
        read -r size connections <<<"$case"
        row 'TLS nginx' "GET $size random over TLS, $(counted "$connections" connection); nginx on raw over TLS" MiB/s 0.8 \
            "http_read mib data.raw --size $size --threads $connections --span $((2 * GIB)) $DRIVE_URL" \
            "http_read mib data.raw --size $size --threads $connections --span $((2 * GIB)) $NGINX_TLS_URL/data.raw"
    done
    close_drive data
}

tls_whole_disk() {
    open_drive half file=half.qcow2 read-only=true
    row 'TLS nginx' 'GET of a whole disk of 4 GiB, half holes, over TLS; nginx on raw over TLS' MiB/s 0.8 \
        "http_read mib half.raw --operation whole --count 1 $DRIVE_URL" \
        "http_read mib half.raw --operation whole --count 1 $NGINX_TLS_URL/half.raw"
    close_drive half
}
