package io.cowslip.engine.host;

import static io.cowslip.engine.host.ImageLock.READER;
import static io.cowslip.engine.host.ImageLock.WRITER;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.testing.HeldImage;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.QemuTools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Locks of one opening against another's, in this process and in QEMU's. */
@Timeout(120)
final class HeldLocksTest {
    private static final int RACES = 300;

    @TempDir
    Path folder;

    private final HostFiles files = HostFiles.posix();
    private Path path = Path.of("");

    @BeforeEach
    void create() throws IOException {
        path = Files.write(folder.resolve("image"), new byte[512]);
    }

    @Test
    void readersBearReaders() throws IOException {
        try (HostFile one = open();
                HostFile other = open()) {
            one.lock(READER);
            other.lock(READER);
            one.lock(READER);
        }
    }

    @Test
    void aReaderAndAWriterDoNotBearEachOther() throws IOException {
        try (HostFile one = open();
                HostFile other = open()) {
            one.lock(READER);
            assertBusy(other, WRITER);
            other.lock(READER);
            one.unlock();
            other.unlock();
            one.lock(WRITER);
            assertBusy(other, READER);
            assertBusy(other, WRITER);
            one.unlock();
            other.lock(WRITER);
        }
    }

    /** POSIX locks would go when any descriptor of the file closes. */
    @Test
    void anotherOpeningsCloseChangesNothing() throws IOException {
        try (HostFile one = open();
                HostFile last = open()) {
            one.lock(WRITER);
            open().close();
            try (HostFile refused = open()) {
                assertBusy(refused, READER);
            }
            assertBusy(last, READER);
        }
    }

    @Test
    void closingGivesUpTheLocks() throws IOException {
        HostFile one = open();
        one.lock(WRITER);
        one.close();
        try (HostFile other = open()) {
            other.lock(WRITER);
        }
    }

    @Test
    void goesFromReaderToWriterAndBack() throws IOException {
        try (HostFile one = open();
                HostFile other = open()) {
            for (int round = 0; round < 3; round++) {
                one.lock(READER);
                one.lock(WRITER);
                assertBusy(other, READER);
                one.lock(READER);
                other.lock(READER);
                assertBusy(one, WRITER);
                other.unlock();
            }
        }
    }

    @Test
    void aRefusedWriterIsStillTheReaderItWas() throws IOException {
        try (HostFile one = open();
                HostFile other = open();
                HostFile third = open()) {
            one.lock(READER);
            other.lock(READER);
            assertBusy(one, WRITER);
            third.lock(READER);
            third.unlock();
            other.unlock();
            // Were its locks lost, a writer would get in.
            assertBusy(other, WRITER);
            one.lock(WRITER);
            assertBusy(other, READER);
        }
    }

    @Test
    void aRefusedOneLeavesNothingBehind() throws IOException {
        try (HostFile one = open();
                HostFile other = open()) {
            one.lock(READER);
            assertBusy(other, WRITER);
            one.lock(WRITER);
        }
    }

    /** Both take first and test second: one wins, or none does. */
    @Test
    void ofTwoWhoRaceAtMostOneWins() throws Exception {
        CyclicBarrier start = new CyclicBarrier(2);
        CyclicBarrier end = new CyclicBarrier(2);
        try (HostFile one = open();
                HostFile other = open();
                ExecutorService threads = Executors.newFixedThreadPool(2)) {
            List<Callable<boolean[]>> racers = new ArrayList<>();
            for (HostFile file : List.of(one, other)) {
                racers.add(() -> {
                    boolean[] won = new boolean[RACES];
                    for (int race = 0; race < RACES; race++) {
                        start.await();
                        won[race] = wins(file);
                        end.await();
                        file.unlock();
                    }
                    return won;
                });
            }
            List<Future<boolean[]>> results = threads.invokeAll(racers);
            for (int race = 0; race < RACES; race++) {
                assertThat(results.get(0).get()[race] && results.get(1).get()[race])
                        .as("race " + race)
                        .isFalse();
            }
            one.lock(WRITER);
        }
    }

    private static boolean wins(HostFile file) throws IOException {
        try {
            file.lock(WRITER);
            return true;
        } catch (ImageException busy) {
            assertThat(busy.kind()).isEqualTo(Kind.BUSY);
            return false;
        }
    }

    @Test
    @NeedsQemu
    void qemuSeesEachStepFromReaderToWriterAndBack() throws IOException {
        Path image = QemuTools.create(folder.resolve("image.qcow2"), 1 << 20, "");
        try (HostFile file = files.open(image, HostFiles.Mode.READ_WRITE)) {
            assertQemuMay(image, true, true);
            file.lock(READER);
            assertQemuMay(image, true, false);
            file.lock(WRITER);
            assertQemuMay(image, false, false);
            file.lock(READER);
            assertQemuMay(image, true, false);
            try (HeldImage reader = QemuTools.hold("qcow2", image, "-r")) {
                assertBusy(file, WRITER);
                assertThat(reader.run("read 0 512")).contains("read 512/512");
            }
            assertQemuMay(image, true, false);
            file.unlock();
            assertQemuMay(image, true, true);
            try (HeldImage writer = QemuTools.hold("qcow2", image)) {
                assertBusy(file, READER);
                assertThat(writer.run("write 0 512")).contains("wrote 512/512");
            }
            file.lock(WRITER);
        }
    }

    private static void assertQemuMay(Path image, boolean read, boolean write) {
        assertThat(QemuTools.io("qcow2", image, "read 0 512").exitCode() == 0)
                .as("opens for writing")
                .isEqualTo(write);
        assertThat(QemuTools.img("info", image.toString()).exitCode() == 0)
                .as("opens for reading")
                .isEqualTo(read);
    }

    private HostFile open() throws IOException {
        return files.open(path, HostFiles.Mode.READ_WRITE);
    }

    private static void assertBusy(HostFile file, ImageLock lock) {
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> file.lock(lock))
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(Kind.BUSY));
    }
}
