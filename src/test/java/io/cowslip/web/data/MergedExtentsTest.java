package io.cowslip.web.data;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.map.GuestExtent;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A disk that is made smaller while its extents are sent: they end where it does, and the answer is whole. */
class MergedExtentsTest {
    private static final int CLUSTER = 1 << 16;
    private static final ByteWindow DISK = new ByteWindow(0, 8 * CLUSTER);

    @TempDir
    private Path folder;

    @Test
    void extentsEndWithTheDisk() throws IOException {
        try (DiskImage image = striped()) {
            ExtentListing listing = new ExtentListing(image, DISK);
            assertThat(listing.next()).isEqualTo(new GuestExtent(0, CLUSTER, false, false));
            shrink(image);
            assertThat(listing.next()).isEqualTo(new GuestExtent(CLUSTER, CLUSTER, true, true));
            assertThat(listing.next()).isEqualTo(new GuestExtent(2 * CLUSTER, CLUSTER, false, false));
            assertThat(listing.next()).isNull();
            assertThat(listing.nextStart()).isEmpty();
        }
    }

    @Test
    void dirtyExtentsEndWithTheDisk() throws IOException {
        try (DiskImage image = striped()) {
            image.bitmaps().create("marks", CLUSTER, true);
            TestImages.write(image, 2 * CLUSTER, new byte[] {1});
            DirtyListing listing = DirtyListing.of(image, image.bitmaps().map("marks"), DISK);
            assertThat(listing.next()).isEqualTo(new DirtyExtent(0, CLUSTER, false, false));
            shrink(image);
            assertThat(listing.next()).isEqualTo(new DirtyExtent(CLUSTER, CLUSTER, false, true));
            assertThat(listing.next()).isEqualTo(new DirtyExtent(2 * CLUSTER, CLUSTER, true, false));
            assertThat(listing.next()).isNull();
            assertThat(listing.nextStart()).isEmpty();
        }
    }

    /** Every other cluster is data. */
    private DiskImage striped() throws IOException {
        Path file = folder.resolve("image");
        ImageCreator.create(file, CreateOptions.qcow2(DISK.length()), TestImages.environment(HostFiles.posix()));
        DiskImage image = TestImages.open(file);
        for (int cluster = 0; cluster < 8; cluster += 2) {
            TestImages.write(image, cluster * (long) CLUSTER, TestImages.filled(CLUSTER, 1));
        }
        return image;
    }

    private static void shrink(DiskImage image) throws IOException {
        image.resize(3 * CLUSTER, true, Preallocation.OFF);
    }
}
