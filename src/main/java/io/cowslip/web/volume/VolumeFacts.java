package io.cowslip.web.volume;

import io.cowslip.drive.volume.DiskUsage;
import io.cowslip.drive.volume.Volumes;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.ImageInfo.Qcow2Facts;
import io.swagger.v3.oas.annotations.media.Schema;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * One file's facts with the keys of {@code qemu-img info --output=json}. File names are relative to the image root.
 *
 * @param backingFilename the backing file as the image names it; absent where that is an absolute path
 * @param fullBackingFilename the file that this stands for
 */
@Schema(description = "One file's facts, with the keys of qemu-img info --output=json")
public record VolumeFacts(
        String filename,
        String format,
        long virtualSize,
        long actualSize,
        @Nullable Integer clusterSize,
        @Nullable Boolean dirtyFlag,
        @Nullable Boolean encrypted,
        @Nullable String backingFilename,
        @Nullable String fullBackingFilename,
        @Nullable String backingFilenameFormat,
        @Nullable FormatSpecific formatSpecific,

        @Schema(description = "Of a volume that was asked for: what it takes") @Nullable
        Usage diskUsage,

        @Schema(description = "Where asked for: the volumes that need this one") @Nullable
        List<String> dependents) {

    /** What a volume takes on the host. */
    @Schema(name = "DiskUsage", description = "What a volume takes, in bytes")
    record Usage(
            @Schema(description = "Size of the disk") long virtualSize,

            @Schema(description = "What the volume, all below it and their data files take on the host")
            long allocatedSize,

            @Schema(description = "What of that the volume takes itself, with its data file")
            long exclusiveSize) {}

    /** What only one format has. */
    @Schema(name = "VolumeFormat")
    record FormatSpecific(
            String type,
            @Schema(oneOf = {Data.class, VmdkData.class}) FormatData data) {

        /** Null for formats that have nothing of their own. */
        public static @Nullable FormatSpecific of(ImageInfo image, Volumes volumes) {
            if (image.qcow2() != null) {
                return new FormatSpecific("qcow2", Data.of(image.qcow2(), image.dataFileName()));
            }
            return image.foreign() == null || image.foreign().vmdk() == null
                    ? null
                    : new FormatSpecific("vmdk", VmdkData.of(image.foreign().vmdk(), volumes));
        }
    }

    /** The facts of one format. */
    sealed interface FormatData permits Data, VmdkData {}

    /** What only VMDK has. */
    @Schema(name = "VmdkFacts")
    record VmdkData(long cid, long parentCid, String createType, List<VmdkExtent> extents) implements FormatData {
        static VmdkData of(ImageInfo.VmdkFacts facts, Volumes volumes) {
            return new VmdkData(
                    facts.contentId(),
                    facts.parentContentId(),
                    facts.createType(),
                    facts.extents().stream()
                            .map(extent -> VmdkExtent.of(extent, volumes))
                            .toList());
        }
    }

    /** A part of a VMDK disk in a file. */
    @Schema(name = "VmdkExtent")
    record VmdkExtent(
            String filename,
            String format,
            long virtualSize,
            @Nullable Integer clusterSize,
            @Nullable Boolean compressed) {
        static VmdkExtent of(ImageInfo.VmdkExtentFacts extent, Volumes volumes) {
            return new VmdkExtent(
                    volumes.relativeName(extent.file()),
                    extent.type(),
                    extent.sizeBytes(),
                    extent.grainSizeBytes() == 0 ? null : Integer.valueOf(extent.grainSizeBytes()),
                    extent.compressed() ? true : null);
        }
    }

    /** What encrypts the disk. */
    @Schema(name = "VolumeEncryption")
    record Encrypt(String format) {}

    /** What only qcow2 has. */
    @Schema(name = "Qcow2Facts")
    record Data(
            String compat,
            String compressionType,
            boolean lazyRefcounts,
            int refcountBits,
            boolean corrupt,
            boolean extendedL2,
            @Nullable Encrypt encrypt,
            @Nullable String dataFile,
            @Nullable Boolean dataFileRaw,
            @Nullable List<VolumeBitmap> bitmaps)
            implements FormatData {

        static Data of(Qcow2Facts facts, @Nullable String dataFileName) {
            return new Data(
                    facts.compat(),
                    facts.compressionType().name().toLowerCase(Locale.ROOT),
                    facts.lazyRefcounts(),
                    facts.refcountBits(),
                    facts.corrupt(),
                    facts.extendedL2(),
                    facts.encryption() == null
                            ? null
                            : new Encrypt(facts.encryption().wireName()),
                    shownName(dataFileName),
                    facts.dataFileRaw(),
                    facts.bitmaps().isEmpty()
                            ? null
                            : facts.bitmaps().stream().map(VolumeBitmap::of).toList());
        }
    }

    /** A persistent bitmap. */
    record VolumeBitmap(String name, long granularity, List<String> flags) {
        static VolumeBitmap of(ImageInfo.BitmapFacts bitmap) {
            return new VolumeBitmap(bitmap.name(), bitmap.granularityBytes(), bitmap.flags());
        }
    }

    /** The facts of one file, its name and those in it relative to the image root. */
    public static VolumeFacts of(ImageInfo image, Volumes volumes) {
        Qcow2Facts qcow2 = image.qcow2();
        return new VolumeFacts(
                volumes.relativeName(image.file()),
                image.format().wireName(),
                image.virtualSizeBytes(),
                image.actualSizeBytes(),
                clusterBytes(image),
                qcow2 == null ? null : qcow2.dirty(),
                (qcow2 != null && qcow2.encryption() != null) ? true : null,
                shownName(image.backingName()),
                image.backingFile() == null ? null : volumes.relativeName(image.backingFile()),
                image.backingFormat(),
                FormatSpecific.of(image, volumes),
                null,
                null);
    }

    /** A chain's facts, with what each of its volumes takes. */
    public static List<VolumeFacts> ofChain(List<ImageInfo> chain, Volumes volumes) throws IOException {
        List<DiskUsage> usage = volumes.usage(chain);
        List<VolumeFacts> facts = new ArrayList<>();
        for (int layer = 0; layer < chain.size(); layer++) {
            facts.add(of(chain.get(layer), volumes).with(usage.get(layer), null));
        }
        return facts;
    }

    private VolumeFacts with(DiskUsage usage, @Nullable List<String> needing) {
        return with(new Usage(usage.virtualSizeBytes(), usage.allocatedBytes(), usage.exclusiveBytes()), needing);
    }

    /** The same with the volumes that need this one. */
    VolumeFacts withDependents(List<String> needing) {
        return with(diskUsage, needing);
    }

    private VolumeFacts with(@Nullable Usage usage, @Nullable List<String> needing) {
        return new VolumeFacts(
                filename,
                format,
                virtualSize,
                actualSize,
                clusterSize,
                dirtyFlag,
                encrypted,
                backingFilename,
                fullBackingFilename,
                backingFilenameFormat,
                formatSpecific,
                usage,
                needing);
    }

    private static @Nullable Integer clusterBytes(ImageInfo image) {
        if (image.qcow2() != null) {
            return image.qcow2().clusterSizeBytes();
        }
        return image.foreign() == null || image.foreign().blockSizeBytes() == 0
                ? null
                : Integer.valueOf(image.foreign().blockSizeBytes());
    }

    /** A name from inside an image is shown unless it is a path of a host. */
    private static @Nullable String shownName(@Nullable String name) {
        return name == null || name.startsWith("/") ? null : name;
    }
}
