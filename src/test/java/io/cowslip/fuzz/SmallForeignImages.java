package io.cowslip.fuzz;

import io.cowslip.testing.ForeignKind;
import io.cowslip.testing.QemuTools;
import io.cowslip.testing.VhdxLogImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Sound images of other hypervisors' formats, as their targets take them. */
final class SmallForeignImages {
    private static final int BEGINNING_BYTES = 2048;
    private static final int LOG_BYTES = 48 << 10;
    private static final int MOST_VMDK_BYTES = 160 << 10;

    private SmallForeignImages() {}

    static List<byte[]> make(String format, Path folder) throws IOException {
        Files.createDirectories(folder);
        List<byte[]> inputs = new ArrayList<>();
        for (ForeignKind kind : ForeignKind.values()) {
            if (kind.format().equals(format)) {
                Path image = kind.create(folder.resolve(kind.name().toLowerCase(java.util.Locale.ROOT)), 3 << 20);
                if (kind != ForeignKind.VMDK_STREAM) {
                    QemuTools.io(format, image, "write -P 5 0 4096").succeeded();
                }
                inputs.addAll(inputs(format, image));
            }
        }
        if (format.equals("vmdk")) {
            inputs.add(streamOptimized(folder));
            inputs.add(("# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n"
                            + "createType=\"twoGbMaxExtentFlat\"\nRW 64 FLAT \"flat\" 0\nRW 32 ZERO\nRW 64 FLAT \"flat\" 64\n")
                    .getBytes(StandardCharsets.US_ASCII));
        }
        return inputs;
    }

    private static List<byte[]> inputs(String format, Path image) throws IOException {
        byte[] file = Files.readAllBytes(image);
        return switch (format) {
            case "vhdx" -> vhdx(image);
            case "vmdk" -> file.length > MOST_VMDK_BYTES ? List.of() : List.of(file);
            case "vpc" -> List.of(vpc(file));
            default -> List.of(Arrays.copyOf(file, BEGINNING_BYTES));
        };
    }

    /** The footer of a fixed image is at its end only. */
    private static byte[] vpc(byte[] file) {
        boolean dynamic = file[0] == 'c' && file[1] == 'o';
        return dynamic
                ? Arrays.copyOf(file, BEGINNING_BYTES)
                : Arrays.copyOfRange(file, file.length - 512, file.length);
    }

    private static List<byte[]> vhdx(Path image) throws IOException {
        List<byte[]> inputs = new ArrayList<>();
        inputs.add(parts(Files.readAllBytes(image), 0));
        for (int seed = 0; seed < 3; seed++) {
            VhdxLogImage.move(image, new SplittableRandom(seed), VhdxTarget.BLOCKS.hostOffset());
            inputs.add(parts(Files.readAllBytes(image), LOG_BYTES));
        }
        return inputs;
    }

    private static byte[] parts(byte[] file, int logBytes) {
        ByteArrayOutputStream parts = new ByteArrayOutputStream();
        for (VhdxTarget.Part part : VhdxTarget.PARTS) {
            parts.write(file, (int) part.hostOffset(), part.lengthBytes());
        }
        parts.write(file, 1 << 20, logBytes);
        return parts.toByteArray();
    }

    private static byte[] streamOptimized(Path folder) throws IOException {
        byte[] disk = new byte[200 << 10];
        Arrays.fill(disk, 0, 5000, (byte) 3);
        Path raw = Files.write(folder.resolve("raw"), disk);
        Path image = folder.resolve("stream");
        QemuTools.img(
                        "convert",
                        "-f",
                        "raw",
                        "-O",
                        "vmdk",
                        "-o",
                        "subformat=streamOptimized",
                        raw.toString(),
                        image.toString())
                .succeeded();
        return Files.readAllBytes(image);
    }
}
