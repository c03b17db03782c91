package io.cowslip.drive.registry;

import io.cowslip.drive.BadProperty;
import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.DriveProperties;
import io.cowslip.drive.LimitProperties;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.drive.volume.Leftovers;
import io.cowslip.drive.volume.SecretFolder;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.CacheBudget;
import io.cowslip.engine.cache.CacheCounters;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.cache.L2SliceCache;
import io.cowslip.engine.cache.TableSource;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import java.security.SecureRandom;
import java.time.InstantSource;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.config.ConfigurableBeanFactory;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Scope;
import org.springframework.scheduling.TaskScheduler;

/** Wires the open drives, their caches, and what opens and closes them. */
@Configuration(proxyBeanMethods = false)
class RegistryConfiguration {

    /** The L2 cache of one layer of one open image, sized for that image; see {@link CacheBeans}. */
    @Bean(CacheBeans.NAME)
    @Scope(ConfigurableBeanFactory.SCOPE_PROTOTYPE)
    L2SliceCache l2SliceCache(CacheBudget budget, ImageGeometry geometry, TableSource source, CacheCounters counters)
            throws ImageException {
        return new L2SliceCache(budget, geometry, source, counters);
    }

    @Bean
    CacheFactory cacheFactory(ConfigurableBeanFactory beans, LimitProperties limits) {
        return new CacheBeans(beans, limits.cacheMemoryBytes());
    }

    @Bean
    DriveDefaults driveDefaults(DriveProperties properties, BadProperty badProperty) {
        var defaults = new DriveDefaults(properties.driveDefaults().over(ImageOptions.defaults(), null));
        try {
            requirePossible(defaults.unasked().caches());
        } catch (ImageException e) {
            throw badProperty.of("cowslip.drive-defaults.", "cache-size", e);
        }
        return defaults;
    }

    /** Refuses at start what no image could be opened with. The one that it is tried on is large in every way. */
    private static void requirePossible(CacheOptions caches) throws ImageException {
        CacheBudget.of(caches, new ImageGeometry(ImageGeometry.MAX_CLUSTER_BITS, 1L << 50, 4, false));
    }

    @Bean
    TaskScheduler cacheCleaningScheduler() {
        return CacheCleaner.threadPerRun();
    }

    @Bean
    CacheCleaner cacheCleaner(TaskScheduler cacheCleaningScheduler, ObjectProvider<DriveObserver> observers) {
        return new CacheCleaner(cacheCleaningScheduler, InstantSource.system(), observer(observers));
    }

    @Bean
    DriveOpener driveOpener(
            ImageRoot root, ImageEnvironment environment, DriveDefaults defaults, SecretFolder secrets) {
        return new DriveOpener(root, environment, defaults, secrets);
    }

    @Bean
    KeptDrives keptDrives(ObjectProvider<DriveCatalog> catalog, ObjectProvider<DriveOptionsText> text, ImageRoot root) {
        return new KeptDrives(
                catalog.getIfAvailable(() -> DriveCatalog.NONE),
                text.getIfAvailable(() -> DriveOptionsText.NONE),
                root);
    }

    @Bean
    DriveRegistry driveRegistry(
            DriveOpener opener,
            DriveClaims claims,
            CacheCleaner cleaner,
            ObjectProvider<DriveObserver> observers,
            KeptDrives kept) {
        return new DriveRegistry(opener, claims, cleaner, observer(observers), kept, new SecureRandom());
    }

    private static DriveObserver observer(ObjectProvider<DriveObserver> observers) {
        return DriveObserver.all(observers.orderedStream().toList());
    }

    @Bean
    DemoImage demoImage(ImageRoot root, ImageEnvironment environment) {
        return new DemoImage(root, environment);
    }

    @Bean
    DriveLifecycle driveLifecycle(
            DriveRegistry registry,
            KeptDrives kept,
            DriveProperties properties,
            DemoImage demo,
            ImageRoot root,
            ImageEnvironment environment,
            BadProperty badProperty) {
        return new DriveLifecycle(
                registry, kept, properties, demo, new Leftovers(root, environment.files()), badProperty);
    }

    @Bean
    StartNotice startNotice(DemoImage demo) {
        return new StartNotice(demo);
    }
}
