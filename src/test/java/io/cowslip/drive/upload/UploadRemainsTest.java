package io.cowslip.drive.upload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.tuple;

import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageFormat;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is found of uploads after a kill, a power cut, or somebody's hand in the folder. */
class UploadRemainsTest {
    private static final UploadRules RAW = new UploadRules(ImageFormat.RAW, null, List.of());
    private static final int MIB = 1 << 20;

    @TempDir
    private Path folder;

    private ImageRoot root;

    @BeforeEach
    void makeRoot() throws IOException {
        root = ImageRoot.at(folder);
    }

    private Uploads uploads() {
        return new Uploads(
                root,
                new ImageEnvironment(HostFiles.posix(), root, CacheFactory.plain()),
                new DriveClaims(8),
                new UploadProperties(null, 9, Duration.ofHours(1)),
                () -> Instant.EPOCH);
    }

    private void upload(String name, int bytes) throws IOException {
        try (UploadSession session = uploads().begin(name, RAW, null);
                Arena arena = Arena.ofConfined()) {
            session.announceLength(1000);
            session.append(arena.allocate(bytes).fill((byte) 7));
        }
    }

    private UploadPlace place(String name) throws ImageException {
        return UploadPlace.of(root, name);
    }

    @Test
    void aDamagedLogIsNoReasonNotToStart() throws IOException {
        for (String name : new String[] {"digits", "bytes", "name", "sound"}) {
            upload(name, 500);
        }
        Files.writeString(place("digits").log().file(), "offset 1x\nlength \noffset\n", StandardOpenOption.APPEND);
        Files.write(
                place("bytes").log().file(), new byte[] {(byte) 0xff, (byte) 0xc3, '\n'}, StandardOpenOption.APPEND);
        Path unnamed = place("name").log().file();
        Files.writeString(unnamed, Files.readString(unnamed).replace("name name", "name other"));
        Uploads restarted = uploads();
        restarted.load();
        assertThat(restarted.unfinished())
                .extracting(UploadStatus::name, UploadStatus::offsetBytes, UploadStatus::lengthBytes)
                .containsExactly(
                        tuple("bytes", 500L, 1000L), tuple("digits", 500L, 1000L), tuple("sound", 500L, 1000L));
        assertThat(place("name").content()).hasSize(500);
    }

    @Test
    void aLineThatWasCutOffDoesNotSpoilTheNext() throws IOException {
        upload("disk", 500);
        Files.writeString(place("disk").log().file(), "offset 4", StandardOpenOption.APPEND);
        place("disk").log().noteLength(2000);
        assertThat(place("disk").log().read()).isEqualTo(new UploadLog.Facts("disk", 2000L, 500));
        place("disk").log().noteOffset(600);
        assertThat(place("disk").log().read()).isEqualTo(new UploadLog.Facts("disk", 2000L, 600));
    }

    @Test
    void aLogIsForWhoTheContentIsFor() throws IOException {
        upload("disk", 500);
        assertThat(Files.getPosixFilePermissions(place("disk").log().file()))
                .isEqualTo(Files.getPosixFilePermissions(place("disk").content()));
    }

    @Test
    void bytesThatAreLostAreNotReadAsZeros() throws IOException {
        Uploads uploads = uploads();
        for (String name : new String[] {"missing", "shorter"}) {
            try (UploadSession session = uploads.begin(name, RAW, null);
                    Arena arena = Arena.ofConfined()) {
                session.append(arena.allocate(500).fill((byte) 7));
            }
        }
        Files.delete(place("missing").content());
        Files.write(place("shorter").content(), new byte[499]);
        for (String name : new String[] {"missing", "shorter"}) {
            assertThatExceptionOfType(ImageException.class)
                    .isThrownBy(() -> uploads.resume(name, RAW))
                    .matches(refused -> refused.kind() == Kind.NOT_FOUND);
            uploads.begin(name, RAW, null).close();
            assertThat(uploads.find(name).orElseThrow().offsetBytes()).isZero();
        }
    }

    @Test
    void whatIsNotVerifiedYetIsNotCalledDurable() throws IOException {
        Uploads uploads = uploads();
        try (UploadSession session = uploads.begin("disk", RAW, null);
                Arena arena = Arena.ofConfined()) {
            MemorySegment mebibyte = arena.allocate(MIB).fill((byte) 7);
            session.append(mebibyte);
            UploadSession.Mark mark = session.hold();
            for (int i = 0; i < 70; i++) {
                session.append(mebibyte);
            }
            session.goBack(mark);
            assertThat(session.offset()).isEqualTo(MIB);
            assertThat(Files.readString(place("disk").log().file())).doesNotContain("offset 6", "offset 7");
            session.hold();
            session.append(mebibyte);
        }
        assertThat(uploads.find("disk").orElseThrow().offsetBytes()).isZero();
    }
}
