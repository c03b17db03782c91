package io.cowslip.drive.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.DriveId;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Secret;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KeptDrivesTest {
    private static final DriveId A = new DriveId("a");

    @TempDir
    private Path temporary;

    private final HandCatalog catalog = new HandCatalog();
    private Bench bench;

    @BeforeEach
    void setUp() throws IOException {
        bench = new Bench(temporary, catalog);
        bench.create("one.qcow2");
        bench.create("two.qcow2");
    }

    @AfterEach
    void close() {
        bench.close();
    }

    /** The service ends and starts anew. */
    private void restart() throws IOException {
        bench.close();
        bench = new Bench(temporary, catalog);
        bench.kept.load();
        bench.registry.unopened().openAll();
    }

    @Test
    void aDriveIsOpenAgainWithTheOptionsThatItHad() throws IOException {
        ImageOptions asked = bench.registry.defaults().withCaches(new CacheOptions(4096L, 512L, null, null));
        bench.registry.open(A, "one.qcow2", asked);
        bench.registry.reconfigure(A, before -> before.withReadOnly(true));
        ImageOptions before = bench.registry.drive(A).options();
        restart();
        DriveView drive = bench.registry.drive(A);
        assertThat(drive.options()).isEqualTo(before);
        assertThat(drive.file()).isEqualTo("one.qcow2");
        assertThat(drive.options().readOnly()).isTrue();
        assertThat(drive.options().caches().l2CacheSize()).isEqualTo(4096);
        assertThat(catalog.changes).as("changes of the catalogue").isEqualTo(2);
    }

    @Test
    void anEphemeralDriveIsGone() throws IOException {
        bench.registry.open(A, "one.qcow2", bench.registry.defaults(), DriveKeeping.EPHEMERAL);
        bench.registry.reconfigure(A, before -> before.withReadOnly(true));
        assertThat(bench.registry.drive(A).keeping()).isEqualTo(DriveKeeping.EPHEMERAL);
        assertThat(catalog.changes).isZero();
        restart();
        assertThat(bench.registry.drives()).isEmpty();
        assertThat(bench.registry.unopened().list()).isEmpty();
    }

    @Test
    void aDriveThatWasClosedStaysClosed() throws IOException {
        bench.open("a", "one.qcow2");
        bench.registry.close(A);
        assertThat(catalog.entries).isEmpty();
        restart();
        assertThat(bench.registry.drives()).isEmpty();
    }

    @Test
    void aMissingImageStopsNothingAndIsWaitedFor() throws IOException {
        bench.open("a", "one.qcow2");
        bench.open("b", "two.qcow2");
        bench.close();
        Files.move(temporary.resolve("one.qcow2"), temporary.resolve("away"));
        restart();

        assertThat(bench.registry.drives())
                .extracting(drive -> drive.id().value())
                .containsExactly("b");
        assertThat(bench.registry.unopened().list())
                .containsExactly(new UnopenedDrive(A, "one.qcow2", "the volume \"one.qcow2\" is not there"));
        assertRefused(Reason.NO_SUCH_DRIVE, () -> bench.registry.lease(A), "could not be opened again");
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> bench.registry.unopened().open(A));

        Files.move(temporary.resolve("away"), temporary.resolve("one.qcow2"));
        assertThat(bench.registry.unopened().open(A).file()).isEqualTo("one.qcow2");
        assertThat(bench.registry.unopened().list()).isEmpty();
        assertThat(bench.registry.unopened().open(A).id())
                .as("one that is open is shown")
                .isEqualTo(A);
        assertRefused(
                Reason.NO_SUCH_DRIVE, () -> bench.registry.unopened().open(new DriveId("never")), "there is no drive");
    }

    @Test
    void whatIsNotOpenIsKeptUntilItIsDeleted() throws IOException {
        bench.open("a", "one.qcow2");
        bench.close();
        Files.delete(temporary.resolve("one.qcow2"));
        restart();
        restart();
        assertThat(bench.registry.unopened().list()).hasSize(1);
        assertThat(bench.registry.unopened().forget(A)).isTrue();
        assertThat(bench.registry.unopened().forget(A)).isFalse();
        assertThat(catalog.entries).isEmpty();
        assertRefused(Reason.NO_SUCH_DRIVE, () -> bench.registry.drive(A), "there is no drive \"a\"");
    }

    @Test
    void theIdOfADriveThatIsNotOpenIsForItsFileOnly() throws IOException {
        bench.open("a", "one.qcow2");
        bench.close();
        Files.move(temporary.resolve("one.qcow2"), temporary.resolve("away"));
        restart();
        assertRefused(Reason.ID_TAKEN, () -> bench.open("a", "two.qcow2"), "could not be opened again");
        bench.open("other", "two.qcow2");

        Files.move(temporary.resolve("away"), temporary.resolve("one.qcow2"));
        ImageOptions others = bench.registry.defaults().withReadOnly(true);
        bench.registry.open(A, "one.qcow2", others);
        assertThat(bench.registry.unopened().list()).isEmpty();
        restart();
        assertThat(bench.registry.drive(A).options().readOnly()).isTrue();
    }

    @Test
    void theConfigurationGoesFirst() throws IOException {
        bench.open("a", "one.qcow2");
        bench.open("b", "two.qcow2");
        bench.close();
        bench = new Bench(temporary, catalog);
        bench.kept.load();
        bench.registry.open(A, "two.qcow2", bench.registry.defaults(), DriveKeeping.CONFIGURED);
        bench.registry.unopened().openAll();

        assertThat(bench.registry.drive(A).file()).isEqualTo("two.qcow2");
        assertThat(catalog.entries).containsOnlyKeys(new DriveId("b"));
        assertThat(bench.registry.unopened().list())
                .singleElement()
                .satisfies(drive -> assertThat(drive.reason()).contains("drive \"a\""));
    }

    @Test
    void whatCannotBeNotedIsNotDone() throws IOException {
        catalog.refuses = true;
        assertRefused(Reason.UNAVAILABLE, () -> bench.open("a", "one.qcow2"), "not now");
        assertThat(bench.registry.drives()).isEmpty();

        catalog.refuses = false;
        bench.open("a", "one.qcow2");
        catalog.refuses = true;
        ImageOptions before = bench.registry.drive(A).options();
        assertRefused(
                Reason.UNAVAILABLE, () -> bench.registry.reconfigure(A, asked -> asked.withReadOnly(true)), "not now");
        assertThat(bench.registry.drive(A).options()).isEqualTo(before);
        assertRefused(Reason.UNAVAILABLE, () -> bench.registry.close(A), "not now");
        try (DriveLease lease = bench.registry.lease(A)) {
            Bench.write(lease.image(), 0, "open");
        }
    }

    private void openSnapshot(String id) throws IOException {
        ImageOptions options = bench.registry.defaults().withReadOnly(true).withSnapshot("then");
        bench.registry.open(new DriveId(id), "one.qcow2", options);
    }

    private void takeSnapshot(DriveId id) throws IOException {
        try (DriveLease lease = bench.registry.lease(id)) {
            lease.image().snapshots().create("then", 0, 0);
        }
    }

    @Test
    void aDriveThatCannotBeForgottenGoesOnWithReadersOfItsSnapshots() throws IOException {
        bench.open("a", "one.qcow2");
        takeSnapshot(A);
        catalog.refuses = true;
        assertRefused(Reason.UNAVAILABLE, () -> bench.registry.close(A), "not now");
        catalog.refuses = false;
        openSnapshot("view");
        openSnapshot("other");
        assertRefused(Reason.IN_USE, () -> bench.registry.close(A), "reads a snapshot");
        bench.registry.close(new DriveId("view"));
        bench.registry.close(new DriveId("other"));
        bench.registry.close(A);
    }

    @Test
    void aSnapshotWaitsForTheDriveThatWritesItsImage() throws IOException {
        DriveId writer = new DriveId("writer");
        bench.open("writer", "one.qcow2");
        takeSnapshot(writer);
        openSnapshot("a");
        bench.close();
        Files.move(temporary.resolve("one.qcow2"), temporary.resolve("away"));
        restart();
        Files.move(temporary.resolve("away"), temporary.resolve("one.qcow2"));
        assertRefused(Reason.IN_USE, () -> bench.registry.unopened().open(A), "beside drive \"writer\"");
        bench.registry.unopened().open(writer);
        assertThat(bench.registry.unopened().open(A).options().snapshot()).isEqualTo("then");
        restart();
        assertThat(bench.registry.drives()).hasSize(2);
    }

    @Test
    void passphrasesAreNotKeptButTheFilesThatHoldThemAreNamed() throws IOException {
        ImageOptions below = ImageOptions.defaults().withEncrypt(new EncryptOptions(null, null, "base.key"));
        ImageOptions asked = ImageOptions.defaults()
                .withEncrypt(new EncryptOptions(EncryptOptions.Format.LUKS, null, "top.key"))
                .withBacking(below);
        bench.kept.opened(A, "one.qcow2", asked, DriveKeeping.KEPT);
        bench.kept.reconfigured(A, asked.withoutSecrets().withReadOnly(true).withBacking(null));
        ImageOptions again = bench.kept.options(catalog.entry(A));
        assertThat(again.readOnly()).isTrue();
        assertThat(again.encrypt()).isEqualTo(asked.encrypt());
        assertThat(again.backing()).isEqualTo(below);
    }

    @Test
    void aDriveOpenedWithAPassphraseSaysThatItIsNotKept() throws IOException {
        try (Secret secret = Secret.of("correct horse")) {
            ImageOptions asked = ImageOptions.defaults().withEncrypt(new EncryptOptions(null, secret, null));
            bench.kept.opened(A, "one.qcow2", asked, DriveKeeping.KEPT);
        }
        DriveCatalog.Entry entry = catalog.entry(A);
        assertThat(entry.passphraseGiven()).isTrue();
        assertThat(new HandOptionsText().read(entry.options()).hasPassphrase()).isFalse();
        restart();
        assertThat(bench.registry.unopened().list())
                .singleElement()
                .satisfies(
                        drive -> assertThat(drive.reason()).contains("passphrase in the request, which is not kept"));
    }

    private static void assertRefused(Reason reason, ThrowingCallable request, String why) {
        assertThatExceptionOfType(DriveException.class)
                .isThrownBy(request)
                .withMessageContaining(why)
                .satisfies(refusal -> assertThat(refusal.reason()).isEqualTo(reason));
    }
}
