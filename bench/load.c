/*
 * Load for the benchmarks: HTTP(S) range requests and NBD at the same cost for the client. One thread per connection,
 * blocking, keep-alive, buffers made before the clock starts. Prints one line, see usage().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/ssl.h>
#endif
#ifdef WITH_NBD
#include <libnbd.h>
#endif

enum { BUFFER_BYTES = 1 << 20, MAX_HEAD_BYTES = 1 << 16, MAX_THREADS = 256 };

enum operation { READ, WRITE, WHOLE };
enum pattern { RANDOM, SEQUENTIAL, SHUFFLE };
enum phase { WARMING, MEASURING, OVER };

static struct {
    enum operation operation;
    enum pattern pattern;
    int64_t size, step, span, count;
    int threads;
    double seconds, warmup;
    uint64_t seed;
    const char *query, *target;
    const uint8_t *data;
    int64_t data_bytes;
    bool verify, tls, nbd;
    char host[256], port[16];
    const char *path;
} opt = { .size = 4096, .threads = 1, .seconds = 2, .seed = 1, .query = "" };

/* Powers of two from 1 microsecond on, each in 32 steps: percentiles within 3 percent. */
enum { STEPS = 32, BUCKETS = 40 * STEPS };

struct histogram { uint32_t counts[BUCKETS]; uint64_t total; };

struct connection {
    int fd;
#ifdef WITH_TLS
    SSL *ssl;
#endif
#ifdef WITH_NBD
    struct nbd_handle *nbd;
#endif
    uint8_t *buffer;
    size_t begin, end; /* received and not used yet */
};

struct head { int status; int64_t length; bool chunked, close; };

struct worker {
    pthread_t thread;
    int number;
    uint64_t random;
    int64_t next; /* request of this worker, for patterns in order */
    struct connection connection;
    struct histogram latency, first_byte;
    int64_t all_requests, requests, bytes, errors;
    double began, ended, first_byte_at;
    char error[256];
};

static _Atomic int phase = WARMING;
static uint32_t *shuffled;
#ifdef WITH_TLS
static SSL_CTX *tls_context;
#endif

static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(2);
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static uint64_t next_random(uint64_t *state) /* splitmix64, public domain algorithm */
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* ---- latencies ---- */

static void record(struct histogram *histogram, double seconds)
{
    double scaled = seconds * 1e6;
    int bucket = 0;
    if (scaled >= 1) {
        int power = 0;
        while (scaled >= 2 && power < 39) {
            scaled /= 2;
            power++;
        }
        int step = (int)((scaled - 1) * STEPS);
        bucket = power * STEPS + (step < STEPS ? step : STEPS - 1);
    }
    histogram->counts[bucket]++;
    histogram->total++;
}

static double percentile(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)(share * histogram->total), seen = 0;
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        seen += histogram->counts[bucket];
        if (seen > wanted) {
            return (1 + (bucket % STEPS + 0.5) / STEPS) * (double)(1ull << (bucket / STEPS));
        }
    }
    return 0;
}

static void add(struct histogram *sum, const struct histogram *part)
{
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        sum->counts[bucket] += part->counts[bucket];
    }
    sum->total += part->total;
}

/* ---- bytes over a socket, plain or TLS ---- */

static int dial(void)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
    if (getaddrinfo(opt.host, opt.port, &hints, &found)) {
        return -1;
    }
    int fd = -1;
    for (struct addrinfo *at = found; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype, 0);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen)) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    if (fd >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    }
    return fd;
}

static void hang_up(struct connection *connection)
{
#ifdef WITH_TLS
    SSL_free(connection->ssl);
    connection->ssl = NULL;
#endif
    if (connection->fd >= 0) {
        close(connection->fd);
    }
    connection->fd = -1;
    connection->begin = connection->end = 0;
}

static bool call(struct connection *connection)
{
    connection->fd = dial();
#ifdef WITH_TLS
    if (connection->fd >= 0 && opt.tls) {
        connection->ssl = SSL_new(tls_context);
        SSL_set_fd(connection->ssl, connection->fd);
        if (SSL_connect(connection->ssl) != 1) {
            hang_up(connection);
        }
    }
#endif
    return connection->fd >= 0;
}

/* At least one byte, or false at the end or on an error. */
static bool receive(struct connection *connection, void *into, size_t most, size_t *got)
{
#ifdef WITH_TLS
    if (connection->ssl) {
        return SSL_read_ex(connection->ssl, into, most, got) == 1;
    }
#endif
    ssize_t result;
    do {
        result = recv(connection->fd, into, most, 0);
    } while (result < 0 && errno == EINTR);
    *got = result > 0 ? (size_t)result : 0;
    return result > 0;
}

static bool transmit(struct connection *connection, const void *from, size_t bytes, bool more)
{
    const uint8_t *at = from;
    while (bytes > 0) {
#ifdef WITH_TLS
        if (connection->ssl) {
            size_t sent;
            if (SSL_write_ex(connection->ssl, at, bytes, &sent) != 1) {
                return false;
            }
            at += sent;
            bytes -= sent;
            continue;
        }
#endif
        ssize_t result = send(connection->fd, at, bytes, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
        if (result <= 0) {
            if (result < 0 && errno == EINTR) {
                continue;
            }
            return false;
        }
        at += result;
        bytes -= (size_t)result;
    }
    return true;
}

/* ---- HTTP/1.1 ---- */

static bool fail(struct worker *worker, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(worker->error, sizeof worker->error, format, arguments);
    va_end(arguments);
    return false;
}

/* The bytes that belong at this offset: the data file, over and over. */
static bool same_as_data(const uint8_t *bytes, int64_t offset, size_t length)
{
    while (length > 0) {
        int64_t at = offset % opt.data_bytes;
        size_t part = opt.data_bytes - at < (int64_t)length ? (size_t)(opt.data_bytes - at) : length;
        if (memcmp(bytes, opt.data + at, part)) {
            return false;
        }
        bytes += part;
        offset += part;
        length -= part;
    }
    return true;
}

static void parse_head(char *text, struct head *head)
{
    *head = (struct head){ .status = atoi(text + 9), .length = -1 };
    for (char *line = strstr(text, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (!strncasecmp(line, "content-length:", 15)) {
            head->length = atoll(line + 15);
        } else if (!strncasecmp(line, "transfer-encoding:", 18)) {
            head->chunked = true;
        } else if (!strncasecmp(line, "connection: close", 17)) {
            head->close = true;
        }
    }
}

static bool receive_head(struct worker *worker, struct head *head)
{
    struct connection *connection = &worker->connection;
    connection->begin = connection->end = 0;
    for (;;) {
        size_t got;
        if (!receive(connection, connection->buffer + connection->end, BUFFER_BYTES - connection->end, &got)) {
            return fail(worker, "the connection ended before the response's head");
        }
        if (connection->end == 0) {
            worker->first_byte_at = now();
        }
        connection->end += got;
        uint8_t *blank = memmem(connection->buffer, connection->end, "\r\n\r\n", 4);
        if (blank) {
            *blank = 0;
            connection->begin = (size_t)(blank + 4 - connection->buffer);
            parse_head((char *)connection->buffer, head);
            return true;
        }
        if (connection->end > MAX_HEAD_BYTES) {
            return fail(worker, "a response's head of more than %d bytes", MAX_HEAD_BYTES);
        }
    }
}

static bool refill(struct worker *worker, size_t most)
{
    struct connection *connection = &worker->connection;
    connection->begin = connection->end = 0;
    if (!receive(connection, connection->buffer, most, &connection->end)) {
        return fail(worker, "the connection ended within a body");
    }
    return true;
}

/* Takes length bytes of body that belong at offset of the disk (negative: nothing to compare with). */
static bool receive_bytes(struct worker *worker, int64_t length, int64_t offset)
{
    struct connection *connection = &worker->connection;
    while (length > 0) {
        if (connection->begin == connection->end
            && !refill(worker, length < BUFFER_BYTES ? (size_t)length : BUFFER_BYTES)) {
            return false;
        }
        size_t part = connection->end - connection->begin;
        if ((int64_t)part > length) {
            part = (size_t)length;
        }
        if (offset >= 0) {
            if (opt.verify && !same_as_data(connection->buffer + connection->begin, offset, part)) {
                return fail(worker, "wrong bytes between %lld and %lld", (long long)offset, (long long)(offset + part));
            }
            offset += part;
        }
        connection->begin += part;
        length -= part;
    }
    return true;
}

static bool receive_line(struct worker *worker, char *line, size_t most)
{
    struct connection *connection = &worker->connection;
    for (size_t length = 0; length < most;) {
        if (connection->begin == connection->end && !refill(worker, BUFFER_BYTES)) {
            return false;
        }
        char next = (char)connection->buffer[connection->begin++];
        if (next == '\n') {
            line[length] = 0;
            return true;
        }
        line[length++] = next;
    }
    return fail(worker, "a chunk's head that is too long");
}

static bool receive_chunks(struct worker *worker, int64_t *length)
{
    char line[128];
    *length = 0;
    for (;;) {
        if (!receive_line(worker, line, sizeof line)) {
            return false;
        }
        int64_t chunk = strtoll(line, NULL, 16);
        *length += chunk;
        if (!receive_bytes(worker, chunk, -1) || !receive_line(worker, line, sizeof line)) {
            return false;
        }
        if (chunk == 0) {
            return true;
        }
    }
}

static bool http_send(struct worker *worker, int64_t offset)
{
    char head[4096];
    long long first = offset, last = offset + opt.size - 1;
    bool write = opt.operation == WRITE;
    int length = snprintf(head, sizeof head, "%s %s%s HTTP/1.1\r\nHost: %s:%s\r\n", write ? "PUT" : "GET", opt.path,
        opt.query, opt.host, opt.port);
    if (opt.operation == READ) {
        length += snprintf(head + length, sizeof head - length, "Range: bytes=%lld-%lld\r\n", first, last);
    } else if (write) {
        length += snprintf(head + length, sizeof head - length,
            "Content-Type: application/octet-stream\r\nContent-Range: bytes %lld-%lld/*\r\nContent-Length: %lld\r\n",
            first, last, (long long)opt.size);
    }
    length += snprintf(head + length, sizeof head - length, "\r\n");
    return transmit(&worker->connection, head, (size_t)length, write)
        && (!write || transmit(&worker->connection, opt.data + offset % opt.data_bytes, (size_t)opt.size, false));
}

/* One request and its whole answer; the body's length, or -1. */
static int64_t http_request(struct worker *worker, int64_t offset)
{
    struct connection *connection = &worker->connection;
    struct head head = { 0 };
    if (connection->fd < 0 && !call(connection)) {
        fail(worker, "no connection to %s:%s", opt.host, opt.port);
        return -1;
    }
    if (!http_send(worker, offset) || !receive_head(worker, &head)) {
        hang_up(connection);
        return -1;
    }
    int64_t length = head.length > 0 ? head.length : 0;
    bool received = head.chunked ? receive_chunks(worker, &length)
                                 : receive_bytes(worker, length, opt.operation == WRITE ? -1 : offset);
    if (!received || head.close) {
        hang_up(connection);
    }
    bool expected = opt.operation == READ ? head.status == 206 && length == opt.size : head.status / 100 == 2;
    if (received && !expected) {
        fail(worker, "status %d with %lld bytes", head.status, (long long)length);
    }
    return !received || !expected ? -1 : opt.operation == WRITE ? opt.size : length;
}

/* ---- NBD ---- */

#ifdef WITH_NBD
static bool nbd_call(struct worker *worker)
{
    struct connection *connection = &worker->connection;
    connection->nbd = nbd_create();
    if (!connection->nbd || nbd_connect_uri(connection->nbd, opt.target) < 0) {
        return fail(worker, "%s", nbd_get_error());
    }
    return true;
}

static int64_t nbd_request(struct worker *worker, int64_t offset)
{
    struct connection *connection = &worker->connection;
    if (!connection->nbd && !nbd_call(worker)) {
        return -1;
    }
    int result = opt.operation == WRITE
        ? nbd_pwrite(connection->nbd, opt.data + offset % opt.data_bytes, (size_t)opt.size, (uint64_t)offset, 0)
        : nbd_pread(connection->nbd, connection->buffer, (size_t)opt.size, (uint64_t)offset, 0);
    if (result < 0) {
        fail(worker, "%s", nbd_get_error());
        return -1;
    }
    if (opt.verify && !same_as_data(connection->buffer, offset, (size_t)opt.size)) {
        fail(worker, "wrong bytes at %lld", (long long)offset);
        return -1;
    }
    return opt.size;
}
#endif

/* ---- the load ---- */

static int64_t slots(void)
{
    return opt.operation == WHOLE ? 1 : (opt.span - opt.size) / opt.step + 1;
}

static int64_t next_offset(struct worker *worker)
{
    int64_t turn = worker->next++ * opt.threads + worker->number;
    switch (opt.pattern) {
    case RANDOM:
        return (int64_t)(next_random(&worker->random) % (uint64_t)slots()) * opt.step;
    case SEQUENTIAL:
        return turn % slots() * opt.step;
    default:
        return turn < slots() ? (int64_t)shuffled[turn] * opt.step : -1;
    }
}

static int64_t request(struct worker *worker, int64_t offset)
{
#ifdef WITH_NBD
    if (opt.nbd) {
        return nbd_request(worker, offset);
    }
#endif
    return http_request(worker, offset);
}

static void count(struct worker *worker, int64_t bytes, double began, double ended)
{
    if (bytes < 0) {
        worker->errors++;
        return;
    }
    if (worker->requests == 0) {
        worker->began = began;
    }
    worker->requests++;
    worker->bytes += bytes;
    worker->ended = ended;
    record(&worker->latency, ended - began);
    record(&worker->first_byte, worker->first_byte_at - began);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    while (phase != OVER && (opt.count == 0 || worker->all_requests < opt.count) && worker->errors < 10) {
        int64_t offset = next_offset(worker);
        if (offset < 0) {
            break;
        }
        bool measuring = phase == MEASURING;
        double began = now();
        int64_t bytes = request(worker, offset);
        worker->all_requests++;
        if (measuring || bytes < 0) {
            count(worker, bytes, began, now());
        }
    }
    return NULL;
}

static void prepare(struct worker *worker, int number)
{
    size_t bytes = opt.size > BUFFER_BYTES ? (size_t)opt.size : BUFFER_BYTES;
    worker->number = number;
    worker->random = opt.seed * 1000003 + (uint64_t)number;
    worker->connection.fd = -1;
    worker->connection.buffer = malloc(bytes);
    memset(worker->connection.buffer, 1, bytes);
}

static void pause_for(double seconds)
{
    struct timespec time = { (time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9) };
    nanosleep(&time, NULL);
}

static void run(struct worker *workers)
{
    bool timed = opt.count == 0 && opt.pattern != SHUFFLE;
    phase = timed ? WARMING : MEASURING;
    for (int i = 0; i < opt.threads; i++) {
        prepare(&workers[i], i);
    }
    for (int i = 0; i < opt.threads; i++) {
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    if (timed) {
        pause_for(opt.warmup);
        phase = MEASURING;
        pause_for(opt.seconds);
        phase = OVER;
    }
    for (int i = 0; i < opt.threads; i++) {
        pthread_join(workers[i].thread, NULL);
    }
}

/* Requests that were under way when the time was over are counted, with the time that they took. */
static int report(const struct worker *workers)
{
    static struct histogram latency, first_byte;
    int64_t requests = 0, bytes = 0, errors = 0, all_requests = 0;
    double began = 0, ended = 0;
    const char *error = "";
    for (int i = 0; i < opt.threads; i++) {
        const struct worker *worker = &workers[i];
        if (worker->requests > 0) {
            began = began == 0 || worker->began < began ? worker->began : began;
            ended = worker->ended > ended ? worker->ended : ended;
        }
        requests += worker->requests;
        all_requests += worker->all_requests;
        bytes += worker->bytes;
        errors += worker->errors;
        error = worker->error[0] ? worker->error : error;
        add(&latency, &worker->latency);
        add(&first_byte, &worker->first_byte);
    }
    double seconds = ended > began ? ended - began : 1;
    printf("%.1f\t%.2f\t%.1f\t%.1f\t%.1f\t%lld\t%lld\n", requests / seconds, bytes / seconds / 1048576,
        percentile(&latency, 0.5), percentile(&latency, 0.99), percentile(&first_byte, 0.5), (long long)all_requests,
        (long long)errors);
    if (errors > 0) {
        fprintf(stderr, "load: %s: %lld errors, the last: %s\n", opt.target, (long long)errors, error);
    }
    return errors > 0 || requests == 0;
}

/* ---- options ---- */

static void usage(void)
{
    fputs(
        "usage: load [options] http://host:port/path | https://... | nbd://host:port\n"
        "  --operation read|write|whole   ranged GET or NBD read; PUT or NBD write; GET of all there is   (read)\n"
        "  --pattern random|sequential|shuffle   shuffle: each place once, in random order, then the end  (random)\n"
        "  --size N[KMG]   of a request (4K)      --step N   offsets are multiples of it (the size)\n"
        "  --span N        offsets are below it   --seed N   of the random order (1)\n"
        "  --threads N     connections (1)        --query Q  appended to the path, like ?flush=n\n"
        "  --seconds S, --warmup S                or --count N: requests of each thread, all of them timed\n"
        "  --data FILE     what the disk holds, repeated: what is written, and with --verify what must be read\n"
        "prints, by tabs: requests/s, MiB/s, p50 us, p99 us, p50 us to the first byte, requests with warm-up, errors\n",
        stderr);
    exit(2);
}

static int64_t size_of(const char *text)
{
    char *unit;
    double number = strtod(text, &unit);
    const char *units = "KMGT", *found = *unit ? strchr(units, *unit & ~0x20) : NULL;
    return (int64_t)(number * (found ? (double)(1ll << (10 * (found - units + 1))) : 1));
}

static int choice(const char *text, const char *const names[], const char *option)
{
    for (int i = 0; names[i]; i++) {
        if (!strcmp(text, names[i])) {
            return i;
        }
    }
    die("--%s %s is none of those it may be", option, text);
    return 0;
}

static void map_data(const char *file)
{
    struct stat facts;
    int fd = open(file, O_RDONLY);
    if (fd < 0 || fstat(fd, &facts) || facts.st_size == 0) {
        die("cannot read %s", file);
    }
    opt.data_bytes = facts.st_size;
    opt.data = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (opt.data == MAP_FAILED) {
        die("cannot map %s", file);
    }
    close(fd);
}

static void parse_target(const char *target)
{
    opt.target = target;
    opt.nbd = !strncmp(target, "nbd", 3);
    opt.tls = !strncmp(target, "https:", 6);
    if (opt.nbd) {
        return;
    }
    const char *authority = strstr(target, "://");
    const char *path = authority ? strchr(authority + 3, '/') : NULL;
    if (!path || sscanf(authority + 3, "%255[^:/]:%15[0-9]", opt.host, opt.port) < 1) {
        die("%s is not like http://host:port/path", target);
    }
    if (!opt.port[0]) {
        strcpy(opt.port, opt.tls ? "443" : "80");
    }
    opt.path = path;
}

static void set(int option, const char *name, const char *value)
{
    static const char *const operations[] = { "read", "write", "whole", NULL };
    static const char *const patterns[] = { "random", "sequential", "shuffle", NULL };
    switch (option) {
    case 'o': opt.operation = (enum operation)choice(value, operations, name); break;
    case 'p': opt.pattern = (enum pattern)choice(value, patterns, name); break;
    case 's': opt.size = size_of(value); break;
    case 'S': opt.step = size_of(value); break;
    case 'l': opt.span = size_of(value); break;
    case 'r': opt.seed = strtoull(value, NULL, 10); break;
    case 't': opt.threads = atoi(value); break;
    case 'q': opt.query = value; break;
    case 'T': opt.seconds = atof(value); break;
    case 'w': opt.warmup = atof(value); break;
    case 'n': opt.count = atoll(value); break;
    case 'd': map_data(value); break;
    case 'v': opt.verify = true; break;
    default: usage();
    }
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {
        { "operation", 1, NULL, 'o' }, { "pattern", 1, NULL, 'p' }, { "size", 1, NULL, 's' }, { "step", 1, NULL, 'S' },
        { "span", 1, NULL, 'l' }, { "seed", 1, NULL, 'r' }, { "threads", 1, NULL, 't' }, { "query", 1, NULL, 'q' },
        { "seconds", 1, NULL, 'T' }, { "warmup", 1, NULL, 'w' }, { "count", 1, NULL, 'n' }, { "data", 1, NULL, 'd' },
        { "verify", 0, NULL, 'v' }, { 0 } };
    int option, index = 0;
    while ((option = getopt_long(argc, argv, "", options, &index)) != -1) {
        set(option, option == '?' ? "" : options[index].name, optarg);
    }
    if (optind + 1 != argc) {
        usage();
    }
    parse_target(argv[optind]);
    opt.step = opt.step > 0 ? opt.step : opt.size;
    if (opt.operation != WHOLE && (opt.size <= 0 || opt.span < opt.size)) {
        die("--span must be given, and hold at least one request of %lld bytes", (long long)opt.size);
    }
    if (opt.threads < 1 || opt.threads > MAX_THREADS) {
        die("--threads must be from 1 to %d", MAX_THREADS);
    }
    if ((opt.operation == WRITE || opt.verify) && !opt.data) {
        die("writing and verifying need --data");
    }
    if (opt.operation == WRITE && (opt.data_bytes % opt.step || opt.size > opt.step)) {
        die("what is written must not cross the end of --data: make its size a multiple of --step");
    }
}

static void require_built_in(void)
{
#ifndef WITH_TLS
    if (opt.tls) {
        die("built without OpenSSL, so without https");
    }
#endif
#ifndef WITH_NBD
    if (opt.nbd) {
        die("built without libnbd, so without nbd");
    }
#endif
}

static void shuffle(void)
{
    int64_t places = slots();
    uint64_t random = opt.seed;
    shuffled = malloc((size_t)places * sizeof *shuffled);
    for (int64_t i = 0; i < places; i++) {
        uint64_t j = next_random(&random) % (uint64_t)(i + 1);
        shuffled[i] = shuffled[j];
        shuffled[j] = (uint32_t)i;
    }
}

int main(int argc, char **argv)
{
    static struct worker workers[MAX_THREADS];
    parse(argc, argv);
    require_built_in();
#ifdef WITH_TLS
    tls_context = SSL_CTX_new(TLS_client_method()); /* whose certificate it is does not matter to speed */
#endif
    if (opt.pattern == SHUFFLE) {
        shuffle();
    }
    run(workers);
    return report(workers);
}
