package io.cowslip.engine.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.testing.Background;
import io.cowslip.testing.Loopback;
import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pages on their way from a file to a socket, and what the host tells of their arrival. */
@Timeout(60)
final class PosixFileTransferTest {
    private static final int SIZE = 100_000;

    @TempDir
    Path folder;

    private final byte[] content = new byte[SIZE];
    private Path path;

    @BeforeEach
    void write() throws IOException {
        new Random(5).nextBytes(content);
        path = Files.write(folder.resolve("file"), content);
    }

    @Test
    void thePeerGetsTheBytesOfTheFile() throws IOException {
        try (Loopback connection = Loopback.connect("127.0.0.1");
                HostFile file = open(HostFiles.Mode.READ)) {
            assertThat(file.transferTo(1001, 1, 5000, connection.server())).isEqualTo(5000);
            assertThat(connection.receive(5000)).isEqualTo(Arrays.copyOfRange(content, 1001, 6001));
        }
    }

    @Test
    void noMoreThanTheFileHas() throws IOException {
        try (Loopback connection = Loopback.connect("127.0.0.1");
                HostFile file = open(HostFiles.Mode.READ)) {
            assertThat(file.transferTo(SIZE - 10, 10, 5000, connection.server()))
                    .isEqualTo(10);
            assertThat(connection.receive(10)).isEqualTo(Arrays.copyOfRange(content, SIZE - 10, SIZE));
            assertThat(file.transferTo(SIZE - 10, 11, 5000, connection.server()))
                    .isEqualTo(HostFile.NOT_TRANSFERABLE);
            assertThat(file.transferTo(SIZE + 10, 1, 1, connection.server())).isEqualTo(HostFile.NOT_TRANSFERABLE);
        }
    }

    @Test
    void aFullSocketTakesNone() throws IOException {
        try (Loopback connection = Loopback.connect("127.0.0.1");
                HostFile file = open(HostFiles.Mode.READ)) {
            fill(connection, file);
            assertThat(file.transferTo(0, 1, SIZE, connection.server())).isZero();
        }
    }

    @Test
    void neitherOfFilesThatAreWrittenToNorPastThePageCache() throws IOException {
        try (Loopback connection = Loopback.connect("127.0.0.1");
                HostFile written = open(HostFiles.Mode.READ_WRITE);
                HostFile direct = HostFiles.posix().open(path, HostFiles.Mode.READ, HostFiles.PageCache.BYPASSED)) {
            assertThat(written.transferTo(0, 1, 10, connection.server())).isEqualTo(HostFile.NOT_TRANSFERABLE);
            assertThat(direct.transferTo(0, 1, 10, connection.server())).isEqualTo(HostFile.NOT_TRANSFERABLE);
        }
    }

    /** Other locks of fcntl(2) would go with any descriptor of the file that the process closes. */
    @Test
    void theLocksStay() throws Exception {
        try (Loopback connection = Loopback.connect("127.0.0.1");
                HostFile file = open(HostFiles.Mode.READ);
                HostFile other = open(HostFiles.Mode.READ_WRITE)) {
            file.lock(ImageLock.READER);
            transferInterrupted(file, connection);
            assertThatExceptionOfType(ImageException.class).isThrownBy(() -> other.lock(ImageLock.WRITER));
            file.close();
            other.lock(ImageLock.WRITER);
        }
    }

    /** The thread's own connection ends with that, as Java has it, but no other. */
    @Test
    void anInterruptedThreadIsNobodyElsesLoss() throws Exception {
        try (Loopback interrupted = Loopback.connect("127.0.0.1");
                Loopback connection = Loopback.connect("127.0.0.1");
                HostFile file = open(HostFiles.Mode.READ)) {
            transferInterrupted(file, interrupted);
            assertThat(file.transferTo(0, 1, 10, connection.server())).isEqualTo(10);
            assertThat(connection.receive(10)).isEqualTo(Arrays.copyOf(content, 10));
        }
    }

    private static void transferInterrupted(HostFile file, Loopback connection) throws Exception {
        CompletableFuture<Void> transfer = Background.run(() -> {
            file.transferTo(0, 1, 1, connection.server());
            Thread.currentThread().interrupt();
            assertThatExceptionOfType(ClosedByInterruptException.class)
                    .isThrownBy(() -> file.transferTo(0, 1, 10, connection.server()));
        });
        transfer.get();
    }

    @Test
    void theFileMayHaveAnotherNameByNow() throws IOException {
        try (Loopback connection = Loopback.connect("127.0.0.1");
                HostFile file = open(HostFiles.Mode.READ)) {
            Files.move(path, folder.resolve("moved"));
            Files.write(path, new byte[SIZE]);
            assertThat(file.transferTo(0, 1, 10, connection.server())).isEqualTo(10);
            assertThat(connection.receive(10)).isEqualTo(Arrays.copyOf(content, 10));
        }
    }

    @Test
    void zerosAreZeros() throws IOException {
        assertThat(ZeroPages.areThere()).isTrue();
        try (Loopback connection = Loopback.connect("127.0.0.1")) {
            assertThat(ZeroPages.transferTo(70_000, connection.server())).isEqualTo(70_000);
            assertThat(connection.receive(70_000)).isEqualTo(new byte[70_000]);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "::1"})
    void bytesAreUndeliveredUntilTheyAreRead(String address) throws IOException {
        try (Loopback connection = Loopback.connect(address);
                HostFile file = open(HostFiles.Mode.READ)) {
            ConnectionQueue queue = Objects.requireNonNull(ConnectionQueue.of(connection.server()));
            assertThat(queue.undeliveredBytes()).isZero();
            int sent = fill(connection, file);
            assertThat(queue.undeliveredBytes()).isGreaterThanOrEqualTo(sent);
            connection.receive(sent - 1);
            assertThat(queue.undeliveredBytes()).isPositive();
            connection.receive(1);
            assertThat(queue.undeliveredBytes()).isZero();
            assertThat(queue.isOpen()).isTrue();
        }
    }

    @Test
    void aConnectionThatWasResetHasNothingUndelivered() throws IOException {
        try (Loopback connection = Loopback.connect("127.0.0.1");
                HostFile file = open(HostFiles.Mode.READ)) {
            ConnectionQueue queue = Objects.requireNonNull(ConnectionQueue.of(connection.server()));
            fill(connection, file);
            connection.server().setOption(StandardSocketOptions.SO_LINGER, 0);
            connection.server().close();
            assertThat(queue.isOpen()).isFalse();
            assertThat(queue.undeliveredBytes()).isZero();
        }
    }

    /** Sends until the socket takes no more, and says how much that is. */
    private static int fill(Loopback connection, HostFile file) throws IOException {
        int sent = 0;
        while (true) {
            long count = file.transferTo(0, 1, SIZE, connection.server());
            if (count == 0) {
                return sent;
            }
            sent += Math.toIntExact(count);
        }
    }

    private HostFile open(HostFiles.Mode mode) throws IOException {
        return HostFiles.posix().open(path, mode);
    }
}
