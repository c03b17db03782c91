# What is started, and stopped again: by process id, whatever happens.

declare -A PROCESSES

# start NAME COMMAND...: in the background, with its output in logs/NAME.log.
start() {
    local name=$1
    shift
    "$@" >"logs/$name.log" 2>&1 </dev/null &
    PROCESSES[$name]=$!
}

stop() {
    local process=${PROCESSES[$1]:-}
    [[ -n $process ]] || return 0
    unset "PROCESSES[$1]"
    kill "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
}

stop_all() {
    local name
    for name in "${!PROCESSES[@]}"; do
        stop "$name"
    done
}

# await NAME COMMAND...: until the command succeeds, as long as the process lives.
await() {
    local name=$1 try
    shift
    for ((try = 0; try < 600; try++)); do
        "$@" >/dev/null 2>&1 && return
        kill -0 "${PROCESSES[$name]}" 2>/dev/null || break
        sleep 0.1
    done
    die "$name did not start, see $PWD/logs/$name.log"
}

listening() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Sets FREE_PORT to one that nobody listens on.
choose_port() {
    FREE_PORT=$((20000 + RANDOM % 10000))
    while listening "$FREE_PORT"; do
        FREE_PORT=$((FREE_PORT + 1))
    done
}

# ---- Cowslip ----

# The drive option for rows about an entry's size: slices are held as the file has them.
readonly PLAIN_SLICES='l2-cache-packed=false'

readonly JAVA_FLAGS=(--enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow)

# start_service NAME SCHEME PROPERTY...: sets SERVICE_URL.
start_service() {
    local name=$1 scheme=$2
    shift 2
    choose_port
    SERVICE_URL=$scheme://127.0.0.1:$FREE_PORT
    # No drive of an earlier run is open.
    rm -rf "$PWD/data/$name"
    with_machine start_and_await "$name" "$SERVICE_URL/actuator/health/liveness" "$JDK/bin/java" "${JAVA_FLAGS[@]}" \
        -jar "$JAR" --server.port="$FREE_PORT" --cowslip.image-root="$PWD/images" \
        --cowslip.data="$PWD/data/$name" --cowslip.demo-image=false "$@"
}

start_and_await() {
    local name=$1 url=$2
    shift 2
    start "$name" "$@"
    await "$name" curl -skf "$url"
}

# The service that most rows use: started once.
need_service() {
    if [[ -z ${PROCESSES[service]:-} ]]; then
        start_service service http
        PLAIN_SERVICE_URL=$SERVICE_URL
    fi
    SERVICE_URL=$PLAIN_SERVICE_URL
}

# open_drive ID OPTION=VALUE...: opens it, and sets DRIVE_URL to its data; false when the options are refused.
open_drive() {
    local id=$1 json="{\"id\": \"$1\"" option value
    shift
    for option in "$@"; do
        value=${option#*=}
        [[ $value =~ ^([0-9]+|true|false)$ ]] || value="\"$value\""
        json+=", \"${option%%=*}\": $value"
    done
    DRIVE_URL=$SERVICE_URL/drives/$id/data
    curl -skf -o /dev/null -H 'Content-Type: application/json' -d "$json}" "$SERVICE_URL/drives" 2>>logs/rows.log
}

close_drive() {
    curl -skf -o /dev/null -X DELETE "$SERVICE_URL/drives/$1"
}

# ---- the engine in a process of its own ----

need_engine() {
    [[ -n ${PROCESSES[engine]:-} ]] && return
    rm -f engine/requests engine/answers
    mkfifo engine/requests engine/answers
    # Opened both ways, an end of a pipe waits for nobody.
    exec {ENGINE_REQUESTS}<>engine/requests {ENGINE_ANSWERS}<>engine/answers
    "$JDK/bin/java" "${JAVA_FLAGS[@]}" -cp "$ENGINE_CLASSES" io.cowslip.bench.EngineLoad \
        <&"$ENGINE_REQUESTS" >&"$ENGINE_ANSWERS" 2>logs/engine.log &
    PROCESSES[engine]=$!
}

# ---- peers ----

# QEMU's buffers come from malloc, which would give each large one back to the system: that alone makes it 6 times slower.
readonly QEMU_NBD=(env MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=1073741824 qemu-nbd --persistent --shared=64)

# start_qemu_nbd IMAGE-OPTIONS [OPTION...]: sets QEMU_NBD_URL.
start_qemu_nbd() {
    local image_options=$1
    shift
    stop qemu-nbd
    choose_port
    QEMU_NBD_URL=nbd://127.0.0.1:$FREE_PORT
    start qemu-nbd "${QEMU_NBD[@]}" --bind=127.0.0.1 --port="$FREE_PORT" "$@" --image-opts "$image_options"
    await qemu-nbd listening "$FREE_PORT"
}

need_certificate() {
    [[ -f certificate.pem ]] && return
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost -keyout key.pem -out certificate.pem \
        2>logs/openssl.log
}

# Serves the raw images; sets NGINX_URL and, where there is a certificate, NGINX_TLS_URL.
need_nginx() {
    [[ -n ${PROCESSES[nginx]:-} ]] && return
    local port tls=''
    choose_port
    port=$FREE_PORT
    NGINX_URL=http://127.0.0.1:$port
    if [[ -f certificate.pem ]]; then
        choose_port
        NGINX_TLS_URL=https://127.0.0.1:$FREE_PORT
        tls="listen 127.0.0.1:$FREE_PORT ssl; ssl_certificate $PWD/certificate.pem; ssl_certificate_key $PWD/key.pem;"
    fi
    nginx_configuration "$port" "$tls" >nginx.conf
    start nginx nginx -e stderr -p "$PWD" -c "$PWD/nginx.conf"
    await nginx listening "$port"
}

nginx_configuration() {
    cat <<END
daemon off;
$( ((UID != 0)) || echo "user root;")
pid nginx.pid;
worker_processes 2;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    keepalive_requests 1000000000;
    client_body_temp_path nginx-temporary; proxy_temp_path nginx-temporary; fastcgi_temp_path nginx-temporary;
    uwsgi_temp_path nginx-temporary; scgi_temp_path nginx-temporary;
    server { listen 127.0.0.1:$1; $2 root images; }
}
END
}
