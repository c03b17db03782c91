package io.cowslip.engine.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.SizeText;
import io.cowslip.engine.format.ImageGeometry;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every row of {@code cache-options.tsv}, which was measured on QEMU, and what else refuses. */
class CacheBudgetTest {
    private static final ImageGeometry EIGHT_GIB = new ImageGeometry(16, 8L << 30, 4, false);

    @ParameterizedTest
    @MethodSource("measured")
    void comesToWhatQemuMakesOfIt(Row row) throws ImageException {
        if (row.accepted()) {
            CacheBudget budget = CacheBudget.of(row.options(), row.geometry());

            assertThat(budget.l2Bytes()).isEqualTo(row.number(9));
            assertThat(budget.l2EntryBytes()).isEqualTo(row.number(10));
            assertThat(budget.l2Entries()).isEqualTo(row.number(11));
            assertThat(budget.refcountBytes()).isEqualTo(row.number(12));
            assertThat(budget.refcountEntryBytes()).isEqualTo(row.geometry().clusterBytes());
        } else {
            ImageException refusal =
                    catchThrowableOfType(ImageException.class, () -> CacheBudget.of(row.options(), row.geometry()));

            assertThat(refusal.kind()).isEqualTo(Kind.INVALID_OPTION);
            assertThat(refusal.option()).isEqualTo(row.refusedOption());
            assertThat(refusal).hasMessageContaining(row.refusedOption());
        }
    }

    static List<Row> measured() throws IOException {
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(
                Objects.requireNonNull(CacheBudgetTest.class.getResourceAsStream("cache-options.tsv")),
                StandardCharsets.UTF_8))) {
            List<Row> rows = lines.lines()
                    .skip(1)
                    .filter(line -> !line.isBlank())
                    .map(line -> new Row(line.split("\t", -1)))
                    .toList();
            assertThat(rows).hasSizeGreaterThan(50);
            return rows;
        }
    }

    /** A measured row: the columns as they stand in the file. */
    record Row(List<String> cells) {
        Row(String[] cells) {
            this(List.of(cells));
        }

        boolean accepted() {
            return cells.get(7).equals("yes");
        }

        long number(int column) {
            return Long.parseLong(cells.get(column));
        }

        ImageGeometry geometry() throws ImageException {
            long clusterBytes = SizeText.parse("cluster-size", cells.get(0));
            return new ImageGeometry(
                    Long.numberOfTrailingZeros(clusterBytes),
                    SizeText.parse("virtual-size", cells.get(1)),
                    4,
                    cells.get(2).equals("on"));
        }

        CacheOptions options() throws ImageException {
            return new CacheOptions(
                    size("l2-cache-size", 3),
                    size("l2-cache-entry-size", 4),
                    size("refcount-cache-size", 5),
                    size("cache-size", 6));
        }

        private @Nullable Long size(String option, int column) throws ImageException {
            return cells.get(column).isEmpty() ? null : SizeText.parse(option, cells.get(column));
        }

        /** The option at fault: the last one given, as the columns go from special to general. */
        String refusedOption() {
            List<String> names = List.of("l2-cache-size", "l2-cache-entry-size", "refcount-cache-size", "cache-size");
            return Stream.of(3, 2, 1, 0)
                    .filter(index -> !cells.get(3 + index).isEmpty())
                    .map(names::get)
                    .findFirst()
                    .orElseThrow();
        }

        @Override
        public String toString() {
            return String.join(" ", cells.subList(0, 9));
        }
    }

    @Test
    void aPartMustNotExceedTheWholeEvenIfTheImageNeedsLess() {
        assertThat(refused(2L << 20, null, null, 1L << 20).option()).isEqualTo("l2-cache-size");
        assertThat(refused(null, null, 2L << 20, 1L << 20).option()).isEqualTo("refcount-cache-size");
    }

    @Test
    void contradictionsAreFoundBeforeABadEntrySize() {
        assertThat(refused(0L, 3000L, 0L, 0L).option()).isEqualTo("cache-size");
    }

    @Test
    void negativeSizesAreRefused() {
        assertThat(refused(-1L, null, null, null).option()).isEqualTo("l2-cache-size");
        assertThat(refused(null, Long.MIN_VALUE, null, null).option()).isEqualTo("l2-cache-entry-size");
        assertThat(refused(null, null, -1L, null).option()).isEqualTo("refcount-cache-size");
        assertThat(refused(null, null, null, -1L).option()).isEqualTo("cache-size");
    }

    @Test
    void hugeSizesAreRefusedByTheNameTheyWereGivenUnder() {
        assertThat(refused(null, null, Long.MAX_VALUE, null).option()).isEqualTo("refcount-cache-size");
        assertThat(refused(0L, null, null, Long.MAX_VALUE).option()).isEqualTo("cache-size");
        assertThat(refused(null, null, 0L, Long.MAX_VALUE).option()).isEqualTo("cache-size");
        assertThat(refused(null, null, CacheBudget.MAX_CACHE_BYTES + 1, null).option())
                .isEqualTo("refcount-cache-size");
    }

    @Test
    void anEmptyDiskGetsTheLeast() throws ImageException {
        ImageGeometry empty = new ImageGeometry(16, 0, 4, false);

        assertThat(CacheBudget.of(CacheOptions.DEFAULTS, empty)).isEqualTo(new CacheBudget(65536, 2, 65536, 4, true));
    }

    private static ImageException refused(
            @Nullable Long l2, @Nullable Long entry, @Nullable Long refcount, @Nullable Long combined) {
        CacheOptions options = new CacheOptions(l2, entry, refcount, combined);
        return catchThrowableOfType(ImageException.class, () -> CacheBudget.of(options, EIGHT_GIB));
    }
}
