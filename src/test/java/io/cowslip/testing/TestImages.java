package io.cowslip.testing;

import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;

/** Opening images, and moving arrays in and out of them. */
public final class TestImages {
    private TestImages() {}

    /** Backing names stand for files beside the image; caches belong to their image. */
    public static ImageEnvironment environment(HostFiles files) {
        return new ImageEnvironment(files, (image, name, role) -> image.resolveSibling(name), CacheFactory.plain());
    }

    public static ImageOptions readOnly() {
        return withCaches(CacheOptions.DEFAULTS, true);
    }

    /** Caches as small as they get: two L2 entries of {@code entryBytes}, four refcount blocks. */
    public static ImageOptions smallestCaches(long entryBytes) {
        return withCaches(new CacheOptions(0L, entryBytes, 0L, null), false);
    }

    public static ImageOptions withCaches(CacheOptions caches, boolean readOnly) {
        ImageOptions defaults = ImageOptions.defaults();
        return new ImageOptions(
                defaults.format(),
                readOnly,
                caches,
                defaults.cacheCleanIntervalSeconds(),
                ImageOptions.DiscardMode.UNMAP,
                null,
                null);
    }

    /** Opens an image of this machine for reading. */
    public static DiskImage openReadOnly(Path file) throws IOException {
        return DiskImage.open(file, readOnly(), environment(HostFiles.posix()));
    }

    /** Opens an image of this machine with everything at its default. */
    public static DiskImage open(Path file) throws IOException {
        return DiskImage.open(file, ImageOptions.defaults(), environment(HostFiles.posix()));
    }

    public static byte[] read(DiskImage image, long offset, int length) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment into = arena.allocate(length);
            image.read(offset, into);
            return into.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    public static void write(DiskImage image, long offset, byte[] bytes) throws IOException {
        // As a server's buffers, this memory is for any thread.
        image.write(offset, Arena.ofAuto().allocateFrom(ValueLayout.JAVA_BYTE, bytes));
    }

    /** So many bytes of one value. */
    public static byte[] filled(int length, int value) {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, (byte) value);
        return bytes;
    }
}
