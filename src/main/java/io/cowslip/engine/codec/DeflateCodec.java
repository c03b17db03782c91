package io.cowslip.engine.codec;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * Compression type zlib: raw deflate without a zlib header (qcow2 specification, "Compressed Clusters Descriptor"). QEMU
 * writes with a window of 4 KiB and reads any; so does this.
 */
final class DeflateCodec extends ClusterCodec {
    private final CoderPool<Inflater> inflaters = new CoderPool<>(() -> new Inflater(true), Inflater::end);
    private final CoderPool<DeflateEncoder> encoders = new CoderPool<>(DeflateEncoder::new, encoder -> {});

    @Override
    void decodeNative(MemorySegment payload, MemorySegment cluster) throws ImageException {
        Inflater inflater = inflaters.take();
        try {
            inflate(inflater, payload.asByteBuffer(), cluster.asByteBuffer());
        } catch (DataFormatException e) {
            throw corrupt("its deflate stream is damaged").causedBy(e);
        } finally {
            inflater.reset();
            inflaters.giveBack(inflater);
        }
    }

    private static void inflate(Inflater inflater, ByteBuffer payload, ByteBuffer cluster)
            throws DataFormatException, ImageException {
        inflater.setInput(payload);
        while (cluster.hasRemaining()) {
            int produced = inflater.inflate(cluster);
            if (produced == 0) {
                throw corrupt(
                        "its deflate stream ends after " + cluster.position() + " of " + cluster.capacity() + " bytes");
            }
        }
    }

    @Override
    int encodeNative(MemorySegment cluster, MemorySegment payload) {
        DeflateEncoder encoder = encoders.take();
        try {
            return encoder.encode(cluster, payload);
        } finally {
            encoders.giveBack(encoder);
        }
    }

    @Override
    String encoderVersion() {
        return DeflateEncoder.class.getSimpleName();
    }

    @Override
    public void close() {
        inflaters.close();
        encoders.close();
    }
}
