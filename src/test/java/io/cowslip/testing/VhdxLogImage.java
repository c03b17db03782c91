package io.cowslip.testing;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Takes sectors out of a sound VHDX image and puts them into its log instead, in entries as a crash might leave them: in a
 * ring that goes on at its start, with sectors that change several times, zeros that are written over, and entries of an
 * older sequence beside.
 */
public final class VhdxLogImage {
    private static final int SECTOR = 4096;
    private static final int LOG_BYTES = 1 << 20;

    private final Path image;
    private final SplittableRandom random;
    private final byte[] guid = new byte[16];
    private long sequence;

    /** @param sector null for zeros */
    private record Change(long offset, byte @Nullable [] sector) {}

    private VhdxLogImage(Path image, SplittableRandom random) {
        this.image = image;
        this.random = random;
        random.nextBytes(guid);
        this.sequence = random.nextLong(1, 1L << 40);
    }

    /**
     * Moves the sectors of the file at these offsets, multiples of 4096, into the log.
     *
     * @return whether the entries go on at the ring's start: QEMU 7.2 does not find all such
     */
    public static boolean move(Path image, SplittableRandom random, long... offsets) throws IOException {
        return new VhdxLogImage(image, random).move(offsets);
    }

    private boolean move(long... offsets) throws IOException {
        List<List<Change>> entries = new ArrayList<>();
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            for (long offset : offsets) {
                byte[] wanted = new byte[SECTOR];
                file.seek(offset);
                file.readFully(wanted);
                byte[] stale = new byte[SECTOR];
                random.nextBytes(stale);
                file.seek(offset);
                file.write(stale);
                entries.add(List.of(new Change(offset, stale), new Change(offset, null), new Change(offset, wanted)));
                entries.add(random.nextBoolean() ? List.of() : List.of(new Change(offset, wanted)));
            }
            return write(file, entries);
        }
    }

    private boolean write(RandomAccessFile file, List<List<Change>> entries) throws IOException {
        long logOffset = header(file);
        byte[] log = new byte[LOG_BYTES];
        int sectors = LOG_BYTES / SECTOR;
        int tail = SECTOR * (random.nextInt(3) == 0 ? sectors - random.nextInt(1, 12) : random.nextInt(sectors));
        if (random.nextBoolean()) {
            // An older sequence, which counts for nothing: its entry would spoil everything.
            byte[] old = entry(List.of(new Change(2 << 20, new byte[SECTOR])), tail, sequence - 10, file.length());
            put(log, tail, old);
            tail = (tail + old.length + SECTOR) % LOG_BYTES;
        }
        int place = tail;
        for (List<Change> changes : entries) {
            byte[] bytes = entry(changes, tail, sequence++, file.length());
            put(log, place, bytes);
            place = (place + bytes.length) % LOG_BYTES;
        }
        file.seek(logOffset);
        file.write(log);
        return place < tail;
    }

    /** Puts the log's GUID into both headers, and returns where the log is. */
    private long header(RandomAccessFile file) throws IOException {
        long logOffset = 0;
        for (long offset : new long[] {64 << 10, 128 << 10}) {
            byte[] header = new byte[SECTOR];
            file.seek(offset);
            file.readFully(header);
            System.arraycopy(guid, 0, header, 48, guid.length);
            Arrays.fill(header, 4, 8, (byte) 0);
            ByteBuffer buffer = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
            buffer.putInt(4, crc(header));
            logOffset = buffer.getLong(72);
            if (buffer.getInt(68) != LOG_BYTES) {
                throw new AssertionError("the log has " + buffer.getInt(68) + " bytes");
            }
            file.seek(offset);
            file.write(header);
        }
        return logOffset;
    }

    private byte[] entry(List<Change> changes, int tail, long number, long fileSizeBytes) {
        int dataSectors =
                (int) changes.stream().filter(change -> change.sector != null).count();
        int descriptorBytes = Math.ceilDiv(64 + 32 * changes.size(), SECTOR) * SECTOR;
        ByteBuffer entry =
                ByteBuffer.allocate(descriptorBytes + dataSectors * SECTOR).order(ByteOrder.LITTLE_ENDIAN);
        entry.putInt(0, 0x6567_6f6c)
                .putInt(8, entry.capacity())
                .putInt(12, tail)
                .putLong(16, number);
        entry.putInt(24, changes.size())
                .put(32, guid)
                .putLong(48, fileSizeBytes)
                .putLong(56, fileSizeBytes);
        int data = descriptorBytes;
        for (int index = 0; index < changes.size(); index++) {
            Change change = changes.get(index);
            int at = 64 + 32 * index;
            entry.putLong(at + 16, change.offset).putLong(at + 24, number);
            if (change.sector == null) {
                entry.putInt(at, 0x6f72_657a).putLong(at + 8, SECTOR);
                continue;
            }
            ByteBuffer sector = ByteBuffer.wrap(change.sector).order(ByteOrder.LITTLE_ENDIAN);
            entry.putInt(at, 0x6373_6564)
                    .putInt(at + 4, sector.getInt(SECTOR - 4))
                    .putLong(at + 8, sector.getLong(0));
            entry.put(data, change.sector);
            entry.putInt(data, 0x6174_6164).putInt(data + 4, (int) (number >>> 32));
            entry.putInt(data + SECTOR - 4, (int) number);
            data += SECTOR;
        }
        entry.putInt(4, crc(entry.array()));
        return entry.array();
    }

    private static void put(byte[] log, int place, byte[] bytes) {
        int beforeEnd = Math.min(bytes.length, log.length - place);
        System.arraycopy(bytes, 0, log, place, beforeEnd);
        System.arraycopy(bytes, beforeEnd, log, 0, bytes.length - beforeEnd);
    }

    private static int crc(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return (int) crc.getValue();
    }
}
