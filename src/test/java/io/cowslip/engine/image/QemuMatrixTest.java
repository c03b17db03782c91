package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.host.DeferredSyncFiles;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Secret;
import io.cowslip.testing.GuestOperations;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.NeedsQemu;
import io.cowslip.testing.Seeds;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every combination of what {@code qemu-img create} offers, with a snapshot, a bitmap, or both: made by QEMU, read whole
 * by the engine, changed at random, closed, and judged by QEMU. See {@link MatrixRun}.
 */
@NeedsQemu
@Tag("long")
public final class QemuMatrixTest {
    private static final int SAMPLE = 120;
    private static final int REFUSED_SAMPLE = 60;
    private static final int REFUSED_IN_LONG_RUN = 2000;
    private static final GuestOperations.Mix MIX = new GuestOperations.Mix(20, 40, 15, 15, 5, 0);

    @TempDir
    Path folder;

    @Test
    void opensAndChangesAllThatQemuMakes() throws InterruptedException {
        MatrixRun run = new MatrixRun(getClass(), folder);
        List<MatrixCase> cases = run.choose(MatrixCase.all().filter(MatrixCase::isMadeByQemu), SAMPLE);
        assertThat(cases).isNotEmpty();
        long all = MatrixCase.all().filter(MatrixCase::isMadeByQemu).count();
        run.run(
                cases,
                "of %,d combinations made by qemu-img, opened, changed and judged".formatted(all),
                (created, own, random) -> {
                    MatrixDisk.Created image = new MatrixDisk.Created(created, own, random);
                    return (wanted, requests) ->
                            openChangeAndJudge(MatrixDisk.make(image, wanted, requests), wanted, requests);
                });
    }

    /** The rules that say which combinations there are leave none out that QEMU makes. */
    @Test
    void leavesOutOnlyWhatQemuRefuses() throws InterruptedException {
        MatrixRun run = new MatrixRun(getClass(), folder);
        List<MatrixCase> refused =
                MatrixCase.all().filter(wanted -> !wanted.isMadeByQemu()).toList();
        MatrixRun.Lone trial = (wanted, own, random) -> assertThat(MatrixDisk.isMadeByQemu(wanted, own, random))
                .as("whether QEMU makes it")
                .isFalse();
        run.run(
                run.sample(refused, Seeds.longRun() ? REFUSED_IN_LONG_RUN : REFUSED_SAMPLE),
                "of %,d combinations that qemu-img refuses tried".formatted(refused.size()),
                trial.asPreparation());
    }

    private static void openChangeAndJudge(MatrixDisk disk, MatrixCase wanted, SplittableRandom random)
            throws IOException {
        GuestSession.Disk image =
                new GuestSession.Disk(disk.tools().image(), wanted.clusterBytes(), wanted.discardKeepsData());
        try (GuestSession guest = GuestSession.open(
                image,
                options(wanted),
                TestImages.environment(new DeferredSyncFiles(HostFiles.posix())),
                disk.model())) {
            guest.read(0, guest.sizeBytes());
            if (wanted.isWritable()) {
                new GuestOperations(guest, random, wanted.longestBytes()).run(20, MIX);
                guest.flush();
                guest.read(0, guest.sizeBytes());
            }
        }
        disk.tools().requireSound(disk.contents());
    }

    /** As the engine opens it: for writing where it can be written, with its passphrase. */
    public static ImageOptions options(MatrixCase wanted) {
        ImageOptions options = ImageOptions.defaults().withReadOnly(!wanted.isWritable());
        return wanted.encryption() == MatrixCase.Encryption.NONE
                ? options
                : options.withEncrypt(new EncryptOptions(null, Secret.of(MatrixCase.SECRET), null));
    }
}
