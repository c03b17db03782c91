package io.cowslip.web.data;

import io.cowslip.drive.registry.DriveLease;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.web.data.TransferBuffers.Buffer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * The digest of the digests of a disk's blocks: a function of the guest's bytes alone, whatever the format and wherever
 * they are allocated. A block inside a run of zeros costs neither a read nor a digest.
 */
final class DiskChecksum {
    private final DriveLease lease;
    private final ByteWindow window;
    private final ChecksumAlgorithm algorithm;
    private final int blockBytes;
    private final TransferBuffers buffers;
    private byte @Nullable [] zeroBlock;
    private long zerosEnd;
    private long dataEnd;

    /** @param window the part of the disk that counts: blocks begin with it, and the last one ends with it */
    DiskChecksum(
            DriveLease lease, ByteWindow window, ChecksumAlgorithm algorithm, int blockBytes, TransferBuffers buffers) {
        this.lease = lease;
        this.window = window;
        this.algorithm = algorithm;
        this.blockBytes = blockBytes;
        this.buffers = buffers;
    }

    String hex() throws IOException {
        MessageDigest outer = algorithm.start();
        try (Buffer buffer = buffers.take()) {
            for (long start = window.start(); start < window.end(); start += blockBytes) {
                lease.requireUsable();
                outer.update(block(start, (int) Math.min(blockBytes, window.end() - start), buffer));
            }
        }
        return HexFormat.of().formatHex(outer.digest());
    }

    private byte[] block(long start, int length, Buffer buffer) throws IOException {
        if (!readsAsZeros(start, length)) {
            return data(start, length, buffer);
        }
        return length == blockBytes ? zeroBlock() : zeros(length);
    }

    private byte[] zeroBlock() {
        byte[] known = zeroBlock;
        if (known == null) {
            known = zeros(blockBytes);
            zeroBlock = known;
        }
        return known;
    }

    private boolean readsAsZeros(long start, int length) throws IOException {
        while (start >= dataEnd && zerosEnd < start + length) {
            long from = Math.max(zerosEnd, start);
            GuestExtent run = lease.image().extentAt(from, window.end() - from);
            if (run.zero()) {
                zerosEnd = from + run.length();
            } else {
                dataEnd = from + run.length();
                return false;
            }
        }
        return start >= dataEnd;
    }

    private byte[] data(long start, int length, Buffer buffer) throws IOException {
        MessageDigest inner = algorithm.start();
        for (int done = 0; done < length; ) {
            int step = Math.min(buffer.sizeBytes(), length - done);
            lease.image().read(start + done, buffer.memory(step));
            inner.update(buffer.view(step));
            done += step;
        }
        return inner.digest();
    }

    private byte[] zeros(int length) {
        MessageDigest inner = algorithm.start();
        for (int left = length; left > 0; left -= buffers.sizeBytes()) {
            ByteBuffer zeros = buffers.zeros(Math.min(left, buffers.sizeBytes()));
            inner.update(zeros);
        }
        return inner.digest();
    }
}
