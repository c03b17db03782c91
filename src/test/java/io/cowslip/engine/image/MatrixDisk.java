package io.cowslip.engine.image;

import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.RandomData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * A disk of one {@link MatrixCase}, made by QEMU: a copy of what {@code qemu-img create} made, written to, given its
 * snapshot and its bitmap, and written to again. Knows what the disk and the snapshot hold.
 */
public final class MatrixDisk {
    private final MatrixCase wanted;
    private final MatrixTools tools;
    private final SplittableRandom random;
    private final ModelDisk model;
    private byte @Nullable [] snapshotContent;
    private byte @Nullable [] trackedContent;

    private MatrixDisk(MatrixCase wanted, MatrixTools tools, SplittableRandom random, ModelDisk model) {
        this.wanted = wanted;
        this.tools = tools;
        this.random = random;
        this.model = model;
    }

    /** What {@code qemu-img create} makes of a combination, to be copied for each that is created alike. */
    public static final class Created {
        private final MatrixCase wanted;
        private final Path folder;
        private final MatrixTools tools;
        private final byte[] content;

        /** Creates it in {@code folder}. */
        public Created(MatrixCase wanted, Path folder, SplittableRandom random) throws IOException {
            this.wanted = wanted;
            this.folder = folder;
            this.tools = new MatrixTools(wanted, folder);
            byte[] below = makeBacking(wanted, folder, random);
            create(wanted, folder).succeeded();
            content = contentOver(below);
            move(tools.image(), folder.resolve("new.qcow2"));
            move(tools.dataFile(), folder.resolve("new.data"));
        }

        /** Clusters that are there from the start hold zeros, and an encrypted disk reads those as noise. */
        private byte[] contentOver(byte[] below) throws IOException {
            boolean placed = wanted.preallocation() != MatrixCase.Preallocation.OFF
                    || wanted.dataFile() == MatrixCase.DataFile.RAW;
            if (wanted.encryption() == MatrixCase.Encryption.NONE || !placed) {
                return Arrays.copyOf(below, wanted.sizeBytes());
            }
            Path raw = folder.resolve("new.raw");
            tools.onImage(List.of("convert", "-O", "raw"), List.of(raw.toString()))
                    .succeeded();
            return Files.readAllBytes(raw);
        }

        private void copy() throws IOException {
            copy(folder.resolve("new.qcow2"), tools.image());
            copy(folder.resolve("new.data"), tools.dataFile());
        }

        private static void move(Path from, Path to) throws IOException {
            if (Files.exists(from)) {
                Files.move(from, to);
            }
        }

        private static void copy(Path from, Path to) throws IOException {
            if (Files.exists(from)) {
                Files.copy(from, to, StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }

    /** Makes a disk in the folder of {@code created}, in the place of the one before. */
    public static MatrixDisk make(Created created, MatrixCase wanted, SplittableRandom random) throws IOException {
        created.copy();
        MatrixTools tools = new MatrixTools(wanted, created.folder);
        MatrixDisk disk = new MatrixDisk(wanted, tools, random, ModelDisk.of(created.content));
        disk.fill();
        return disk;
    }

    /** Whether QEMU creates such an image, and gives it its snapshot and bitmap. */
    static boolean isMadeByQemu(MatrixCase wanted, Path folder, SplittableRandom random) throws IOException {
        makeBacking(wanted, folder, random);
        MatrixTools tools = new MatrixTools(wanted, folder);
        return create(wanted, folder).exitCode() == 0
                && (!wanted.bitmap() || tools.addBitmap().exitCode() == 0)
                && (!wanted.snapshot() || tools.takeSnapshot().exitCode() == 0);
    }

    public MatrixTools tools() {
        return tools;
    }

    ModelDisk model() {
        return model;
    }

    /** What the disk must hold after changes that {@link #model} knows. */
    public MatrixTools.Contents contents() {
        return new MatrixTools.Contents(model, snapshotContent, trackedContent);
    }

    /** Makes the backing file, if there is to be one, half as long as the disk; returns what it holds. */
    static byte[] makeBacking(MatrixCase wanted, Path folder, SplittableRandom random) throws IOException {
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

    private static Processes.Output create(MatrixCase wanted, Path folder) {
        List<String> arguments = new ArrayList<>(List.of("-q", "-f", "qcow2"));
        if (wanted.encryption() != MatrixCase.Encryption.NONE) {
            arguments.addAll(List.of("--object", MatrixCase.SECRET_OBJECT));
        }
        if (wanted.backing() != MatrixCase.Backing.NONE) {
            String format = wanted.backing() == MatrixCase.Backing.RAW ? "raw" : "qcow2";
            arguments.addAll(List.of("-b", "base." + format, "-F", format));
        }
        // The data file is made where the tool runs, and found beside the image later.
        String options = wanted.createOptions()
                .replace(
                        "data_file=" + MatrixCase.DATA_FILE, "data_file=" + new MatrixTools(wanted, folder).dataFile());
        arguments.addAll(List.of(
                "-o", options, new MatrixTools(wanted, folder).image().toString(), String.valueOf(wanted.sizeBytes())));
        if (wanted.encryption() == MatrixCase.Encryption.LUKS) {
            return QemuTools.createEncrypted(arguments);
        }
        arguments.addFirst("create");
        return QemuTools.img(arguments.toArray(String[]::new));
    }

    private void fill() {
        if (wanted.bitmap()) {
            tools.addBitmap().succeeded();
            trackedContent = model.read(0, model.sizeBytes());
        }
        if (wanted.snapshot() && wanted.snapshotComesFirst()) {
            rememberSnapshot();
        }
        List<String> commands = writes(wanted.dataFile() == MatrixCase.DataFile.NONE
                && wanted.preallocation() == MatrixCase.Preallocation.OFF);
        if (wanted.snapshot() && !wanted.snapshotComesFirst()) {
            tools.io(commands);
            commands.clear();
            rememberSnapshot();
        }
        commands.addAll(writes(false));
        tools.io(commands);
        model.flushed();
    }

    private void rememberSnapshot() {
        tools.takeSnapshot().succeeded();
        snapshotContent = model.read(0, model.sizeBytes());
    }

    /** A compressed cluster first, if any: QEMU compresses only into what has nothing yet. */
    private List<String> writes(boolean compressed) {
        List<String> commands = new ArrayList<>();
        int cluster = wanted.clusterBytes();
        if (compressed) {
            int first = random.nextInt(model.sizeBytes() / cluster);
            commands.add(fill("write -c", first * cluster, cluster));
        }
        for (int i = 0; i < 3; i++) {
            int length = 512 * random.nextInt(1, 1 + Math.min(model.sizeBytes(), wanted.longestBytes()) / 512);
            int offset = 512 * random.nextInt(1 + (model.sizeBytes() - length) / 512);
            if (random.nextInt(3) == 0) {
                commands.add("write -z " + (random.nextBoolean() ? "-u " : "") + offset + " " + length);
                model.zero(offset, length);
            } else {
                commands.add(fill("write", offset, length));
            }
        }
        return commands;
    }

    private String fill(String command, int offset, int length) {
        int value = random.nextInt(1, 256);
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) value);
        model.write(offset, data);
        return command + " -P " + value + " " + offset + " " + length;
    }
}
