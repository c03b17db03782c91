package io.cowslip.drive.registry;

import io.cowslip.drive.DriveException;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.CacheBudget;
import io.cowslip.engine.cache.CacheCounters;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.cache.L2SliceCache;
import io.cowslip.engine.cache.TableSource;
import io.cowslip.engine.format.ImageGeometry;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanCreationException;
import org.springframework.beans.factory.config.ConfigurableBeanFactory;

/**
 * Makes the L2 cache of each image layer as a bean of prototype scope, of the size that the image's budget says. The
 * container keeps no hold on such beans: each one ends here, when its drive closes or gets other cache sizes.
 */
final class CacheBeans implements CacheFactory {
    /** The bean's name, which is that of the method in {@link RegistryConfiguration}. */
    static final String NAME = "l2SliceCache";

    private final ConfigurableBeanFactory beans;
    private final long mostBytes;
    private final AtomicLong takenBytes = new AtomicLong();
    private final Map<L2SliceCache, Long> bytesOf = new ConcurrentHashMap<>();

    /** @param mostBytes what the caches of all images may take together */
    CacheBeans(ConfigurableBeanFactory beans, long mostBytes) {
        this.beans = beans;
        this.mostBytes = mostBytes;
    }

    @Override
    public L2SliceCache create(CacheBudget budget, ImageGeometry geometry, TableSource source, CacheCounters counters)
            throws ImageException {
        long bytes = budget.l2Bytes() + budget.refcountBytes();
        take(bytes);
        @Nullable L2SliceCache cache = null;
        try {
            cache = make(budget, geometry, source, counters);
            bytesOf.put(cache, bytes);
            return cache;
        } finally {
            if (cache == null) {
                takenBytes.addAndGet(-bytes);
            }
        }
    }

    private void take(long bytes) {
        long all = takenBytes.addAndGet(bytes);
        if (all > mostBytes) {
            takenBytes.addAndGet(-bytes);
            throw new DriveException(
                    DriveException.Reason.LIMIT_REACHED,
                    "the image's caches may take " + bytes + " bytes, those of others " + (all - bytes)
                            + "; cowslip.limits.cache-memory allows " + mostBytes + " in all");
        }
    }

    private L2SliceCache make(CacheBudget budget, ImageGeometry geometry, TableSource source, CacheCounters counters)
            throws ImageException {
        try {
            return (L2SliceCache) beans.getBean(NAME, budget, geometry, source, counters);
        } catch (BeanCreationException e) {
            if (e.getMostSpecificCause() instanceof ImageException cause) {
                throw cause;
            }
            throw e;
        }
    }

    @Override
    public void destroy(L2SliceCache cache) {
        try {
            beans.destroyBean(NAME, cache);
        } finally {
            Long bytes = bytesOf.remove(cache);
            takenBytes.addAndGet(bytes == null ? 0 : -bytes);
        }
    }
}
