package io.cowslip.engine.alloc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.cache.ResidentTable;
import java.io.IOException;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Counts at their limits, and tables at theirs. */
final class RefcountsTest {
    private static final int MAX_TABLE_ENTRIES = (8 << 20) / 8;

    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({"0, 1", "1, 3", "2, 15", "3, 255", "4, 65535"})
    void aCountStopsAtItsWidth(int refcountOrder, int most) throws IOException {
        try (CountedFile counted = CountedFile.create(folder.resolve("file"), refcountOrder)) {
            for (int count = 0; count < most; count++) {
                counted.refcounts.raise(10);
            }
            assertThat(counted.refcounts.count(10)).isEqualTo(most);
            assertRefused(Kind.NO_SPACE, () -> counted.refcounts.raise(10));
            assertThat(counted.refcounts.count(10)).isEqualTo(most);
            assertThat(counted.refcounts.lower(10)).isEqualTo(most - 1);
        }
    }

    @Test
    void aCountBelowNothingIsCorruption() throws IOException {
        try (CountedFile counted = CountedFile.create(folder.resolve("file"), 4)) {
            counted.refcounts.raise(10);
            assertThat(counted.refcounts.lower(10)).isZero();
            assertRefused(Kind.CORRUPT, () -> counted.refcounts.lower(10));
            assertRefused(Kind.CORRUPT, () -> counted.refcounts.lower(1 << 20));
        }
    }

    @Test
    void aBlockThatTheTableDoesNotNameIsCorruption() throws IOException {
        try (CountedFile counted = CountedFile.create(folder.resolve("file"), 4)) {
            assertThat(counted.refcounts.blockOffset(0)).isEqualTo(1024);
            // The low nine bits are reserved and mean nothing.
            counted.refcounts.table().set(4, 1024 | 0x1FF);
            assertThat(counted.refcounts.blockOffset(4)).isEqualTo(1024);
            assertRefused(Kind.CORRUPT, () -> counted.refcounts.blockOffset(9));
        }
    }

    /** Half as much again would be too long; as long as may be is not. */
    @Test
    void theTableGrowsToItsVeryLimit() throws IOException {
        int entries = MAX_TABLE_ENTRIES * 3 / 4;
        try (CountedFile counted = CountedFile.create(folder.resolve("file"), 6, entries / 64)) {
            counted.refcounts.makeBlock(counted.countable());
            assertThat(counted.refcounts.table().entryCount()).isEqualTo(MAX_TABLE_ENTRIES);
            assertThat(counted.refcounts.tableMoved()).isTrue();
            counted.commit();

            ResidentTable full = counted.refcounts.table();
            assertRefused(Kind.NO_SPACE, () -> counted.refcounts.makeBlock(counted.countable()));
            assertThat(counted.refcounts.table()).isSameAs(full);
            assertThat(counted.refcounts.tableMoved()).isFalse();
            counted.refcounts.makeBlock(counted.countable() - 1);
            assertThat(counted.refcounts.count(counted.countable() - counted.countsPerBlock()))
                    .isOne();
        }
    }

    /** A growth that takes two blocks and a table, refused at each of its steps, leaves nothing that a commit would trip over. */
    @Test
    void aRefusedGrowthNeverWas() throws IOException {
        int step = 0;
        boolean refused = true;
        while (refused) {
            try (CountedFile counted = CountedFile.create(folder.resolve("file" + step), 6, 60)) {
                dirtyTwoBlocks(counted);
                long firstNew = counted.countable();
                ResidentTable old = counted.refcounts.table();
                counted.files.failAfter(step, 1, Kind.IO);
                refused = isRefused(() -> counted.refcounts.makeBlock(firstNew));
                counted.files.heal();
                if (refused) {
                    assertThat(counted.refcounts.table()).isSameAs(old);
                    assertThat(counted.refcounts.tableMoved()).isFalse();
                    assertThat(counted.refcounts.cache().stats(1).entriesDirty())
                            .isLessThanOrEqualTo(2);
                    counted.commit();
                    assertThat(counted.refcounts.count(firstNew)).isZero();
                    counted.refcounts.makeBlock(firstNew);
                }
                counted.commit();
                for (long cluster = firstNew; cluster < firstNew + 2 + 90; cluster++) {
                    assertThat(counted.refcounts.count(cluster)).isOne();
                }
                assertThat(counted.refcounts.count(firstNew + 2 + 90)).isZero();
            }
            step++;
        }
        assertThat(step).isGreaterThan(4);
    }

    private static void dirtyTwoBlocks(CountedFile counted) throws IOException {
        counted.refcounts.makeBlock(64);
        counted.refcounts.makeBlock(128);
        counted.commit();
        counted.refcounts.raise(65);
        counted.refcounts.raise(129);
    }

    private static boolean isRefused(ThrowingCallable call) {
        try {
            call.call();
            return false;
        } catch (Throwable refusal) {
            assertThat(refusal).isInstanceOf(ImageException.class);
            return true;
        }
    }

    private static void assertRefused(Kind kind, ThrowingCallable call) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(call)
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(kind));
    }
}
