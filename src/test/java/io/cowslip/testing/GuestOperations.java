package io.cowslip.testing;

import java.io.IOException;
import java.util.SplittableRandom;

/**
 * Random requests of a guest. Ranges are of all shapes that matter to clusters: within one, exactly some, across a
 * boundary, up to the disk's end; places come back often enough for rewriting and reuse.
 */
public final class GuestOperations {
    private final GuestSession guest;
    private final SplittableRandom random;
    private final int longestBytes;

    public GuestOperations(GuestSession guest, SplittableRandom random, int longestBytes) {
        this.guest = guest;
        this.random = random;
        this.longestBytes = longestBytes;
    }

    /** What to do and how often, as shares of their sum. */
    public record Mix(int reads, int writes, int zeros, int discards, int flushes, int reopens) {
        private int sum() {
            return reads + writes + zeros + discards + flushes + reopens;
        }
    }

    public void run(int count, Mix mix) throws IOException {
        for (int i = 0; i < count; i++) {
            step(mix);
        }
    }

    private void step(Mix mix) throws IOException {
        int choice = random.nextInt(mix.sum());
        if ((choice -= mix.reads) < 0) {
            read();
        } else if ((choice -= mix.writes) < 0) {
            write();
        } else if ((choice -= mix.zeros) < 0) {
            zero();
        } else if ((choice -= mix.discards) < 0) {
            discard();
        } else if ((choice - mix.flushes) < 0) {
            guest.flush();
        } else {
            guest.reopen();
        }
    }

    public void read() throws IOException {
        Range range = range();
        guest.read(range.offset, range.length);
    }

    public void write() throws IOException {
        Range range = range();
        guest.write(range.offset, RandomData.bytes(random, range.length));
    }

    public void zero() throws IOException {
        Range range = range();
        guest.zero(range.offset, range.length);
    }

    public void discard() throws IOException {
        Range range = range();
        guest.discard(range.offset, range.length);
    }

    private record Range(int offset, int length) {}

    private Range range() {
        int size = guest.sizeBytes();
        // Raw disks have no clusters; pages will do.
        int cluster = Math.max(512, guest.disk().clusterBytes());
        int unit = switch (random.nextInt(4)) {
            case 0 -> 1;
            case 1 -> 512;
            default -> cluster;
        };
        int length = Math.min(size, length(unit, cluster));
        if (random.nextInt(16) == 0) {
            return new Range(size - length, length);
        }
        int offset = random.nextInt(size - length + 1) / unit * unit;
        return new Range(offset, length);
    }

    private int length(int unit, int cluster) {
        if (unit == cluster) {
            return unit * random.nextInt(1, Math.max(1, Math.min(longestBytes, 64 * cluster) / unit) + 1);
        }
        return unit * random.nextInt(1, Math.min(longestBytes, 3 * cluster) / unit + 1);
    }
}
