package io.cowslip.engine.codec;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * Compression type zstd: one frame or more, until a cluster is full.
 *
 * <p>Frames are decoded whole, straight into the cluster: streaming would allocate the window that the frame asks for,
 * which is for the image to choose.
 */
final class ZstdCodec extends ClusterCodec {
    private final DecoderPool<ZstdDecompressCtx> contexts =
            new DecoderPool<>(ZstdDecompressCtx::new, ZstdDecompressCtx::close);

    @Override
    void decodeNative(MemorySegment payload, MemorySegment cluster) throws ImageException {
        ZstdDecompressCtx context = contexts.take();
        try {
            decompress(context, payload.asByteBuffer(), cluster.asByteBuffer());
        } catch (ZstdException e) {
            throw corrupt("its zstd frame is damaged").causedBy(e);
        } finally {
            contexts.giveBack(context);
        }
    }

    private static void decompress(ZstdDecompressCtx context, ByteBuffer payload, ByteBuffer cluster)
            throws ImageException {
        while (cluster.hasRemaining()) {
            int frameBytes = frameBytes(payload, cluster);
            int produced = context.decompressDirectByteBuffer(
                    cluster, cluster.position(), cluster.remaining(), payload, payload.position(), frameBytes);
            cluster.position(cluster.position() + produced);
            payload.position(payload.position() + frameBytes);
        }
    }

    private static int frameBytes(ByteBuffer payload, ByteBuffer cluster) throws ImageException {
        long frameBytes = payload.hasRemaining()
                ? Zstd.findDirectByteBufferFrameCompressedSize(payload, payload.position(), payload.remaining())
                : 0;
        if (frameBytes == 0 || Zstd.isError(frameBytes)) {
            throw corrupt("its zstd frames end after " + cluster.position() + " of " + cluster.capacity() + " bytes");
        }
        return (int) frameBytes;
    }

    @Override
    public void close() {
        contexts.close();
    }
}
