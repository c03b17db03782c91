package io.cowslip.engine.image;

import io.cowslip.testing.ModelDisk;
import io.cowslip.testing.Processes;
import io.cowslip.testing.QemuTools;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** QEMU's tools on the disk of one {@link MatrixCase}: with its passphrase, if it has one, and its data file. */
public final class MatrixTools {
    public static final String SNAPSHOT = "before";
    static final String BITMAP = "changes";

    private final MatrixCase wanted;
    private final Path folder;

    /** The disk is {@code disk.qcow2} in {@code folder}. */
    MatrixTools(MatrixCase wanted, Path folder) {
        this.wanted = wanted;
        this.folder = folder;
    }

    public Path image() {
        return folder.resolve("disk.qcow2");
    }

    Path dataFile() {
        return folder.resolve(MatrixCase.DATA_FILE);
    }

    /**
     * What the disk must hold.
     *
     * @param snapshot what the snapshot holds; null: there is none
     * @param tracked what the disk held when the bitmap was made; null: there is none
     */
    public record Contents(ModelDisk now, byte @Nullable [] snapshot, byte @Nullable [] tracked) {}

    /**
     * Insists that QEMU finds the image sound, its disk and its snapshot as they should be, and all that changed marked in
     * its bitmap.
     */
    public void requireSound(Contents contents) throws IOException {
        Processes.Output check = onImage("check");
        if (check.exitCode() != 0) {
            throw new AssertionError("qemu-img check: " + check.out() + check.err());
        }
        compareWith(Files.write(
                folder.resolve("model.raw"),
                contents.now().read(0, contents.now().sizeBytes())));
        byte[] snapshot = contents.snapshot();
        if (snapshot != null) {
            requireSnapshot(snapshot);
        }
        byte[] tracked = contents.tracked();
        if (tracked != null) {
            requireBitmap(tracked, contents.now());
        }
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

    private void requireSnapshot(byte[] content) throws IOException {
        Path raw = folder.resolve("snapshot.raw");
        onImage(List.of("convert", "-l", "snapshot.name=" + SNAPSHOT, "-O", "raw"), List.of(raw.toString()))
                .succeeded();
        int at = Arrays.mismatch(Files.readAllBytes(raw), content);
        if (at >= 0) {
            throw new AssertionError("the snapshot differs at byte " + at);
        }
    }

    private void requireBitmap(byte[] before, ModelDisk now) {
        if (wanted.isWritable() && QemuTools.showsBitmaps()) {
            // It shows none that is in use.
            requireMarked(before, now.read(0, now.sizeBytes()));
            return;
        }
        JsonNode bitmap = info().at("/format-specific/data/bitmaps/0");
        String flags = bitmap.path("flags").toString();
        if (!bitmap.path("name").asString().equals(BITMAP) || (wanted.isWritable() && flags.contains("in-use"))) {
            throw new AssertionError("the bitmap is gone or in use: " + bitmap);
        }
    }

    private void requireMarked(byte[] before, byte[] now) {
        List<String> arguments = new ArrayList<>(List.of("--image-opts", imageOptions()));
        addSecret(arguments);
        List<QemuTools.MapEntry> dirty = QemuTools.dirtyRuns(BITMAP, arguments);
        int at = 0;
        for (QemuTools.MapEntry run : dirty) {
            requireSame(before, now, at, Math.toIntExact(run.start()), dirty);
            at = Math.toIntExact(run.start() + run.length());
        }
        requireSame(before, now, at, now.length, dirty);
    }

    private static void requireSame(byte[] before, byte[] now, int from, int to, List<QemuTools.MapEntry> dirty) {
        int at = Arrays.mismatch(before, from, to, now, from, to);
        if (at >= 0) {
            throw new AssertionError("byte " + (from + at) + " changed, but the bitmap has only " + dirty);
        }
    }

    /** What {@code qemu-img info} tells of the image. */
    public JsonNode info() {
        return JsonMapper.shared()
                .readTree(onImage("info", "--output=json").succeeded().out());
    }

    Processes.Output takeSnapshot() {
        return onImage("snapshot", "-c", SNAPSHOT);
    }

    Processes.Output addBitmap() {
        return onImage(List.of("bitmap", "--add"), List.of(BITMAP));
    }

    public Processes.Output onImage(String... arguments) {
        return onImage(List.of(arguments), List.of());
    }

    Processes.Output onImage(List<String> before, List<String> behind) {
        List<String> arguments = new ArrayList<>(before);
        addSecret(arguments);
        arguments.addAll(List.of("--image-opts", imageOptions()));
        arguments.addAll(behind);
        return img(arguments);
    }

    /** Commands of {@code qemu-io}, each of which must succeed. */
    void io(List<String> commands) {
        List<String> arguments = new ArrayList<>();
        addSecret(arguments);
        for (String command : commands) {
            arguments.addAll(List.of("-c", command));
        }
        arguments.addAll(List.of("--image-opts", imageOptions()));
        Processes.Output output = QemuTools.io(arguments).succeeded();
        if (output.out().contains("failed") || output.err().contains("failed")) {
            throw new AssertionError(output.out() + output.err());
        }
    }

    private void addSecret(List<String> arguments) {
        if (wanted.encryption() != MatrixCase.Encryption.NONE) {
            arguments.addAll(List.of("--object", MatrixCase.SECRET_OBJECT));
        }
    }

    /** As after {@code --image-opts}. */
    public String imageOptions() {
        return "driver=qcow2,cache.no-flush=on,file.filename=" + image()
                + (wanted.dataFile() == MatrixCase.DataFile.NONE
                        ? ""
                        : ",data-file.driver=file,data-file.filename=" + dataFile())
                + (wanted.encryption() == MatrixCase.Encryption.NONE ? "" : ",encrypt.key-secret=key");
    }

    private static Processes.Output img(List<String> arguments) {
        return QemuTools.img(arguments.toArray(String[]::new));
    }
}
