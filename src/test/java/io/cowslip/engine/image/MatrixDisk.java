package io.cowslip.engine.image;

import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * A disk of one {@link MatrixCase}, made by QEMU in a folder of its own: created, written to, given its snapshot and its
 * bitmap, and written to again. Knows what the disk and the snapshot hold.
 */
final class MatrixDisk {
    static final String SNAPSHOT = "before";
    static final String BITMAP = "changes";
    private static final int ATTEMPTS = 40;

    private final MatrixCase wanted;
    private final Path folder;
    private final Path file;
    private final SplittableRandom random;
    private ModelDisk model;
    private byte @Nullable [] snapshotContent;

    private MatrixDisk(MatrixCase wanted, Path folder, SplittableRandom random, byte[] below) {
        this.wanted = wanted;
        this.folder = folder;
        this.file = folder.resolve("disk.qcow2");
        this.random = random;
        this.model = ModelDisk.over(below, wanted.sizeBytes());
    }

    static MatrixDisk make(MatrixCase wanted, Path folder, SplittableRandom random) throws IOException {
        byte[] below = makeBacking(wanted, folder, random);
        MatrixDisk disk = new MatrixDisk(wanted, folder, random, below);
        disk.create().succeeded();
        disk.lookAtNewDisk();
        disk.fill();
        return disk;
    }

    /** Whether QEMU creates such an image, and gives it its snapshot and bitmap. */
    static boolean isMadeByQemu(MatrixCase wanted, Path folder, SplittableRandom random) throws IOException {
        MatrixDisk disk = new MatrixDisk(wanted, folder, random, makeBacking(wanted, folder, random));
        return disk.create().exitCode() == 0
                && (!wanted.bitmap() || disk.addBitmap().exitCode() == 0)
                && (!wanted.snapshot() || disk.takeSnapshot().exitCode() == 0);
    }

    Path file() {
        return file;
    }

    ModelDisk model() {
        return model;
    }

    private static byte[] makeBacking(MatrixCase wanted, Path folder, SplittableRandom random) throws IOException {
        if (wanted.backing() == MatrixCase.Backing.NONE) {
            return new byte[0];
        }
        byte[] content = RandomData.disk(random, wanted.sizeBytes() / 1024 * 512);
        Path raw = Files.write(folder.resolve("base.raw"), content);
        if (wanted.backing() == MatrixCase.Backing.QCOW2) {
            QemuTools.convert(raw, "raw", folder.resolve("base.qcow2"), "qcow2");
        }
        return content;
    }

    /** LUKS measures its own speed with a clock so coarse that it fails now and then. */
    private Processes.Output create() {
        List<String> arguments = new ArrayList<>(List.of("create", "-q", "-f", "qcow2"));
        if (wanted.encryption() != MatrixCase.Encryption.NONE) {
            arguments.addAll(List.of("--object", MatrixCase.SECRET_OBJECT));
        }
        if (wanted.backing() != MatrixCase.Backing.NONE) {
            String format = wanted.backing() == MatrixCase.Backing.RAW ? "raw" : "qcow2";
            arguments.addAll(List.of("-b", "base." + format, "-F", format));
        }
        String options = wanted.createOptions();
        if (wanted.dataFile() != MatrixCase.DataFile.NONE) {
            // The data file is made where the tool runs, and found beside the image later.
            options = options.replace("data_file=disk.data", "data_file=" + folder.resolve("disk.data"));
        }
        arguments.addAll(List.of("-o", options, file.toString(), String.valueOf(wanted.sizeBytes())));
        Processes.Output output = img(arguments);
        for (int attempt = 1; attempt < ATTEMPTS && output.err().contains("CPU usage"); attempt++) {
            output = img(arguments);
        }
        return output;
    }

    /** Clusters that are there from the start hold zeros, and an encrypted disk reads those as noise. */
    private void lookAtNewDisk() throws IOException {
        boolean placed =
                wanted.preallocation() != MatrixCase.Preallocation.OFF || wanted.dataFile() == MatrixCase.DataFile.RAW;
        if (wanted.encryption() != MatrixCase.Encryption.NONE && placed) {
            Path raw = folder.resolve("new.raw");
            onImage(List.of("convert", "-O", "raw"), List.of(raw.toString())).succeeded();
            model = ModelDisk.of(Files.readAllBytes(raw));
        }
    }

    private void fill() {
        if (wanted.bitmap()) {
            addBitmap().succeeded();
        }
        if (wanted.snapshot() && wanted.snapshotComesFirst()) {
            rememberSnapshot();
        }
        write(wanted.dataFile() == MatrixCase.DataFile.NONE && wanted.preallocation() == MatrixCase.Preallocation.OFF);
        if (wanted.snapshot() && !wanted.snapshotComesFirst()) {
            rememberSnapshot();
        }
        write(false);
        model.flushed();
    }

    private void rememberSnapshot() {
        takeSnapshot().succeeded();
        snapshotContent = model.read(0, model.sizeBytes());
    }

    private Processes.Output takeSnapshot() {
        return onImage("snapshot", "-c", SNAPSHOT);
    }

    private Processes.Output addBitmap() {
        return onImage(List.of("bitmap", "--add"), List.of(BITMAP));
    }

    /** A compressed cluster first, if any: QEMU compresses only into what has nothing yet. */
    private void write(boolean compressed) {
        List<String> commands = new ArrayList<>();
        int cluster = wanted.clusterBytes();
        if (compressed) {
            int first = random.nextInt(model.sizeBytes() / cluster);
            commands.add(fill("write -c", first * cluster, cluster));
        }
        for (int i = 0; i < 3; i++) {
            int length = 512 * random.nextInt(1, 1 + Math.min(model.sizeBytes(), 4 * cluster) / 512);
            int offset = 512 * random.nextInt(1 + (model.sizeBytes() - length) / 512);
            if (random.nextInt(3) == 0) {
                commands.add("write -z " + (random.nextBoolean() ? "-u " : "") + offset + " " + length);
                model.zero(offset, length);
            } else {
                commands.add(fill("write", offset, length));
            }
        }
        Processes.Output output = io(commands).succeeded();
        if (output.out().contains("failed") || output.err().contains("failed")) {
            throw new AssertionError(output.out() + output.err());
        }
    }

    private String fill(String command, int offset, int length) {
        int value = random.nextInt(1, 256);
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) value);
        model.write(offset, data);
        return command + " -P " + value + " " + offset + " " + length;
    }

    /** Insists that QEMU finds the image sound, its disk as the model has it, and snapshot and bitmap still there. */
    void requireSoundForQemu() throws IOException {
        Processes.Output check = onImage("check");
        if (check.exitCode() != 0) {
            throw new AssertionError("qemu-img check: " + check.out() + check.err());
        }
        Path raw = Files.write(folder.resolve("model.raw"), model.read(0, model.sizeBytes()));
        compareWith(raw);
        requireSnapshot();
        requireBitmap();
    }

    private void compareWith(Path raw) {
        List<String> arguments = new ArrayList<>(List.of("compare", "--image-opts"));
        addSecret(arguments);
        arguments.addAll(List.of(imageOptions(), "driver=raw,file.filename=" + raw));
        Processes.Output output = img(arguments);
        if (output.exitCode() != 0 || output.out().contains("Warning")) {
            throw new AssertionError("qemu-img compare: " + output.out() + output.err());
        }
    }

    private void requireSnapshot() throws IOException {
        if (snapshotContent == null) {
            return;
        }
        Path raw = folder.resolve("snapshot.raw");
        onImage(List.of("convert", "-l", "snapshot.name=" + SNAPSHOT, "-O", "raw"), List.of(raw.toString()))
                .succeeded();
        int at = Arrays.mismatch(Files.readAllBytes(raw), snapshotContent);
        if (at >= 0) {
            throw new AssertionError("the snapshot differs at byte " + at);
        }
    }

    private void requireBitmap() {
        if (!wanted.bitmap()) {
            return;
        }
        String info = onImage("info", "--output=json").succeeded().out();
        if (!info.contains(BITMAP) || wanted.isWritable() && info.contains("in-use")) {
            throw new AssertionError("the bitmap is gone or in use: " + info);
        }
    }

    private Processes.Output onImage(String... arguments) {
        return onImage(List.of(arguments), List.of());
    }

    private Processes.Output onImage(List<String> before, List<String> behind) {
        List<String> arguments = new ArrayList<>(before);
        addSecret(arguments);
        arguments.addAll(List.of("--image-opts", imageOptions()));
        arguments.addAll(behind);
        return img(arguments);
    }

    private Processes.Output io(List<String> commands) {
        List<String> arguments = new ArrayList<>();
        addSecret(arguments);
        for (String command : commands) {
            arguments.addAll(List.of("-c", command));
        }
        arguments.addAll(List.of("--image-opts", imageOptions()));
        return QemuTools.io(arguments);
    }

    private void addSecret(List<String> arguments) {
        if (wanted.encryption() != MatrixCase.Encryption.NONE) {
            arguments.addAll(List.of("--object", MatrixCase.SECRET_OBJECT));
        }
    }

    private String imageOptions() {
        return "driver=qcow2,file.filename=" + file
                + (wanted.encryption() == MatrixCase.Encryption.NONE ? "" : ",encrypt.key-secret=key");
    }

    private static Processes.Output img(List<String> arguments) {
        return QemuTools.img(arguments.toArray(String[]::new));
    }
}
