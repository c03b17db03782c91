package io.cowslip.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveCatalog;
import io.cowslip.drive.registry.DriveCatalog.Entry;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.context.ConfigurableApplicationContext;

@ParameterizedClass
@EnumSource(CatalogDatabase.class)
class DriveCatalogTest {
    private static final DriveId A = new DriveId("a");
    private static final Entry ENTRY = new Entry(A, "vm1/root.qcow2", "{\"read-only\":true}", false);

    @TempDir
    private Path temporary;

    private final CatalogDatabase database;
    private String[] properties;
    private ConfigurableApplicationContext service;
    private DriveCatalog catalog;

    DriveCatalogTest(CatalogDatabase database) {
        this.database = database;
    }

    @BeforeEach
    void open() {
        properties = database.newDatabase(temporary);
        start();
    }

    private void start() {
        service = CatalogDatabase.open(properties);
        catalog = service.getBean(DriveCatalog.class);
    }

    @AfterEach
    void close() {
        service.close();
    }

    @Test
    void nothingIsThereAtFirst() {
        assertThat(catalog.drives()).isEmpty();
    }

    @Test
    void whatIsPutIsThereWhenTheServiceStartsAnew() {
        Entry other = new Entry(new DriveId("B-2.x_"), "Ünïcode \"file\".raw", "{}", true);
        catalog.put(ENTRY);
        catalog.put(other);
        service.close();
        start();
        assertThat(catalog.drives()).containsExactlyInAnyOrder(ENTRY, other);
    }

    @Test
    void aDriveIsThereOnce() {
        catalog.put(ENTRY);
        Entry changed = new Entry(A, "other.qcow2", "{\"l2-cache-size\":4096}", true);
        catalog.put(changed);
        assertThat(catalog.drives()).containsExactly(changed);
    }

    @Test
    void optionsMayBeLong() {
        Entry longOne = new Entry(A, "f".repeat(4096), "o".repeat(3_000_000), false);
        catalog.put(longOne);
        assertThat(catalog.drives()).containsExactly(longOne);
    }

    @Test
    void whatIsRemovedIsGone() {
        catalog.put(ENTRY);
        catalog.remove(A);
        catalog.remove(A);
        assertThat(catalog.drives()).isEmpty();
    }
}
