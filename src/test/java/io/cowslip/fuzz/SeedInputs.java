package io.cowslip.fuzz;

import io.cowslip.engine.codec.ClusterCodec;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.format.LuksHeader;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** Sound inputs of each target, for a fuzzer to begin with: it finds what is near them, and would find few of them alone. */
final class SeedInputs {
    private static final int HEADER_BYTES = 4096;
    private static final int COMPRESSED_CLUSTERS = 6;

    private final Path folder;
    private @Nullable List<byte[]> images;

    /** @param folder for files that are made on the way */
    SeedInputs(Path folder) {
        this.folder = folder;
    }

    private List<byte[]> images() throws IOException {
        List<byte[]> made = images;
        if (made == null) {
            made = SmallImages.make(Files.createDirectories(folder.resolve("qcow2")));
            images = made;
        }
        return made;
    }

    /** Inputs of the target of this name. */
    List<byte[]> of(String target) throws IOException {
        return switch (target) {
            case "header" -> headers();
            case "image", "repair" -> images();
            case "write" -> writes();
            case "snapshots" -> snapshotTables();
            case "bitmaps" -> bitmapDirectories();
            case "compressed" -> compressedClusters();
            case "luks" -> luksHeaders();
            case "upload" -> uploads();
            case "vmdk", "vhdx", "vpc", "vdi" -> SmallForeignImages.make(target, folder.resolve(target));
            case "http-headers", "upload-headers", "json-bodies", "job-bodies" -> texts(target + ".txt");
            default -> throw new IllegalArgumentException(target);
        };
    }

    private List<byte[]> headers() throws IOException {
        List<byte[]> inputs = new ArrayList<>();
        for (byte[] image : images()) {
            inputs.add(prefixed(2, Arrays.copyOf(image, Math.min(HEADER_BYTES, image.length))));
        }
        return inputs;
    }

    private List<byte[]> writes() throws IOException {
        SplittableRandom random = new SplittableRandom(1);
        List<byte[]> inputs = new ArrayList<>();
        for (byte[] image : images()) {
            byte[] operations = new byte[WriteTarget.PREFIX_BYTES];
            random.nextBytes(operations);
            inputs.add(joined(operations, image));
        }
        return inputs;
    }

    private List<byte[]> snapshotTables() throws IOException {
        List<byte[]> inputs = new ArrayList<>();
        for (byte[] image : images()) {
            ByteBuffer numbers = ByteBuffer.wrap(image);
            int count = numbers.getInt(60);
            if (count > 0) {
                int offset = Math.toIntExact(numbers.getLong(64));
                byte[] table = Arrays.copyOfRange(image, offset, Math.min(image.length, offset + 2048));
                inputs.add(joined(new byte[] {0, (byte) count, 0}, table));
            }
        }
        return inputs;
    }

    private List<byte[]> bitmapDirectories() throws IOException {
        List<byte[]> inputs = new ArrayList<>();
        for (byte[] image : images()) {
            ImageHeader header = ImageHeader.parse(MemorySegment.ofArray(image), image.length);
            var directory = header.bitmapDirectory(image.length);
            if (directory != null) {
                int offset = Math.toIntExact(directory.hostOffset());
                inputs.add(
                        prefixed(directory.count(), Arrays.copyOfRange(image, offset, offset + directory.sizeBytes())));
            }
        }
        return inputs;
    }

    private static List<byte[]> compressedClusters() {
        SplittableRandom random = new SplittableRandom(1);
        List<byte[]> inputs = new ArrayList<>();
        try (Arena arena = Arena.ofConfined()) {
            for (int index = 0; index < COMPRESSED_CLUSTERS; index++) {
                boolean zstd = (index & 1) != 0;
                MemorySegment cluster = arena.allocate(512L << (index / 2));
                for (long at = 0; at < cluster.byteSize(); at++) {
                    cluster.set(ValueLayout.JAVA_BYTE, at, (byte) (random.nextInt(3) * (at / 16)));
                }
                MemorySegment payload = arena.allocate(cluster.byteSize());
                try (ClusterCodec codec =
                        ClusterCodec.of(zstd ? ImageHeader.COMPRESSION_ZSTD : ImageHeader.COMPRESSION_ZLIB)) {
                    int length = codec.encode(cluster, payload);
                    inputs.add(prefixed(index, payload.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE)));
                }
            }
        }
        return inputs;
    }

    private static List<byte[]> luksHeaders() {
        List<byte[]> inputs = new ArrayList<>();
        for (String[] names : new String[][] {
            {"aes", "xts-plain64", "sha256"}, {"aes", "cbc-essiv:sha256", "sha1"}, {"serpent", "xts-plain64", "sha512"}
        }) {
            List<LuksHeader.KeySlot> slots = new ArrayList<>();
            for (int slot = 0; slot < LuksHeader.SLOTS; slot++) {
                slots.add(new LuksHeader.KeySlot(
                        slot < 2,
                        slot < 2 ? 5 : 0,
                        MemorySegment.ofArray(new byte[LuksHeader.SALT_BYTES]),
                        8 + slot * 512,
                        LuksHeader.STRIPES));
            }
            inputs.add(new LuksHeader(
                            names[0],
                            names[1],
                            names[2],
                            4096,
                            names[1].startsWith("xts") ? 64 : 32,
                            MemorySegment.ofArray(new byte[LuksHeader.DIGEST_BYTES]),
                            MemorySegment.ofArray(new byte[LuksHeader.SALT_BYTES]),
                            5,
                            "5f3c5d1e-1111-2222-3333-444455556666",
                            slots)
                    .toBytes());
        }
        return inputs;
    }

    private List<byte[]> uploads() throws IOException {
        List<byte[]> inputs = new ArrayList<>();
        for (byte[] image : images()) {
            inputs.add(prefixed(0, image));
        }
        for (String format : List.of("vmdk", "vpc", "vdi")) {
            for (byte[] image : of(format)) {
                inputs.add(prefixed(0, Arrays.copyOf(image, Math.min(image.length, 4096))));
            }
        }
        return inputs;
    }

    /** Lines of a resource; the numbers before a line's first space are the input's first bytes, where there are any. */
    private static List<byte[]> texts(String name) throws IOException {
        List<byte[]> inputs = new ArrayList<>();
        for (String line : Files.readAllLines(FuzzResources.file(name))) {
            String[] parts = line.split(" ", 2);
            byte[] prefix = new byte[parts[0].equals("-") ? 0 : parts[0].split(",").length];
            int index = 0;
            for (String number : prefix.length == 0 ? new String[0] : parts[0].split(",")) {
                prefix[index++] = Byte.parseByte(number);
            }
            inputs.add(joined(prefix, parts[1].getBytes(StandardCharsets.ISO_8859_1)));
        }
        return Collections.unmodifiableList(inputs);
    }

    private static byte[] prefixed(int first, byte[] rest) {
        return joined(new byte[] {(byte) first}, rest);
    }

    private static byte[] joined(byte[] first, byte[] rest) {
        byte[] all = Arrays.copyOf(first, first.length + rest.length);
        System.arraycopy(rest, 0, all, first.length, rest.length);
        return all;
    }
}
