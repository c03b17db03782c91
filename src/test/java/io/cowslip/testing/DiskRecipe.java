package io.cowslip.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * How to make a qcow2 image and what lies below it with QEMU's tools, and what its disk then holds.
 *
 * @param sizeBytes size of the disk, a multiple of 512
 * @param edits how many writes of all kinds QEMU does to the image itself
 * @param dataFile where the disk's bytes go
 * @param layers what lies below, from the bottom up; empty for nothing
 */
public record DiskRecipe(
        int clusterBytes,
        int version,
        int refcountBits,
        Compression compression,
        int sizeBytes,
        int edits,
        DataFile dataFile,
        List<Layer> layers) {

    /** The name of an external data file, beside the image. */
    public static final String DATA_FILE = "disk.data";

    /** Named as the option {@code compression_type} wants it. */
    public enum Compression {
        ZLIB("zlib"),
        ZSTD("zstd");

        private final String option;

        Compression(String option) {
            this.option = option;
        }
    }

    /** Where the bytes are that no layer below has. */
    public enum DataFile {
        NONE(""),
        EXTERNAL(",data_file=" + DATA_FILE),
        RAW(EXTERNAL.options + ",data_file_raw=on");

        private final String options;

        DataFile(String options) {
            this.options = options;
        }
    }

    /** A disk with its bytes in its own file. */
    public DiskRecipe(
            int clusterBytes,
            int version,
            int refcountBits,
            Compression compression,
            int sizeBytes,
            int edits,
            List<Layer> layers) {
        this(clusterBytes, version, refcountBits, compression, sizeBytes, edits, DataFile.NONE, layers);
    }

    /** One file below; {@code clusterBytes} is 0 for raw. Only the bottom layer may be raw. */
    public record Layer(int clusterBytes, int sizeBytes, boolean compressed) {
        private String format() {
            return clusterBytes == 0 ? "raw" : "qcow2";
        }
    }

    /** A disk, and the model of what it holds. */
    public record Made(GuestSession.Disk disk, ModelDisk model) {}

    public static DiskRecipe plain(int clusterBytes, int sizeBytes, int edits) {
        return new DiskRecipe(clusterBytes, 3, 16, Compression.ZLIB, sizeBytes, edits, List.of());
    }

    public DiskRecipe withVersion(int otherVersion) {
        return new DiskRecipe(
                clusterBytes, otherVersion, refcountBits, compression, sizeBytes, edits, dataFile, layers);
    }

    public DiskRecipe withDataFile(DataFile other) {
        return new DiskRecipe(clusterBytes, version, refcountBits, compression, sizeBytes, edits, other, layers);
    }

    public DiskRecipe withRefcountBits(int bits) {
        return new DiskRecipe(clusterBytes, version, bits, compression, sizeBytes, edits, dataFile, layers);
    }

    public DiskRecipe over(Layer... below) {
        return new DiskRecipe(
                clusterBytes, version, refcountBits, compression, sizeBytes, edits, dataFile, List.of(below));
    }

    /** Makes the files in {@code folder}; the image itself is {@code disk.qcow2}. */
    public Made make(Path folder, SplittableRandom random) throws IOException {
        byte[] below = new byte[0];
        Path lower = null;
        String lowerFormat = "";
        for (int i = 0; i < layers.size(); i++) {
            Layer layer = layers.get(i);
            Path file = folder.resolve("layer" + i + "." + layer.format());
            below = lower == null
                    ? makeBottom(layer, file, random)
                    : makeMiddle(layer, file, lower, lowerFormat, below, random);
            lower = file;
            lowerFormat = layer.format();
        }
        Path image = folder.resolve("disk.qcow2");
        String options = "cluster_size=" + clusterBytes + ",compat=" + (version == 2 ? "0.10" : "1.1")
                + ",refcount_bits=" + refcountBits
                + (compression == Compression.ZLIB ? "" : ",compression_type=" + compression.option)
                + dataFileOption(folder);
        if (lower == null) {
            QemuTools.create(image, sizeBytes, options);
        } else {
            QemuTools.createOver(image, lower.getFileName().toString(), lowerFormat, sizeBytes, options);
        }
        ModelDisk model = ModelDisk.over(below, sizeBytes);
        edit(image, clusterBytes, edits, dataFile == DataFile.NONE, model, random);
        model.flushed();
        return new Made(new GuestSession.Disk(image, clusterBytes, version == 2 && !layers.isEmpty()), model);
    }

    /** QEMU makes the data file where it is told, and stores the name so. */
    private String dataFileOption(Path folder) {
        return dataFile.options.replace(DATA_FILE, folder.resolve(DATA_FILE).toString());
    }

    private static byte[] makeBottom(Layer layer, Path file, SplittableRandom random) throws IOException {
        byte[] content = RandomData.disk(random, layer.sizeBytes);
        if (layer.clusterBytes == 0) {
            Files.write(file, content);
            return content;
        }
        Path raw = Files.write(file.resolveSibling("content.raw"), content);
        String options = "cluster_size=" + layer.clusterBytes;
        if (layer.compressed) {
            QemuTools.convert(raw, "raw", file, "qcow2", "-c", "-o", options);
        } else {
            QemuTools.convert(raw, "raw", file, "qcow2", "-o", options);
        }
        Files.delete(raw);
        return content;
    }

    private static byte[] makeMiddle(
            Layer layer, Path file, Path lower, String lowerFormat, byte[] below, SplittableRandom random) {
        String name = lower.getFileName().toString();
        QemuTools.createOver(file, name, lowerFormat, layer.sizeBytes, "cluster_size=" + layer.clusterBytes);
        ModelDisk model = ModelDisk.over(below, layer.sizeBytes);
        edit(file, layer.clusterBytes, 6, true, model, random);
        return model.read(0, layer.sizeBytes);
    }

    /** Has qemu-io write compressed, plain and zeroed clusters, to the model as well. */
    private static void edit(
            Path image, int clusterBytes, int edits, boolean compressing, ModelDisk model, SplittableRandom random) {
        List<String> commands = new ArrayList<>();
        // QEMU compresses only into clusters that have nothing yet: first of all, and each but once.
        int wholeClusters = compressing ? model.sizeBytes() / clusterBytes : 0;
        random.ints(edits / 3, 0, Math.max(1, wholeClusters))
                .distinct()
                .filter(cluster -> cluster < wholeClusters)
                .forEach(
                        cluster -> commands.add(fill("write -c", cluster * clusterBytes, clusterBytes, model, random)));
        for (int i = edits / 3; i < edits; i++) {
            int length = 512 * random.nextInt(1, Math.max(2, Math.min(model.sizeBytes(), 5 * clusterBytes) / 512));
            int offset = random.nextInt((model.sizeBytes() - length) / 512 + 1) * 512;
            if (random.nextInt(3) == 0) {
                commands.add("write -z " + offset + " " + length);
                model.zero(offset, length);
            } else {
                commands.add(fill("write", offset, length, model, random));
            }
        }
        if (!commands.isEmpty()) {
            QemuTools.edit(image, commands.toArray(String[]::new));
        }
    }

    private static String fill(String command, int offset, int length, ModelDisk model, SplittableRandom random) {
        int value = random.nextInt(1, 256);
        byte[] data = new byte[length];
        Arrays.fill(data, (byte) value);
        model.write(offset, data);
        return command + " -P " + value + " " + offset + " " + length;
    }
}
