package io.cowslip.testing;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class CrashStatesTest {
    private static final Path FILE = Path.of("/disk");

    private final CrashingHostFiles files = new CrashingHostFiles(Map.of(FILE, new byte[2048]));

    /** Writes 1, syncs, then writes 2 and 3 elsewhere. */
    @BeforeEach
    void work() throws IOException {
        try (HostFile file = files.open(FILE, HostFiles.Mode.READ_WRITE)) {
            file.write(0, filled(512, 1));
            file.sync();
            file.write(512, filled(512, 2));
            file.write(1024, filled(1024, 3));
        }
    }

    @Test
    void keepsWhatASyncCovered() {
        assertThat(sectors(new CrashState(4, CrashState.Loss.ALL, 0))).containsExactly(1, 0, 0, 0);
        assertThat(sectors(new CrashState(2, CrashState.Loss.ALL, 0))).containsExactly(1, 0, 0, 0);
    }

    @Test
    void losesWhatNoSyncCovered() {
        assertThat(sectors(new CrashState(1, CrashState.Loss.ALL, 0))).containsExactly(0, 0, 0, 0);
        assertThat(sectors(new CrashState(1, CrashState.Loss.NOTHING, 0))).containsExactly(1, 0, 0, 0);
    }

    @Test
    void losesOneOperationOrAllButOne() {
        assertThat(sectors(new CrashState(4, CrashState.Loss.ONE, 0))).containsExactly(1, 0, 3, 3);
        assertThat(sectors(new CrashState(4, CrashState.Loss.ALL_BUT_ONE, 0))).containsExactly(1, 2, 0, 0);
        assertThat(sectors(new CrashState(4, CrashState.Loss.ONE, 1))).containsExactly(1, 2, 0, 0);
    }

    @Test
    void tearsOperationsAtSectors() {
        assertThat(IntStream.range(0, 200)
                        .mapToObj(seed -> sectors(new CrashState(4, CrashState.Loss.SECTORS, seed)))
                        .map(Arrays::toString))
                .contains("[1, 0, 3, 0]", "[1, 0, 0, 3]", "[1, 2, 3, 0]", "[1, 2, 3, 3]")
                .allMatch(sectors -> sectors.startsWith("[1, "));
    }

    @Test
    void choosesEachPendingOperationInTurn() {
        List<CrashState> states = new CrashStates(files).choose(40, new SplittableRandom(1));

        assertThat(states)
                .hasSize(40)
                .contains(
                        new CrashState(1, CrashState.Loss.ONE, 0),
                        new CrashState(4, CrashState.Loss.ONE, 0),
                        new CrashState(4, CrashState.Loss.ONE, 1),
                        new CrashState(4, CrashState.Loss.ALL_BUT_ONE, 1));
    }

    @Test
    void replaysAStateFromItsText() {
        CrashState state = new CrashState(17, CrashState.Loss.ALL_BUT_ONE, 4);

        assertThat(CrashState.parse(state.toString())).isEqualTo(state);
    }

    /** The first byte of each sector. */
    private int[] sectors(CrashState state) {
        byte[] content = new CrashStates(files).files(state).getOrDefault(FILE, new byte[0]);
        return new int[] {content[0], content[512], content[1024], content[1536]};
    }

    private static MemorySegment filled(int length, int value) {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, (byte) value);
        return MemorySegment.ofArray(bytes);
    }
}
