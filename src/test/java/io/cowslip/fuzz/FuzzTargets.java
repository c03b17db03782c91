package io.cowslip.fuzz;

import io.cowslip.web.data.HttpHeadersTarget;
import io.cowslip.web.job.JobBodiesTarget;
import io.cowslip.web.json.JsonBodiesTarget;
import io.cowslip.web.upload.UploadHeadersTarget;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.Consumer;

/** All targets, by the names of the folders that have their inputs. */
final class FuzzTargets {
    /**
     * One parser, or one thing that is done with images.
     *
     * @param name of its folders
     * @param type what the fuzzer calls
     * @param call the same
     * @param mostBytes the longest input that is tried
     */
    record Target(String name, Class<?> type, Consumer<byte[]> call, int mostBytes) {}

    private static final int IMAGE_BYTES = 96 << 10;

    static final List<Target> ALL = List.of(
            new Target("header", HeaderTarget.class, HeaderTarget::fuzzerTestOneInput, 8 << 10),
            new Target("image", ImageTarget.class, ImageTarget::fuzzerTestOneInput, IMAGE_BYTES),
            new Target("write", WriteTarget.class, WriteTarget::fuzzerTestOneInput, IMAGE_BYTES),
            new Target("repair", RepairTarget.class, RepairTarget::fuzzerTestOneInput, IMAGE_BYTES),
            new Target("snapshots", SnapshotTableTarget.class, SnapshotTableTarget::fuzzerTestOneInput, 8 << 10),
            new Target("bitmaps", BitmapDirectoryTarget.class, BitmapDirectoryTarget::fuzzerTestOneInput, 8 << 10),
            new Target(
                    "compressed", CompressedClusterTarget.class, CompressedClusterTarget::fuzzerTestOneInput, 8 << 10),
            new Target("luks", LuksTarget.class, LuksTarget::fuzzerTestOneInput, 1 << 10),
            new Target("upload", UploadTarget.class, UploadTarget::fuzzerTestOneInput, IMAGE_BYTES),
            new Target("vmdk", VmdkTarget.class, VmdkTarget::fuzzerTestOneInput, 160 << 10),
            new Target("vhdx", VhdxTarget.class, VhdxTarget::fuzzerTestOneInput, IMAGE_BYTES),
            new Target("vpc", VpcTarget.class, VpcTarget::fuzzerTestOneInput, 8 << 10),
            new Target("vdi", VdiTarget.class, VdiTarget::fuzzerTestOneInput, 8 << 10),
            new Target("http-headers", HttpHeadersTarget.class, HttpHeadersTarget::fuzzerTestOneInput, 2 << 10),
            new Target("json-bodies", JsonBodiesTarget.class, JsonBodiesTarget::fuzzerTestOneInput, 4 << 10),
            new Target("upload-headers", UploadHeadersTarget.class, UploadHeadersTarget::fuzzerTestOneInput, 1 << 10),
            new Target("job-bodies", JobBodiesTarget.class, JobBodiesTarget::fuzzerTestOneInput, 4 << 10));

    private FuzzTargets() {}

    static Target named(String name) {
        return ALL.stream()
                .filter(target -> target.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new NoSuchElementException("there is no target \"" + name + "\""));
    }
}
