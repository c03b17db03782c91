package io.cowslip.engine.codec;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageHeader;
import java.lang.foreign.MemorySegment;

/**
 * Decodes and encodes the compressed clusters of one image. Any thread may do so at any time; {@link #close()} is for the
 * owner, when no call is under way.
 *
 * <p>A decoder works between two pieces of native memory and copies nothing on the heap. What it needs besides is the
 * same for every input: no image can make it allocate. What an encoder needs is bounded by the cluster size.
 */
public abstract sealed class ClusterCodec implements AutoCloseable permits DeflateCodec, ZstdCodec {

    ClusterCodec() {}

    /** The codec for a header's compression type, which must be one that {@link ImageHeader#parse} lets through. */
    public static ClusterCodec of(int compressionType) {
        return switch (compressionType) {
            case ImageHeader.COMPRESSION_ZLIB -> new DeflateCodec();
            case ImageHeader.COMPRESSION_ZSTD -> new ZstdCodec();
            default -> throw new IllegalArgumentException("compression type " + compressionType);
        };
    }

    /**
     * Decodes one cluster.
     *
     * @param payload the cluster's data; what follows it, up to the bound that the L2 entry gives, does not matter
     * @param cluster native memory of exactly one cluster; undefined when this fails
     * @throws ImageException CORRUPT when the data cannot be decoded, or comes to less than a cluster
     */
    public void decode(MemorySegment payload, MemorySegment cluster) throws ImageException {
        if (!payload.isNative() || !cluster.isNative() || cluster.isReadOnly()) {
            throw new IllegalArgumentException("clusters are decoded between native segments");
        }
        decodeNative(payload, cluster);
    }

    abstract void decodeNative(MemorySegment payload, MemorySegment cluster) throws ImageException;

    /**
     * Encodes one cluster, so that any reader of the format takes it.
     *
     * @param cluster native memory of exactly one cluster
     * @param payload native memory; undefined behind what is encoded
     * @return the encoded bytes at the start of {@code payload}; 0 when they do not come to less than a cluster and at
     *     most {@code payload}
     */
    public int encode(MemorySegment cluster, MemorySegment payload) {
        if (!payload.isNative() || !cluster.isNative() || payload.isReadOnly()) {
            throw new IllegalArgumentException("clusters are encoded between native segments");
        }
        return encodeNative(cluster, payload.asSlice(0, Math.min(payload.byteSize(), cluster.byteSize() - 1)));
    }

    /** @param payload less than a cluster */
    abstract int encodeNative(MemorySegment cluster, MemorySegment payload);

    /** What encodes, and which version of it. */
    abstract String encoderVersion();

    /** Gives the coders' memory back. */
    @Override
    public abstract void close();

    static ImageException corrupt(String why) {
        return ImageException.of(ImageException.Kind.CORRUPT, "A compressed cluster cannot be decoded: " + why);
    }
}
