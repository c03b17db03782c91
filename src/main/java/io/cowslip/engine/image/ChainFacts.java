package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.foreign.ForeignDisk;
import io.cowslip.engine.foreign.VmdkFacts;
import io.cowslip.engine.format.BitmapDirectory;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.FileIdentity;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.bitmap.BitmapFile;
import io.cowslip.engine.image.file.FileReferences.Role;
import io.cowslip.engine.image.file.FormatProbe;
import io.cowslip.engine.image.file.HeaderReader;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.layer.ForeignLayer;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Walks down a backing chain, one open file at a time, and gathers each file's facts. Ends with a refusal where the
 * chain comes back to a file it has been at, or goes deeper than any chain should.
 */
public final class ChainFacts {
    /** More files than any real chain has. */
    static final int MAX_DEPTH = 200;

    private final ImageEnvironment environment;
    private final List<ImageInfo> layers = new ArrayList<>();
    private final Set<FileIdentity> visited = new HashSet<>();

    private ChainFacts(ImageEnvironment environment) {
        this.environment = environment;
    }

    /** @param asked what is said of the layers, before what the headers say; null: nothing */
    static List<ImageInfo> of(Path file, @Nullable ImageOptions asked, ImageEnvironment environment)
            throws IOException {
        return new ChainFacts(environment).walk(file, asked);
    }

    /** The facts of one file, read as {@code format}. */
    public static ImageInfo of(HostFile file, ImageFormat format, ImageEnvironment environment) throws IOException {
        return new ChainFacts(environment).read(file, format);
    }

    /** A raw disk's size: what is left of a sector at its end counts as a whole one, as in QEMU. */
    static long rawVirtualSizeBytes(HostFile file) throws IOException {
        return (file.sizeBytes() + 511) & -512L;
    }

    private List<ImageInfo> walk(Path top, @Nullable ImageOptions asked) throws IOException {
        Path next = top;
        ImageOptions wish = asked;
        String namedFormat = null;
        while (next != null) {
            if (layers.size() == MAX_DEPTH) {
                throw ImageException.of(
                        Kind.INVALID_FORMAT, top, "the backing chain has more than " + MAX_DEPTH + " files");
            }
            ImageInfo layer = look(next, format(wish, namedFormat, next));
            layers.add(layer);
            wish = wish == null ? null : wish.backing();
            next = layer.backingFile();
            namedFormat = layer.backingFormat();
        }
        return List.copyOf(layers);
    }

    private ImageInfo look(Path path, @Nullable ImageFormat said) throws IOException {
        try (HostFile file = environment.files().open(path, HostFiles.Mode.READ)) {
            if (!visited.add(file.identity())) {
                throw ImageException.of(
                        Kind.INVALID_FORMAT, path, "the backing chain comes back to this file: it must have an end");
            }
            if (said != null) {
                return read(file, said);
            }
            return layers.isEmpty() ? readByContent(file) : lookAtUnsaid(file);
        }
    }

    private ImageInfo readByContent(HostFile file) throws IOException {
        ImageFormat format = FormatProbe.byContent(file);
        return read(file, format == null ? ImageFormat.RAW : format);
    }

    /**
     * A backing file whose format nobody says, so that no disk is opened over it: what its content says a guest may have
     * written, and nothing is followed that it names.
     */
    private static ImageInfo lookAtUnsaid(HostFile file) throws IOException {
        if (FormatProbe.byContent(file) != ImageFormat.QCOW2) {
            return raw(file);
        }
        ImageHeader header = HeaderReader.read(file);
        return new ImageInfo(
                file.path(),
                ImageFormat.QCOW2,
                header.virtualSizeBytes(),
                file.allocatedBytes(),
                null,
                null,
                null,
                null,
                null,
                facts(header, List.of()),
                null);
    }

    // What is said decides, not the content: a guest can write a qcow2 header to a raw disk.
    private static @Nullable ImageFormat format(@Nullable ImageOptions wish, @Nullable String named, Path path)
            throws ImageException {
        if (wish != null && wish.format() != null) {
            return wish.format();
        }
        try {
            return named == null ? null : ImageFormat.parse("format", named);
        } catch (ImageException unknown) {
            throw ImageException.of(
                            Kind.UNSUPPORTED_FEATURE,
                            path,
                            "the header above names a format of this backing file that is not read; "
                                    + ImageFormat.names() + " are")
                    .causedBy(unknown);
        }
    }

    private ImageInfo read(HostFile file, ImageFormat format) throws IOException {
        return switch (format) {
            case QCOW2 -> qcow2(file, HeaderReader.read(file));
            case RAW -> raw(file);
            default -> foreign(file, format);
        };
    }

    private ImageInfo foreign(HostFile file, ImageFormat format) throws IOException {
        try (ForeignLayer layer = ForeignLayer.open(
                file,
                format,
                name -> environment
                        .files()
                        .open(
                                environment.references().resolve(file.path(), name, Role.DATA_FILE),
                                HostFiles.Mode.READ))) {
            return foreign(file, format, layer.disk());
        }
    }

    private static ImageInfo foreign(HostFile file, ImageFormat format, ForeignDisk disk) throws IOException {
        long actualSizeBytes = file.allocatedBytes();
        List<Path> extentPaths = new ArrayList<>();
        for (HostFile extent : disk.extentFiles()) {
            actualSizeBytes += extent.allocatedBytes();
            extentPaths.add(extent.path());
        }
        return new ImageInfo(
                file.path(),
                format,
                disk.virtualSizeBytes(),
                actualSizeBytes,
                null,
                null,
                null,
                null,
                null,
                null,
                new ImageInfo.ForeignFacts(disk.blockBytes(), List.copyOf(extentPaths), vmdkFacts(disk.vmdkFacts())));
    }

    private static ImageInfo.@Nullable VmdkFacts vmdkFacts(@Nullable VmdkFacts facts) {
        if (facts == null) {
            return null;
        }
        List<ImageInfo.VmdkExtentFacts> extents = facts.extents().stream()
                .map(extent -> new ImageInfo.VmdkExtentFacts(
                        extent.file(), extent.lengthBytes(), extent.type(), extent.grainBytes(), extent.compressed()))
                .toList();
        return new ImageInfo.VmdkFacts(facts.contentId(), facts.parentContentId(), facts.createType(), extents);
    }

    private static ImageInfo raw(HostFile file) throws IOException {
        return new ImageInfo(
                file.path(),
                ImageFormat.RAW,
                rawVirtualSizeBytes(file),
                file.allocatedBytes(),
                null,
                null,
                null,
                null,
                null,
                null,
                null);
    }

    private ImageInfo qcow2(HostFile file, ImageHeader header) throws IOException {
        String name = header.backingName();
        return new ImageInfo(
                file.path(),
                ImageFormat.QCOW2,
                header.virtualSizeBytes(),
                file.allocatedBytes(),
                name,
                name == null ? null : environment.references().resolve(file.path(), name, Role.BACKING_FILE),
                name == null ? null : header.backingFormat(),
                header.dataFileName(),
                dataFile(file.path(), header.dataFileName()),
                facts(header, bitmaps(file, header)),
                null);
    }

    private @Nullable Path dataFile(Path image, @Nullable String name) {
        try {
            return name == null ? null : environment.references().resolve(image, name, Role.DATA_FILE);
        } catch (ImageException refused) {
            // The image is what it is without it, and an opening may name another.
            return null;
        }
    }

    private static EncryptOptions.@Nullable Format encryption(ImageHeader header) {
        return switch (header.cryptMethod()) {
            case ImageHeader.CRYPT_AES -> EncryptOptions.Format.AES;
            case ImageHeader.CRYPT_LUKS -> EncryptOptions.Format.LUKS;
            default -> null;
        };
    }

    private static ImageInfo.Qcow2Facts facts(ImageHeader header, List<ImageInfo.BitmapFacts> bitmaps) {
        return new ImageInfo.Qcow2Facts(
                header.version() == 2 ? "0.10" : "1.1",
                header.clusterBytes(),
                header.compressionType() == ImageHeader.COMPRESSION_ZSTD
                        ? CreateOptions.CompressionType.ZSTD
                        : CreateOptions.CompressionType.ZLIB,
                header.features().lazyRefcounts(),
                header.refcountBits(),
                header.features().dirty(),
                header.features().corrupt(),
                header.features().extendedL2(),
                encryption(header),
                header.snapshotCount(),
                header.features().externalDataFile() ? header.features().rawExternalData() : null,
                bitmaps);
    }

    /** Facts of a damaged image are wanted as well: nothing is told of bitmaps that cannot be read. */
    private static List<ImageInfo.BitmapFacts> bitmaps(HostFile file, ImageHeader header) throws IOException {
        try {
            BitmapDirectory directory = header.bitmapDirectory(file.sizeBytes());
            if (directory == null) {
                return List.of();
            }
            return new BitmapFile(file, header.geometry())
                    .entries(directory).stream()
                            .map(bitmap -> new ImageInfo.BitmapFacts(
                                    bitmap.name(), 1L << bitmap.granularityBits(), bitmap.flagNames()))
                            .toList();
        } catch (ImageException damaged) {
            if (damaged.kind() == Kind.INVALID_FORMAT || damaged.kind() == Kind.CORRUPT) {
                return List.of();
            }
            throw damaged;
        }
    }
}
