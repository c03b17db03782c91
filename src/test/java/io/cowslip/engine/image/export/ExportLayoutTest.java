package io.cowslip.engine.image.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.ImageGeometry;
import org.junit.jupiter.api.Test;

/** Exported files of sizes that no test can make. */
class ExportLayoutTest {
    private static final long PIB = 1L << 50;
    private static final int TABLES = 1 << 22;

    private static ExportLayout layout(long plainClusters) {
        return ExportLayout.of(new ImageGeometry(16, 2 * PIB, 4, false), TABLES, 0, plainClusters);
    }

    @Test
    void aFileWithMoreThanARefcountTableCountsIsRefused() {
        // 8 MiB of refcount table count 2 PiB, and the file has its tables besides.
        assertThatThrownBy(() -> layout((2 * PIB) >>> 16).requireCountable())
                .isInstanceOfSatisfying(
                        ImageException.class,
                        refused -> assertThat(refused.kind()).isEqualTo(ImageException.Kind.UNSUPPORTED_FEATURE))
                .hasMessageContaining("at most 8388608");
        assertThatCode(() -> layout(PIB >>> 16).requireCountable()).doesNotThrowAnyException();
    }

    @Test
    void whatIsCountedIsAllOfTheFile() {
        ExportLayout layout = layout(PIB >>> 16);
        long counted = (layout.l1Table() - layout.refcountBlocks()) << 15;
        assertThat(counted).isBetween(layout.end(), layout.end() + (1 << 16));
    }
}
