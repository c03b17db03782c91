package io.cowslip.drive.registry;

import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.drive.volume.SecretFolder;
import io.cowslip.drive.volume.Volumes;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Random;

/** The service layer without Spring, on a folder of its own. */
public final class Bench implements AutoCloseable {
    public static final long DISK_BYTES = 4 << 20;

    final ImageRoot root;
    final ImageEnvironment environment;
    final HandScheduler scheduler = new HandScheduler();
    final CacheCleaner cleaner;
    public final Volumes volumes;
    final KeptDrives kept;
    public final DriveRegistry registry;

    public Bench(Path folder) throws IOException {
        this(folder, ImageOptions.defaults(), DriveObserver.NONE);
    }

    Bench(Path folder, ImageOptions defaults, DriveObserver observer) throws IOException {
        this(folder, defaults, observer, HostFiles.posix());
    }

    Bench(Path folder, DriveCatalog catalog) throws IOException {
        this(folder, ImageOptions.defaults(), DriveObserver.NONE, HostFiles.posix(), catalog);
    }

    public Bench(Path folder, ImageOptions defaults, DriveObserver observer, HostFiles files) throws IOException {
        this(folder, defaults, observer, files, DriveCatalog.NONE);
    }

    private Bench(Path folder, ImageOptions defaults, DriveObserver observer, HostFiles files, DriveCatalog catalog)
            throws IOException {
        root = ImageRoot.at(folder);
        environment = new ImageEnvironment(files, root, CacheFactory.plain());
        cleaner = new CacheCleaner(scheduler, () -> Instant.EPOCH, observer);
        DriveClaims claims = new DriveClaims(8);
        volumes = new Volumes(root, environment, claims, new SecretFolder(null), new Random(2));
        DriveOpener opener = new DriveOpener(root, environment, new DriveDefaults(defaults), new SecretFolder(null));
        kept = new KeptDrives(catalog, new HandOptionsText(), root);
        registry = new DriveRegistry(opener, claims, cleaner, observer, kept, new Random(1));
    }

    /** A new qcow2 volume. */
    public void create(String name) throws IOException {
        ImageCreator.create(root.newEntry(name), CreateOptions.qcow2(DISK_BYTES), environment);
    }

    /** A new qcow2 volume that backs on another in the same folder. */
    void createOn(String name, String backing) throws IOException {
        volumes.create(name, backedBy(backing));
    }

    public static CreateOptions backedBy(String backing) {
        CreateOptions plain = CreateOptions.qcow2(DISK_BYTES);
        return new CreateOptions(
                plain.format(),
                null,
                plain.clusterSizeBytes(),
                backing,
                ImageFormat.QCOW2,
                plain.refcountBits(),
                plain.compressionType(),
                plain.version());
    }

    public DriveView open(String id, String file) throws IOException {
        return registry.open(new DriveId(id), file, registry.defaults());
    }

    static void write(DiskImage image, long offset, String text) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocateFrom(text, StandardCharsets.US_ASCII);
            image.write(offset, bytes.asSlice(0, text.length()));
        }
    }

    static String read(DiskImage image, long offset, int length) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(length);
            image.read(offset, bytes);
            return new String(bytes.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.US_ASCII);
        }
    }

    @Override
    public void close() {
        registry.end(Duration.ofSeconds(1));
    }
}
