package io.cowslip.engine.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.testing.CrashingHostFiles;
import io.cowslip.testing.FaultyHostFiles;
import io.cowslip.testing.HostOperation;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Syncs that wait for the last one. */
class DeferredSyncFilesTest {
    private static final Path FOLDER = Path.of("/folder");
    private static final Path ONE = FOLDER.resolve("one");
    private static final Path OTHER = FOLDER.resolve("other");

    private final CrashingHostFiles host = new CrashingHostFiles();

    @Test
    void nothingIsSyncedBeforeTheEndAndThenEverything() throws IOException {
        DeferredSyncFiles files = new DeferredSyncFiles(host);
        write(files, ONE);
        write(files, OTHER);
        files.syncFolder(FOLDER);
        assertThat(syncs()).isEmpty();

        files.sync();
        assertThat(syncs()).hasSize(3).last().isEqualTo(new HostOperation.Sync(FOLDER));
        assertThat(syncs()).contains(new HostOperation.Sync(ONE), new HostOperation.Sync(OTHER));
        files.sync();
        assertThat(syncs()).hasSize(3);
    }

    @Test
    void aRefusedSyncIsToldAndStaysToBeDone() throws IOException {
        FaultyHostFiles faulty = new FaultyHostFiles(host);
        DeferredSyncFiles files = new DeferredSyncFiles(faulty);
        write(files, ONE);
        faulty.failAfter(0, 1, ImageException.Kind.IO);
        assertThatExceptionOfType(ImageException.class).isThrownBy(files::sync);
        faulty.heal();
        files.sync();
        assertThat(syncs()).containsExactly(new HostOperation.Sync(ONE));
    }

    private List<HostOperation> syncs() {
        return host.log().stream().filter(HostOperation.Sync.class::isInstance).toList();
    }

    private static void write(HostFiles files, Path path) throws IOException {
        try (HostFile file = files.open(path, HostFiles.Mode.CREATE_NEW);
                Arena arena = Arena.ofConfined()) {
            file.write(0, arena.allocateFrom(" ".repeat(511), StandardCharsets.US_ASCII));
            file.sync();
        }
    }
}
