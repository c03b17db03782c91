package io.cowslip.drive.registry;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.CacheBudget;
import io.cowslip.engine.cache.CacheCounters;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.cache.L2SliceCache;
import io.cowslip.engine.cache.TableSource;
import io.cowslip.engine.format.ImageGeometry;
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

    CacheBeans(ConfigurableBeanFactory beans) {
        this.beans = beans;
    }

    @Override
    public L2SliceCache create(CacheBudget budget, ImageGeometry geometry, TableSource source, CacheCounters counters)
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
        beans.destroyBean(NAME, cache);
    }
}
