/*
 * hold [--data-only] FILE...: keeps files in the page cache until it is ended, and says "held" once they are there.
 *
 * Some systems take pages of files back that nobody has read for seconds, though memory is free; pages that a process has
 * mapped they leave alone. Without this a row would measure the disk for what the rows before it left to go cold.
 * With --data-only, holes get no pages: for files that are mostly hole.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "hold: %s %s: %s\n", what, name, strerror(errno));
    exit(1);
}

static void touch(const char *name, const volatile char *bytes, off_t from, off_t end)
{
    long page = sysconf(_SC_PAGESIZE);
    off_t first = from / page * page;
    if (madvise((void *) (bytes + first), end - first, MADV_POPULATE_READ) == 0)
        return;
    if (errno != EINVAL)
        fail("cannot read", name);
    for (off_t at = first; at < end; at += page)
        (void) bytes[at];
}

/* Twice: all small reads are begun at once, then awaited one by one. */
static void touch_data(const char *name, int file, const char *bytes, off_t size)
{
    for (int begun = 0; begun < 2; begun++) {
        off_t data = lseek(file, 0, SEEK_DATA);
        while (data >= 0 && data < size) {
            off_t hole = lseek(file, data, SEEK_HOLE);
            if (hole < 0)
                fail("cannot find the holes of", name);
            if (begun)
                touch(name, bytes, data, hole);
            else
                posix_fadvise(file, data, hole - data, POSIX_FADV_WILLNEED);
            data = lseek(file, hole, SEEK_DATA);
        }
    }
}

static void hold(const char *name, int data_only)
{
    struct stat status;
    int file = open(name, O_RDONLY);
    if (file < 0 || fstat(file, &status) < 0)
        fail("cannot open", name);
    char *bytes = mmap(NULL, status.st_size, PROT_READ, MAP_SHARED, file, 0);
    if (bytes == MAP_FAILED)
        fail("cannot map", name);
    if (data_only) {
        madvise(bytes, status.st_size, MADV_RANDOM);
        touch_data(name, file, bytes, status.st_size);
    } else {
        touch(name, bytes, 0, status.st_size);
    }
}

int main(int count, char **words)
{
    int data_only = 0;
    for (int index = 1; index < count; index++) {
        if (strcmp(words[index], "--data-only") == 0)
            data_only = 1;
        else
            hold(words[index], data_only);
    }
    puts("held");
    fflush(stdout);
    pause();
    return 0;
}
