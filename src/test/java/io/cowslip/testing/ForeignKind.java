package io.cowslip.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/** Images of other hypervisors' formats, as {@code qemu-img} makes them: every subformat, with the options that matter. */
public enum ForeignKind {
    VDI("vdi", "", true),
    VDI_STATIC("vdi", "static=on", true),
    VPC("vpc", "subformat=dynamic", true),
    VPC_EXACT("vpc", "subformat=dynamic,force_size=on", true),
    VPC_FIXED("vpc", "subformat=fixed", false),
    VPC_FIXED_EXACT("vpc", "subformat=fixed,force_size=on", false),
    VMDK("vmdk", "subformat=monolithicSparse", true),
    VMDK_ZEROED("vmdk", "subformat=monolithicSparse,zeroed_grain=on", true),
    VMDK_COMPAT6("vmdk", "subformat=monolithicSparse,compat6=on", true),
    VMDK_FLAT("vmdk", "subformat=monolithicFlat", false),
    VMDK_SPLIT("vmdk", "subformat=twoGbMaxExtentSparse", false),
    VMDK_SPLIT_FLAT("vmdk", "subformat=twoGbMaxExtentFlat", false),
    VMDK_STREAM("vmdk", "subformat=streamOptimized", true),
    VHDX("vhdx", "subformat=dynamic", true),
    VHDX_SMALL_BLOCKS("vhdx", "subformat=dynamic,block_size=1M", true),
    VHDX_ZERO_BLOCKS("vhdx", "subformat=dynamic,block_size=2M,block_state_zero=off", true),
    VHDX_FIXED("vhdx", "subformat=fixed,block_size=1M", true);

    private static final int SECTOR = 512;

    private final String format;
    private final String options;
    private final boolean knownByContent;

    ForeignKind(String format, String options, boolean knownByContent) {
        this.format = format;
        this.options = options;
        this.knownByContent = knownByContent;
    }

    /** An image and what its guest reads. */
    public record Made(Path file, byte[] disk) {

        /** The files that hold the disk besides the image itself. */
        public List<Path> extents() throws IOException {
            try (Stream<Path> files = Files.list(file.getParent())) {
                return files.filter(other -> other.getFileName().toString().startsWith("image-"))
                        .sorted()
                        .toList();
            }
        }
    }

    /** As QEMU names it. */
    public String format() {
        return format;
    }

    /** Whether the image is opened without a word about its format. */
    public boolean knownByContent() {
        return knownByContent;
    }

    /** Makes an image of a disk of at most {@code maxBytes}: converted from a raw one, or written to by a guest. */
    public Made make(Path folder, SplittableRandom random, int maxBytes) throws IOException {
        Files.createDirectories(folder);
        Path image = folder.resolve("image." + format);
        int sizeBytes = SECTOR * random.nextInt(1, maxBytes / SECTOR + 1);
        return this == VMDK_STREAM || random.nextBoolean()
                ? converted(folder, image, random, sizeBytes)
                : written(image, random, sizeBytes);
    }

    private Made converted(Path folder, Path image, SplittableRandom random, int sizeBytes) throws IOException {
        byte[] disk = RandomData.disk(random, sizeBytes);
        Path raw = Files.write(folder.resolve("source.raw"), disk);
        List<String> arguments = new ArrayList<>(List.of("convert", "-f", "raw", "-O", format));
        addOptions(arguments);
        arguments.addAll(List.of(raw.toString(), image.toString()));
        QemuTools.img(arguments.toArray(String[]::new)).succeeded();
        Files.delete(raw);
        return new Made(image, Arrays.copyOf(disk, size(image)));
    }

    private Made written(Path image, SplittableRandom random, int sizeBytes) {
        create(image, sizeBytes);
        byte[] disk = new byte[size(image)];
        List<String> commands = new ArrayList<>();
        for (int count = random.nextInt(8); count > 0; count--) {
            int from = random.nextInt(sizeBytes / SECTOR) * SECTOR;
            int length = SECTOR * random.nextInt(1, Math.min((sizeBytes - from) / SECTOR, 4096) + 1);
            int pattern = random.nextInt(256);
            commands.add(
                    pattern < 64
                            ? "write -z " + from + " " + length
                            : "write -P " + pattern + " " + from + " " + length);
            Arrays.fill(disk, from, from + length, (byte) (pattern < 64 ? 0 : pattern));
        }
        if (!commands.isEmpty()) {
            Processes.Output output =
                    QemuTools.io(format, image, commands.toArray(String[]::new)).succeeded();
            if (output.out().contains("failed") || output.err().contains("failed")) {
                throw new AssertionError(output.out() + output.err());
            }
        }
        return new Made(image, disk);
    }

    /** Makes an empty image. */
    public Path create(Path image, long sizeBytes) {
        List<String> arguments = new ArrayList<>(List.of("create", "-q", "-f", format));
        addOptions(arguments);
        arguments.addAll(List.of(image.toString(), Long.toString(sizeBytes)));
        QemuTools.img(arguments.toArray(String[]::new)).succeeded();
        return image;
    }

    private void addOptions(List<String> arguments) {
        if (!options.isEmpty()) {
            arguments.addAll(List.of("-o", options));
        }
    }

    /** VHD rounds sizes up to a geometry. */
    private int size(Path image) {
        return Math.toIntExact(
                QemuTools.info(format, image).path("virtual-size").asLong());
    }
}
