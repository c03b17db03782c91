package io.cowslip.drive.volume;

import io.cowslip.drive.DriveClaims;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Preallocation;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.Lock;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A volume in the making. Its file lies hidden beside its place, where what it names is found as it will be later, and
 * gets its name only when it is whole; otherwise nothing is left of it. Used by one thread.
 */
public final class PendingVolume implements AutoCloseable {
    /** Ends the name of each such file; its beginning is a dot, so that none of them is a volume. */
    private static final String SUFFIX = ".part";

    private static final Pattern FILE_NAME = Pattern.compile("\\..+\\.[0-9a-f]{16}\\.part");

    private static final Logger log = LoggerFactory.getLogger(PendingVolume.class);

    private final ImageRoot root;
    private final String name;
    private final Path file;
    private @Nullable Path dataFile;
    private @Nullable ImageFormat format;
    private boolean published;

    private PendingVolume(ImageRoot root, String name, Path file) {
        this.root = root;
        this.name = name;
        this.file = file;
    }

    /**
     * Makes the place for a volume of this name, and the folders that the name takes.
     *
     * @param tag tells apart files for the same name
     * @throws ImageException ALREADY_EXISTS, FORBIDDEN
     */
    public static PendingVolume of(ImageRoot root, String name, long tag) throws IOException {
        requireNew(root, name);
        Path place = root.newEntry(name);
        String shown = VolumeName.beginning(place.getFileName().toString());
        String hidden = "." + shown + "." + HexFormat.of().toHexDigits(tag) + SUFFIX;
        return new PendingVolume(root, name, place.resolveSibling(hidden));
    }

    /**
     * A file that was uploaded, which is whole and durable, and not taken away with this.
     *
     * @param format what it was said to be; null: its content says
     */
    public static PendingVolume uploaded(ImageRoot root, String name, Path file, @Nullable ImageFormat format) {
        PendingVolume pending = new PendingVolume(root, name, file);
        pending.format = format;
        return pending;
    }

    /** Refuses a name that is taken, or none for a volume. */
    public static void requireNew(ImageRoot root, String name) throws ImageException {
        if (root.isTaken(name)) {
            throw ImageException.of(Kind.ALREADY_EXISTS, "\"" + name + "\" is there already");
        }
    }

    /** Whether this is the file of a volume in the making, by its name. */
    static boolean isPending(Path file) {
        return FILE_NAME.matcher(file.getFileName().toString()).matches();
    }

    /** Where the volume is made. */
    public Path file() {
        return file;
    }

    /** Whether the volume has its name. */
    public boolean isPublished() {
        return published;
    }

    /** Notes a file that the volume names and that is to go with it: it has its own name from the start. */
    void hasDataIn(Path path) {
        dataFile = path;
    }

    /**
     * Makes the image, durably. That may take long: others wait only until its files are there.
     *
     * @param change {@link DriveClaims#filesChange()}, not held by the caller
     */
    public void create(CreateOptions options, Lock change, ImageEnvironment environment) throws IOException {
        format = options.format();
        requireAllowed(options);
        try (ImageCreator creator = begin(options, change, environment)) {
            creator.finish();
            if (options.dataFile() != null) {
                hasDataIn(creator.files().getLast());
            }
        }
    }

    private void requireAllowed(CreateOptions options) throws IOException {
        Long size = options.virtualSizeBytes();
        if (size != null) {
            root.limits().requireDisk(size);
            if (options.preallocation() == Preallocation.FALLOC || options.preallocation() == Preallocation.FULL) {
                root.requireRoom(file, size);
            }
        }
    }

    /** Others may have taken the folder away meanwhile, as long as nothing is in it. */
    private ImageCreator begin(CreateOptions options, Lock change, ImageEnvironment environment) throws IOException {
        change.lock();
        try {
            root.newEntry(name);
            return ImageCreator.begin(file, options, environment);
        } finally {
            change.unlock();
        }
    }

    /**
     * Gives the volume its name, durably. Its file is durable itself and not open any more.
     *
     * @param change held meanwhile: {@link DriveClaims#filesChange()}
     * @return the volume's file
     * @throws ImageException ALREADY_EXISTS when somebody else has taken the name since; NOT_FOUND when a file that the
     *     volume stands on was deleted since
     */
    public Path publish(Lock change, ImageEnvironment environment) throws IOException {
        change.lock();
        try {
            requireNew(root, name);
            List<ImageInfo> chain = ImageInfo.chain(file, asked(), environment);
            requireOneName();
            root.limits().requireDisk(chain.getFirst().virtualSizeBytes());
            PinnedFormats formats = PinnedFormats.of(root);
            formats.require(chain);
            pin(formats, chain.getFirst().format());
            Path place = file.resolveSibling(root.newEntry(name).getFileName());
            root.tree().rename(file, place);
            published = true;
            environment.files().syncFolder(Objects.requireNonNull(place.getParent()));
            return place;
        } finally {
            change.unlock();
        }
    }

    /** Somebody who gave the hidden file a second name could go on changing what is the volume's from now on. */
    private void requireOneName() throws ImageException {
        if (root.look(file).linkCount() != 1) {
            throw ImageException.of(
                    Kind.FORBIDDEN,
                    "the file of \"" + name + "\" was given a second name on the host while it was made");
        }
    }

    /** What holds a guest's bytes as they are may come to look like anything. */
    private void pin(PinnedFormats formats, ImageFormat found) throws ImageException {
        if (found == ImageFormat.RAW) {
            formats.pin(file, found);
        }
        if (dataFile != null) {
            formats.pin(dataFile, ImageFormat.RAW);
        }
    }

    /** A raw disk that was copied here may look like an image of any format. */
    private ImageOptions asked() {
        ImageOptions defaults = ImageOptions.defaults();
        return format == null ? defaults : defaults.withFormat(format);
    }

    /** Takes everything away again, unless the volume has its name. */
    @Override
    public void close() {
        if (published) {
            return;
        }
        try {
            root.tree().remove(file);
            if (dataFile != null) {
                root.tree().remove(dataFile);
            }
            root.removeEmptyFolders(file);
        } catch (IOException e) {
            log.warn("Not everything of \"{}\", which was not finished, could be taken away", name, e);
        }
    }
}
