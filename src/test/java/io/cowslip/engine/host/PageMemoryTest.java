package io.cowslip.engine.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** Memory that comes as zeros, and of which whole pages can go back. */
final class PageMemoryTest {
    private static final int PAGE = 4096;

    @Test
    void isMappedInWholePagesOfZeros() throws ImageException {
        try (PageMemory memory = PageMemory.map(PAGE + 1)) {
            assertThat(memory.segment().byteSize()).isEqualTo(2 * PAGE);
            assertThat(memory.segment().address() % PAGE).isZero();
            assertThat(zeros(memory.segment())).isTrue();
        }
    }

    @Test
    void releasesThePagesThatLieWhollyInTheRange() throws ImageException {
        try (PageMemory memory = PageMemory.map(8 * PAGE)) {
            memory.segment().fill((byte) 7);
            memory.release(PAGE - 1, 2 * PAGE);
            for (int page = 0; page < 8; page++) {
                MemorySegment one = memory.segment().asSlice((long) page * PAGE, PAGE);
                assertThat(zeros(one)).as("page " + page).isEqualTo(page == 1);
                assertThat(one.get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) (page == 1 ? 0 : 7));
            }
        }
    }

    @Test
    void aRangeWithinAPageReleasesNothing() throws ImageException {
        try (PageMemory memory = PageMemory.map(2 * PAGE)) {
            memory.segment().fill((byte) 7);
            memory.release(1, PAGE - 1);
            memory.release(PAGE - 1, PAGE);
            memory.release(0, 0);
            assertThat(memory.segment().get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 7);
            assertThat(memory.segment().get(ValueLayout.JAVA_BYTE, PAGE)).isEqualTo((byte) 7);
        }
    }

    @Test
    void releasedPagesTakeNewContent() throws ImageException {
        try (PageMemory memory = PageMemory.map(PAGE)) {
            memory.segment().fill((byte) 7);
            memory.release(0, PAGE);
            assertThat(zeros(memory.segment())).isTrue();
            memory.segment().fill((byte) 8);
            assertThat(memory.segment().get(ValueLayout.JAVA_BYTE, PAGE - 1)).isEqualTo((byte) 8);
        }
    }

    @Test
    void moreThanThereCanBeIsRefused() {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> PageMemory.map(1L << 60).close())
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(ImageException.Kind.NO_SPACE));
    }

    /** Access after the end is an exception, not a crash of the process. */
    @Test
    void nobodyReachesWhatIsClosed() throws ImageException {
        PageMemory memory = PageMemory.map(PAGE);
        MemorySegment segment = memory.segment();
        memory.close();
        assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> segment.get(ValueLayout.JAVA_BYTE, 0));
    }

    private static boolean zeros(MemorySegment segment) {
        return segment.mismatch(MemorySegment.ofArray(new byte[(int) segment.byteSize()])) < 0;
    }
}
