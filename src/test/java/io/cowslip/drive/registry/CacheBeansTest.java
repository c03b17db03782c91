package io.cowslip.drive.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.ServiceLayer;
import io.cowslip.drive.volume.Volumes;
import io.cowslip.engine.cache.CacheBudget;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.cache.L2SliceCache;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.beans.factory.config.DestructionAwareBeanPostProcessor;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

/** Each L2 cache is a bean of its own, of the size that its image's options come to, and ends with its drive. */
class CacheBeansTest {
    private static final DriveId A = new DriveId("a");

    @TempDir
    private Path temporary;

    private final Births births = new Births();
    private ApplicationContextRunner service;

    /** Sees the container make and destroy caches. */
    private static final class Births implements DestructionAwareBeanPostProcessor {
        private final List<L2SliceCache> made = new ArrayList<>();
        private final List<L2SliceCache> destroyed = new ArrayList<>();

        @Override
        public Object postProcessAfterInitialization(Object bean, String name) {
            if (bean instanceof L2SliceCache cache) {
                assertThat(name).isEqualTo(CacheBeans.NAME);
                made.add(cache);
            }
            return bean;
        }

        @Override
        public void postProcessBeforeDestruction(Object bean, String name) {
            if (bean instanceof L2SliceCache cache) {
                destroyed.add(cache);
            }
        }

        List<CacheBudget> budgets() {
            return made.stream().map(L2SliceCache::budget).toList();
        }
    }

    @BeforeEach
    void setUp() {
        service = new ApplicationContextRunner()
                .withUserConfiguration(ServiceLayer.class)
                .withBean(Births.class, () -> births)
                .withPropertyValues("cowslip.image-root=" + temporary.resolve("images"), "cowslip.demo-image=false");
    }

    @Test
    void noneIsMadeBeforeAnImageIsOpen() {
        service.run(context -> {
            assertThat(context.getBeanFactory().isPrototype(CacheBeans.NAME)).isTrue();
            assertThat(births.made).isEmpty();
        });
    }

    @Test
    void eachLayerGetsOneOfItsOwnSize() {
        service.run(context -> {
            createChain(context.getBean(Volumes.class));
            DriveRegistry registry = context.getBean(DriveRegistry.class);
            registry.open(A, "top", caches(registry.defaults(), new CacheOptions(64L << 10, 512L, null, null)));

            assertThat(births.budgets())
                    .extracting(CacheBudget::l2EntryBytes, CacheBudget::l2Bytes)
                    .containsExactlyInAnyOrder(tuple(512, 64L << 10), tuple(65536, 1L << 20));
            assertThat(births.made).doesNotHaveDuplicates();

            registry.close(A);
            assertThat(births.destroyed).containsExactlyInAnyOrderElementsOf(births.made);
        });
    }

    @Test
    void anotherSizeIsAnotherBean() {
        service.run(context -> {
            createChain(context.getBean(Volumes.class));
            DriveRegistry registry = context.getBean(DriveRegistry.class);
            registry.open(A, "base", registry.defaults());
            L2SliceCache first = births.made.getFirst();

            registry.reconfigure(A, asked -> caches(asked, new CacheOptions(128L << 10, null, null, null)));

            assertThat(births.made).hasSize(2);
            assertThat(births.made.getLast().budget().l2Bytes()).isEqualTo(128 << 10);
            assertThat(births.destroyed).containsExactly(first);
        });
    }

    @Test
    void allEndWithTheService() {
        service.run(context -> {
            createChain(context.getBean(Volumes.class));
            DriveRegistry registry = context.getBean(DriveRegistry.class);
            registry.open(A, "top", registry.defaults());
        });

        assertThat(births.made).hasSize(2);
        assertThat(births.destroyed).containsExactlyInAnyOrderElementsOf(births.made);
    }

    @Test
    void defaultsReachEveryLayer() {
        service.withPropertyValues("cowslip.drive-defaults.l2-cache-size=128K").run(context -> {
            createChain(context.getBean(Volumes.class));
            DriveRegistry registry = context.getBean(DriveRegistry.class);
            registry.open(A, "top", registry.defaults());

            assertThat(births.budgets()).extracting(CacheBudget::l2Bytes).containsOnly(128L << 10);
        });
    }

    private static void createChain(Volumes volumes) throws IOException {
        volumes.create("base", CreateOptions.qcow2(8L << 30));
        volumes.create("top", Bench.backedBy("base"));
    }

    private static ImageOptions caches(ImageOptions options, CacheOptions caches) {
        return new ImageOptions(
                options.format(),
                options.readOnly(),
                caches,
                options.cacheCleanIntervalSeconds(),
                options.discard(),
                options.cacheDirect(),
                options.backing());
    }
}
