package io.cowslip.drive;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.CacheBudget;
import io.cowslip.engine.cache.CacheCounters;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.cache.L2SliceCache;
import io.cowslip.engine.cache.TableSource;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.security.SecureRandom;
import java.time.InstantSource;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.config.ConfigurableBeanFactory;
import org.springframework.boot.context.properties.ConfigurationPropertiesBinding;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Scope;
import org.springframework.core.env.Environment;
import org.springframework.scheduling.TaskScheduler;

/** Wires the service layer. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties({DriveProperties.class, UploadProperties.class, LimitProperties.class})
class DriveConfiguration {

    @Bean
    @ConfigurationPropertiesBinding
    static ByteSizeConverter byteSizeConverter() {
        return new ByteSizeConverter();
    }

    @Bean
    @ConfigurationPropertiesBinding
    static OverlapCheckConverter overlapCheckConverter() {
        return new OverlapCheckConverter();
    }

    @Bean
    static UnknownProperties unknownProperties(Environment environment) {
        return new UnknownProperties(environment);
    }

    @Bean
    ImageRoot imageRoot(DriveProperties properties, BadProperty badProperty) {
        try {
            return ImageRoot.at(properties.imageRoot());
        } catch (IOException e) {
            throw badProperty.of("cowslip.", "image-root", new IOException("it cannot be made or used as a folder", e));
        }
    }

    /** The L2 cache of one layer of one open image, sized for that image; see {@link CacheBeans}. */
    @Bean(CacheBeans.NAME)
    @Scope(ConfigurableBeanFactory.SCOPE_PROTOTYPE)
    L2SliceCache l2SliceCache(CacheBudget budget, ImageGeometry geometry, TableSource source, CacheCounters counters)
            throws ImageException {
        return new L2SliceCache(budget, geometry, source, counters);
    }

    @Bean
    CacheFactory cacheFactory(ConfigurableBeanFactory beans) {
        return new CacheBeans(beans);
    }

    @Bean
    ImageEnvironment imageEnvironment(ImageRoot root, CacheFactory caches) {
        return new ImageEnvironment(HostFiles.posix(), root, caches);
    }

    @Bean
    SecretFolder secretFolder(DriveProperties properties) {
        return new SecretFolder(properties.secretsFolder());
    }

    @Bean
    BadProperty badProperty(Environment environment) {
        return new BadProperty(environment);
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
    DriveClaims driveClaims(DriveProperties properties) {
        return new DriveClaims(properties.maxDrives());
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
    Volumes volumes(ImageRoot root, ImageEnvironment environment, DriveClaims claims, SecretFolder secrets) {
        return new Volumes(root, environment, claims, secrets, new SecureRandom());
    }

    @Bean
    ImageChecks imageChecks(ImageRoot root, ImageEnvironment environment, DriveClaims claims, DriveRegistry registry) {
        return new ImageChecks(root, environment, claims, registry);
    }

    @Bean
    DiskSources diskSources(DriveOpener opener, DriveClaims claims, DriveRegistry registry) {
        return new DiskSources(opener, claims, registry);
    }

    @Bean
    Conversions conversions(DriveOpener opener, DriveClaims claims, DiskSources sources) {
        return new Conversions(opener, claims, sources, new SecureRandom());
    }

    @Bean
    Downloads downloads(DiskSources sources, ImageRoot root) {
        return new Downloads(sources, root);
    }

    @Bean
    Uploads uploads(ImageRoot root, ImageEnvironment environment, DriveClaims claims, UploadProperties properties) {
        return new Uploads(root, environment, claims, properties, InstantSource.system());
    }

    @Bean
    Imports imports(DriveOpener opener, Uploads uploads, Conversions conversions) {
        return new Imports(opener, uploads, conversions);
    }

    @Bean
    UploadExpiry uploadExpiry(Uploads uploads, TaskScheduler cacheCleaningScheduler) {
        return new UploadExpiry(uploads, cacheCleaningScheduler);
    }

    @Bean
    Comparisons comparisons(DiskSources sources) {
        return new Comparisons(sources);
    }

    @Bean
    VolumeChanges volumeChanges(ImageRoot root, ImageEnvironment environment, DriveClaims claims, DiskSources sources) {
        return new VolumeChanges(root, environment, claims, sources);
    }

    @Bean
    Overlays overlays(DriveOpener opener, DriveClaims claims) {
        return new Overlays(opener, claims);
    }

    @Bean
    DiskFacts diskFacts(DiskSources sources) {
        return new DiskFacts(sources);
    }

    @Bean
    Scrubs scrubs(DiskSources sources, DriveRegistry registry) {
        return new Scrubs(sources, registry);
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
