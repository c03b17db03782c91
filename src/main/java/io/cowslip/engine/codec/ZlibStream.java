package io.cowslip.engine.codec;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/** Decodes deflate streams with a zlib header (RFC 1950). Any thread, at any time. */
public final class ZlibStream {
    private static final CoderPool<Inflater> INFLATERS = new CoderPool<>(Inflater::new, Inflater::end);

    private ZlibStream() {}

    /**
     * Decodes as much of {@code stream} as {@code into} takes: what a stream would come to beyond that costs nothing.
     *
     * @return the bytes decoded; fewer than {@code into} has where the stream ends before
     * @throws ImageException CORRUPT where it cannot be decoded
     */
    public static long decode(MemorySegment stream, MemorySegment into) throws ImageException {
        Inflater inflater = INFLATERS.take();
        try {
            ByteBuffer decoded = into.asByteBuffer();
            inflater.setInput(stream.asByteBuffer());
            while (decoded.hasRemaining() && inflater.inflate(decoded) > 0) {
                // An inflater may stop before either side is used up.
            }
            return decoded.position();
        } catch (DataFormatException e) {
            throw ImageException.of(Kind.CORRUPT, "a deflate stream is damaged").causedBy(e);
        } finally {
            inflater.reset();
            INFLATERS.giveBack(inflater);
        }
    }
}
