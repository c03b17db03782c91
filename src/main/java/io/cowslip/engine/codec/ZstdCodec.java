package io.cowslip.engine.codec;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import com.github.luben.zstd.util.ZstdVersion;
import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;

/**
 * Compression type zstd: one frame or more, until a cluster is full.
 *
 * <p>Frames are decoded whole, straight into the cluster: streaming would allocate the window that the frame asks for,
 * which is for the image to choose. Each cluster is encoded as one frame that tells its size.
 */
final class ZstdCodec extends ClusterCodec {
    private final CoderPool<ZstdDecompressCtx> decoders =
            new CoderPool<>(ZstdDecompressCtx::new, ZstdDecompressCtx::close);
    private final CoderPool<ZstdCompressCtx> encoders = new CoderPool<>(ZstdCompressCtx::new, ZstdCompressCtx::close);

    @Override
    void decodeNative(MemorySegment payload, MemorySegment cluster) throws ImageException {
        ZstdDecompressCtx context = decoders.take();
        try {
            decompress(context, payload.asByteBuffer(), cluster.asByteBuffer());
        } catch (ZstdException e) {
            throw corrupt("its zstd frame is damaged").causedBy(e);
        } finally {
            decoders.giveBack(context);
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
    int encodeNative(MemorySegment cluster, MemorySegment payload) {
        ZstdCompressCtx context = encoders.take();
        try {
            return context.compressDirectByteBuffer(
                    payload.asByteBuffer(), 0, (int) payload.byteSize(), cluster.asByteBuffer(), 0, (int)
                            cluster.byteSize());
        } catch (ZstdException e) {
            if (e.getErrorCode() == Zstd.errDstSizeTooSmall()) {
                return 0;
            }
            throw e;
        } finally {
            encoders.giveBack(context);
        }
    }

    @Override
    String encoderVersion() {
        return "zstd " + ZstdVersion.VERSION;
    }

    @Override
    public void close() {
        decoders.close();
        encoders.close();
    }
}
