package io.cowslip.testing;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Judges what a power cut left behind. Every state must have no more than leaks, and every sector of the disk must be
 * what it was at the last flush or what a later request made of it. Some states are also put before {@code qemu-img},
 * which must come to the same verdict and read the same disk; in some a guest goes on working.
 */
public final class CrashVerifier {
    private static final int DIRTY_BYTE = 79;
    private static final int QCOW2_MAGIC = 0x5146_49fb;
    private static final String CRASH = "cowslip.crash";
    private static final GuestOperations.Mix SECOND_LIFE = new GuestOperations.Mix(8, 8, 2, 2, 1, 1);

    private final GuestSession.Disk disk;
    private final CrashStates states;
    private final GuestHistory.Replay history;
    private final ImageOptions options;
    private final int qemuEvery;
    private final SplittableRandom random;
    private @Nullable Path rawFile;
    private boolean rawIsExact;
    private int dirtyStates;

    /** {@code options} are those that the image is opened with again; each {@code qemuEvery}th state goes to QEMU. */
    public CrashVerifier(
            GuestSession session,
            CrashingHostFiles files,
            ImageOptions options,
            int qemuEvery,
            SplittableRandom random) {
        this.disk = session.disk();
        this.states = new CrashStates(files);
        this.history = session.history().replay();
        this.options = options;
        this.qemuEvery = qemuEvery;
        this.random = random;
    }

    /**
     * Every state of {@code file} must hold the disk as well, taken for a raw image.
     *
     * @param exactly whether it must hold what the image then reads as, and not only what the image might
     */
    public CrashVerifier alsoIn(Path file, boolean exactly) {
        rawFile = file;
        rawIsExact = exactly;
        return this;
    }

    /** Checks about {@code count} states, or the one of {@code -Dcowslip.crash}; returns how many there were. */
    public int verify(int count, Path scratch) throws IOException {
        String replayed = System.getProperty(CRASH);
        List<CrashState> chosen = replayed == null ? states.choose(count, random) : List.of(CrashState.parse(replayed));
        int number = 0;
        for (CrashState state : chosen) {
            Map<Path, byte[]> files = states.files(state);
            try {
                boolean askQemu = replayed != null || ++number % qemuEvery == 0;
                verifyState(state, files, askQemu, scratch);
            } catch (IOException | RuntimeException | AssertionError e) {
                throw new AssertionError(
                        e.getMessage() + "; -D" + CRASH + "=" + state + " after" + states.around(state.point()), e);
            }
        }
        return chosen.size();
    }

    private void verifyState(CrashState state, Map<Path, byte[]> left, boolean askQemu, Path scratch)
            throws IOException {
        Map<Path, byte[]> files = left;
        if (isDirty(image(left))) {
            dirtyStates++;
            files = repaired(left);
            if (askQemu) {
                requireRepairByQemu(left, readAll(files), scratch);
            }
        }
        RefcountAudit.Report audit = RefcountAudit.of(image(files));
        if (askQemu) {
            compareVerdicts(audit, write(files, scratch));
        }
        if (!audit.leaksAtMost()) {
            throw new AssertionError("corrupt: " + audit.corruptions());
        }
        requireSoundLayers(files);
        byte[] found = readAll(files);
        history.at(state.point()).whatCrashForbidsOfDisk(found).ifPresent(fault -> {
            throw new AssertionError(fault);
        });
        if (rawFile != null) {
            byte[] raw = Arrays.copyOf(Objects.requireNonNull(files.get(rawFile)), found.length);
            ModelDisk allowed = rawIsExact ? ModelDisk.of(found) : history.at(state.point());
            allowed.whatCrashForbidsOfDisk(raw).ifPresent(fault -> {
                throw new AssertionError("raw: " + fault);
            });
        }
        if (askQemu) {
            ImageAssertions.assertThat(scratch.resolve(disk.file().getFileName()))
                    .holdsForQemu(ModelDisk.of(found));
        }
        if (random.nextInt(8) == 0) {
            liveOn(files, found);
        }
    }

    /** Work on the disk may have written to what lies below as well. */
    private void requireSoundLayers(Map<Path, byte[]> files) {
        files.forEach((path, content) -> {
            if (!path.equals(disk.file()) && isQcow2(content)) {
                RefcountAudit.Report audit = RefcountAudit.of(content);
                if (!audit.leaksAtMost()) {
                    throw new AssertionError(path.getFileName() + " is corrupt: " + audit);
                }
            }
        });
    }

    private static boolean isQcow2(byte[] content) {
        return content.length > DIRTY_BYTE && ByteBuffer.wrap(content).getInt() == QCOW2_MAGIC;
    }

    /** How many of the states so far were marked as dirty. */
    public int dirtyStates() {
        return dirtyStates;
    }

    private static boolean isDirty(byte[] image) {
        return image.length > DIRTY_BYTE && image[7] > 2 && (image[DIRTY_BYTE] & 1) != 0;
    }

    /** What opening for writing makes of a dirty image: one without any fault, also if the power goes meanwhile. */
    private Map<Path, byte[]> repaired(Map<Path, byte[]> left) throws IOException {
        CrashingHostFiles opened = new CrashingHostFiles(left);
        ImageEnvironment environment = TestImages.environment(opened);
        DiskImage.open(disk.file(), options.withReadOnly(false), environment).close();
        RefcountAudit.Report audit = RefcountAudit.of(opened.contentOf(disk.file()));
        if (!audit.clean()) {
            throw new AssertionError("not repaired: " + audit);
        }
        if (random.nextInt(2) == 0) {
            CrashStates during = new CrashStates(opened);
            CrashState second = during.choose(1, random).getFirst();
            Map<Path, byte[]> files = during.files(second);
            try {
                if (isDirty(image(files))) {
                    opened = new CrashingHostFiles(files);
                    DiskImage.open(disk.file(), options.withReadOnly(false), TestImages.environment(opened))
                            .close();
                }
                audit = RefcountAudit.of(opened.contentOf(disk.file()));
                if (!audit.clean()) {
                    throw new AssertionError("not repaired: " + audit);
                }
            } catch (IOException | AssertionError e) {
                throw new AssertionError(
                        "second crash at " + second + during.around(second.point()) + ": " + e.getMessage(), e);
            }
        }
        Map<Path, byte[]> files = new HashMap<>(left);
        files.put(disk.file(), opened.contentOf(disk.file()));
        return files;
    }

    private void requireRepairByQemu(Map<Path, byte[]> left, byte[] disk, Path scratch) throws IOException {
        Path file = write(left, scratch).resolve(this.disk.file().getFileName());
        QemuTools.edit(file, "read 0 512");
        if (!QemuTools.check(file).clean()) {
            throw new AssertionError("QEMU does not repair what was left: " + QemuTools.check(file));
        }
        ImageAssertions.assertThat(file).holdsForQemu(ModelDisk.of(disk));
    }

    private byte[] image(Map<Path, byte[]> files) {
        byte[] image = files.get(disk.file());
        if (image == null) {
            throw new IllegalStateException("the log knows no " + disk.file());
        }
        return image;
    }

    private byte[] readAll(Map<Path, byte[]> files) throws IOException {
        ImageEnvironment environment = TestImages.environment(new CrashingHostFiles(files));
        try (DiskImage image = DiskImage.open(disk.file(), options, environment)) {
            return TestImages.read(image, 0, Math.toIntExact(image.virtualSizeBytes()));
        }
    }

    /** What the crash left must be good enough to work on: leaks stay leaks. */
    private void liveOn(Map<Path, byte[]> files, byte[] found) throws IOException {
        CrashingHostFiles afterwards = new CrashingHostFiles(files);
        try (GuestSession guest = GuestSession.open(disk, options, afterwards, ModelDisk.of(found))) {
            new GuestOperations(guest, random, 8 * disk.clusterBytes()).run(20, SECOND_LIFE);
            guest.reopen();
            guest.read(0, guest.sizeBytes());
        }
        RefcountAudit.Report audit = RefcountAudit.of(afterwards.contentOf(disk.file()));
        if (!audit.leaksAtMost()) {
            throw new AssertionError("corrupt after going on: " + audit.corruptions());
        }
    }

    private static Path write(Map<Path, byte[]> files, Path scratch) throws IOException {
        for (Map.Entry<Path, byte[]> file : files.entrySet()) {
            Files.write(scratch.resolve(file.getKey().getFileName()), file.getValue());
        }
        return scratch;
    }

    private void compareVerdicts(RefcountAudit.Report audit, Path scratch) {
        QemuTools.CheckResult qemu = QemuTools.check(scratch.resolve(disk.file().getFileName()));
        if (qemu.leaksAtMost() != audit.leaksAtMost() || (audit.leaksAtMost() && qemu.leaks() != audit.leaks())) {
            throw new AssertionError("the audit says " + audit + ", but qemu-img " + qemu);
        }
    }
}
