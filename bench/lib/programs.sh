# What is on this machine, and the programs of our own that the measurements need.

say() {
    printf 'bench: %s\n' "$*" >&2
}

die() {
    say "$*"
    exit 1
}

# The name of everything that a row may need, with a word where it is there.
declare -A AVAILABLE

available() {
    [[ -n ${AVAILABLE[$1]:-} ]]
}

find_programs() {
    local program
    PATH=$PATH:/usr/sbin
    for program in qemu-img qemu-nbd curl cc nginx fio openssl; do
        if command -v "$program" >/dev/null; then
            AVAILABLE[$program]=yes
        else
            say "no $program here: the rows that need it say so"
        fi
    done
    for program in qemu-img qemu-nbd curl cc; do
        available "$program" || die "nothing can be measured without $program"
    done
    find_jdk
    [[ -z $IMAGEIO ]] || AVAILABLE[imageio]=yes
}

find_jdk() {
    local home
    for home in "${JAVA25_HOME:-}" "${JAVA_HOME:-}" "$(dirname "$(dirname "$(realpath "$(command -v java || echo /)")")")" \
        /usr/lib/jvm/*25*; do
        if [[ -x $home/bin/javac && $("$home/bin/javac" -version 2>&1) == 'javac 25'* ]]; then
            readonly JDK=$home
            return
        fi
    done
    die "no JDK 25 found: set JAVA25_HOME"
}

build_programs() {
    build_service
    build_engine_load
    build_load
    cc -O2 -o hold "$TREE/bench/hold.c"
}

# A jar may carry a fixed date, so its change of status says when it was built.
build_service() {
    local jars=("$TREE"/target/cowslip-*.jar)
    if [[ ! -f ${jars[0]} || -n $(find "$TREE/pom.xml" "$TREE/src/main" -newermc "${jars[0]}" -print -quit) ]]; then
        say "building the service"
        (cd "$TREE" && ./mvnw -q -DskipTests package) >logs/build.log 2>&1 || die "it does not build, see $PWD/logs/build.log"
        jars=("$TREE"/target/cowslip-*.jar)
    fi
    readonly JAR=${jars[0]}
}

# Compiled against the classes of the jar, so that what is measured in process is what is served.
build_engine_load() {
    local folder=$TREE/src/bench/java/io/cowslip/bench
    local sources=("$folder"/EngineLoad*.java "$folder"/BenchImages.java)
    rm -rf engine
    mkdir -p engine/service
    (cd engine/service && "$JDK/bin/jar" xf "$JAR" BOOT-INF)
    readonly ENGINE_CLASSES="engine/classes:engine/service/BOOT-INF/classes:engine/service/BOOT-INF/lib/*"
    "$JDK/bin/javac" -d engine/classes -cp "$ENGINE_CLASSES" "${sources[@]}"
}

build_load() {
    local flags=(-O2 -pthread) libraries=()
    if available openssl && has_header openssl/ssl.h; then
        AVAILABLE[TLS]=yes
        flags+=(-DWITH_TLS)
        libraries+=(-lssl -lcrypto)
    fi
    if has_header libnbd.h; then
        AVAILABLE[libnbd]=yes
        flags+=(-DWITH_NBD)
        libraries+=(-lnbd)
    fi
    cc "${flags[@]}" -o load "$TREE/bench/load.c" "${libraries[@]}"
}

has_header() {
    cc -E -x c - >/dev/null 2>&1 <<<"#include <$1>" || {
        say "no development files of $1 here: the rows that need it say so"
        return 1
    }
}
