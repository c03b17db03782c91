package io.cowslip.fuzz;

import com.sun.management.ThreadMXBean;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.image.file.ImageEnvironment;
import java.io.IOException;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;

/**
 * What holds for every input, whoever made it: it is taken, or refused with a failure that is the caller's (a status of
 * 4xx) and says why; within a budget of memory and of operations; and nothing stays open.
 */
public final class Hostile {
    /** Heap that all threads together may take for one input, which is opened, read, checked and closed. */
    public static final long MOST_HEAP_BYTES = 64L << 20;

    /** Memory outside the heap that one input may leave behind: buffers on their shelves. */
    private static final long MOST_NATIVE_BYTES = 96L << 20;

    /** The kinds that the API answers with 4xx, but for those that speak of the host or of other callers. */
    private static final Set<Kind> REFUSALS = EnumSet.of(
            Kind.INVALID_FORMAT,
            Kind.UNSUPPORTED_FEATURE,
            Kind.CORRUPT,
            Kind.INVALID_OPTION,
            Kind.READ_ONLY,
            Kind.INCONSISTENT_BITMAP,
            Kind.NOT_FOUND,
            Kind.ALREADY_EXISTS,
            Kind.FORBIDDEN,
            Kind.KEY_REFUSED);

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private static final BufferPoolMXBean NATIVE = ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
            .filter(pool -> pool.getName().equals("direct"))
            .findFirst()
            .orElseThrow();

    private Hostile() {}

    /** Something that is done with an input. */
    @FunctionalInterface
    public interface Use {
        void run() throws IOException;
    }

    /** Backing names and extents stand for files of the same host. */
    public static ImageEnvironment environment(MemoryFiles files) {
        return new ImageEnvironment(files, (image, name, role) -> resolve(image, name), CacheFactory.plain());
    }

    private static Path resolve(Path image, String name) throws ImageException {
        if (name.indexOf(':') >= 0 || name.indexOf('\0') >= 0) {
            throw ImageException.of(Kind.FORBIDDEN, image, "names a protocol");
        }
        return image.resolveSibling(name);
    }

    /**
     * Does all that is done with one input, within the budgets. What is over the heap's is done once more: the first time
     * may have loaded classes.
     */
    public static void within(Use use) {
        if (heapBytes(use) > MOST_HEAP_BYTES) {
            long heapBytes = heapBytes(use);
            if (heapBytes > MOST_HEAP_BYTES) {
                throw new AssertionError(heapBytes + " bytes of heap for one input");
            }
        }
        if (NATIVE.getTotalCapacity() > MOST_NATIVE_BYTES) {
            throw new AssertionError(NATIVE.getTotalCapacity() + " bytes outside the heap");
        }
    }

    private static long heapBytes(Use use) {
        long before = THREADS.getTotalThreadAllocatedBytes();
        refusable(use);
        return THREADS.getTotalThreadAllocatedBytes() - before;
    }

    /** Does one thing that may be refused. @return whether it was not */
    public static boolean refusable(Use use) {
        try {
            use.run();
            return true;
        } catch (ImageException refused) {
            String message = refused.getMessage();
            if (!REFUSALS.contains(refused.kind()) || message == null || message.isBlank()) {
                throw new AssertionError("refused as " + refused.kind() + ": " + message, refused);
            }
            return false;
        } catch (IOException failure) {
            throw new AssertionError("an untyped failure", failure);
        }
    }
}
