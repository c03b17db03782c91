package io.cowslip.drive;

import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.ImageOptions.DiscardMode;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.engine.image.options.WriteOptions.DetectZeroes;
import jakarta.validation.Valid;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotBlank;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Objects;
import org.hibernate.validator.constraints.time.DurationMax;
import org.hibernate.validator.constraints.time.DurationMin;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.boot.convert.DurationUnit;
import org.springframework.validation.annotation.Validated;

/**
 * The service's configuration.
 *
 * @param imageRoot Folder that holds the volumes. Made when it is missing.
 * @param secretsFolder Folder of files that hold passphrases of encrypted images, for requests and drives to name. None
 *     where not given.
 * @param demoImage Whether an empty image root gets a small image to try things with.
 * @param references Which other files images may stand on.
 * @param maxDrives How many drives may be open at once.
 * @param driveDefaults What drives get where a request says nothing.
 * @param drives Drives that are opened at start, by their ids.
 */
@Validated
@ConfigurationProperties("cowslip")
public record DriveProperties(
        @DefaultValue("images") Path imageRoot,
        @Nullable Path secretsFolder,
        @DefaultValue("true") boolean demoImage,
        @DefaultValue References references,
        @DefaultValue("1024") @Min(1) int maxDrives,
        @DefaultValue @Valid Options driveDefaults,
        @DefaultValue Map<DriveId, @Valid StartDrive> drives) {

    /**
     * Which other files images may stand on: those anywhere in the image root (follow), in the image's own folder
     * (same-folder), or none (deny).
     *
     * @param backingFile Where backing files may be: follow, same-folder or deny.
     * @param dataFile Where external data files, and the parts of VMDK disks, may be: follow, same-folder or deny.
     */
    public record References(
            @DefaultValue("follow") ReferencePolicy.Rule backingFile,
            @DefaultValue("follow") ReferencePolicy.Rule dataFile) {

        /** The same, as who opens images asks it. */
        public ReferencePolicy policy() {
            return new ReferencePolicy(backingFile, dataFile);
        }
    }

    /**
     * Options of drives, with QEMU's names and meaning.
     *
     * @param l2CacheSize Largest size of each layer's L2 cache.
     * @param l2CacheEntrySize Size of one L2 cache entry: a power of two from 512 to the cluster size.
     * @param refcountCacheSize Size of each layer's refcount cache.
     * @param cacheSize Size of a layer's L2 and refcount cache together.
     * @param l2CachePacked Whether L2 slices are held in the smallest form that says the same, so that the same size maps
     *     more of the disk.
     * @param cacheCleanInterval How long cache entries may be idle before their memory is given back. Seconds where no
     *     unit is given; 0 is never.
     * @param cacheDirect Whether reads and writes go past the host's page cache.
     * @param discard What becomes of discard requests.
     * @param compress Whether what is written is compressed. Images that cannot have that are refused.
     * @param detectZeroes What becomes of zeros that the guest writes as data: off, on or unmap.
     * @param passDiscardRequest Whether the host gets the space back that the guest discards or zeroes. Where discard is
     *     unmap, if not given.
     * @param passDiscardSnapshot Whether the host gets the space back that only a deleted snapshot had.
     * @param passDiscardOther Whether the host gets the space back that was moved or written over.
     * @param discardNoUnref Whether a cluster that the guest discards keeps its place in the file. Version 3 only.
     * @param readOnly Whether writes are refused.
     * @param lazyRefcounts Whether refcounts may reach the file late, while it is marked as dirty. As the image says where
     *     not given.
     * @param overlapCheck Which metadata is looked out for before anything is written: none, constant, cached or all.
     */
    public record Options(
            @Nullable ByteSize l2CacheSize,
            @Nullable ByteSize l2CacheEntrySize,
            @Nullable ByteSize refcountCacheSize,
            @Nullable ByteSize cacheSize,
            @Nullable Boolean l2CachePacked,

            @DurationUnit(ChronoUnit.SECONDS)
            @DurationMin
            @DurationMax(seconds = ImageOptions.MAX_CACHE_CLEAN_INTERVAL_SECONDS)
            @Nullable
            Duration cacheCleanInterval,

            @Nullable Boolean cacheDirect,
            @Nullable DiscardMode discard,
            @Nullable Boolean compress,
            @Nullable DetectZeroes detectZeroes,
            @Nullable Boolean passDiscardRequest,
            @Nullable Boolean passDiscardSnapshot,
            @Nullable Boolean passDiscardOther,
            @Nullable Boolean discardNoUnref,
            @Nullable Boolean readOnly,
            @Nullable Boolean lazyRefcounts,
            @Nullable OverlapCheckProperties overlapCheck) {

        /** These options, and those of {@code otherwise} where there are none. Cache sizes are these alone. */
        public ImageOptions over(ImageOptions otherwise, @Nullable ImageFormat format) {
            return new ImageOptions(
                            format,
                            Objects.requireNonNullElse(readOnly, otherwise.readOnly()),
                            new CacheOptions(
                                    bytes(l2CacheSize),
                                    bytes(l2CacheEntrySize),
                                    bytes(refcountCacheSize),
                                    bytes(cacheSize),
                                    l2CachePacked),
                            cacheCleanInterval == null
                                    ? otherwise.cacheCleanIntervalSeconds()
                                    : cacheCleanInterval.toSeconds(),
                            Objects.requireNonNullElse(discard, otherwise.discard()),
                            cacheDirect == null ? otherwise.cacheDirect() : cacheDirect,
                            null)
                    .withWrites(writesOver(otherwise.writes()))
                    .withLazyRefcounts(lazyRefcounts == null ? otherwise.lazyRefcounts() : lazyRefcounts)
                    .withOverlapCheck(
                            overlapCheck == null
                                    ? otherwise.overlapCheck()
                                    : overlapCheck.over(otherwise.overlapCheck()));
        }

        private WriteOptions writesOver(WriteOptions otherwise) {
            return new WriteOptions(
                    Objects.requireNonNullElse(compress, otherwise.compress()),
                    Objects.requireNonNullElse(detectZeroes, otherwise.detectZeroes()),
                    passDiscardRequest == null ? otherwise.passDiscardRequest() : passDiscardRequest,
                    Objects.requireNonNullElse(passDiscardSnapshot, otherwise.passDiscardSnapshot()),
                    Objects.requireNonNullElse(passDiscardOther, otherwise.passDiscardOther()),
                    Objects.requireNonNullElse(discardNoUnref, otherwise.discardNoUnref()));
        }

        private static @Nullable Long bytes(@Nullable ByteSize size) {
            return size == null ? null : size.bytes();
        }
    }

    /**
     * A drive that is opened at start. The options stand here once more because properties bind to a record's own
     * components only.
     *
     * @param file The image, relative to the image root.
     * @param format What the image is: what its content says where not given, which is never raw. Only qcow2 and raw are
     *     written.
     * @param l2CacheSize Largest size of the L2 cache.
     * @param l2CacheEntrySize Size of one L2 cache entry: a power of two from 512 to the cluster size.
     * @param refcountCacheSize Size of the refcount cache.
     * @param cacheSize Size of the L2 and refcount cache together.
     * @param l2CachePacked Whether L2 slices are held in the smallest form that says the same, so that the same size maps
     *     more of the disk.
     * @param cacheCleanInterval How long cache entries may be idle before their memory is given back. Seconds where no
     *     unit is given; 0 is never.
     * @param cacheDirect Whether reads and writes go past the host's page cache.
     * @param discard What becomes of discard requests.
     * @param compress Whether what is written is compressed. Images that cannot have that are refused.
     * @param detectZeroes What becomes of zeros that the guest writes as data: off, on or unmap.
     * @param passDiscardRequest Whether the host gets the space back that the guest discards or zeroes. Where discard is
     *     unmap, if not given.
     * @param passDiscardSnapshot Whether the host gets the space back that only a deleted snapshot had.
     * @param passDiscardOther Whether the host gets the space back that was moved or written over.
     * @param discardNoUnref Whether a cluster that the guest discards keeps its place in the file. Version 3 only.
     * @param readOnly Whether writes are refused.
     * @param lazyRefcounts Whether refcounts may reach the file late, while it is marked as dirty. As the image says where
     *     not given.
     * @param overlapCheck Which metadata is looked out for before anything is written: none, constant, cached or all.
     * @param dataFile The external data file, relative to the image's folder, where it is not the one that the image
     *     names.
     * @param snapshot The internal snapshot, by its id or else its name, that is read in the place of the active disk.
     *     The drive is read-only then.
     * @param keySecretFile The file in the secrets folder that holds the passphrase of an encrypted image.
     */
    public record StartDrive(
            @NotBlank String file,
            @Nullable ImageFormat format,
            @Nullable ByteSize l2CacheSize,
            @Nullable ByteSize l2CacheEntrySize,
            @Nullable ByteSize refcountCacheSize,
            @Nullable ByteSize cacheSize,
            @Nullable Boolean l2CachePacked,

            @DurationUnit(ChronoUnit.SECONDS)
            @DurationMin
            @DurationMax(seconds = ImageOptions.MAX_CACHE_CLEAN_INTERVAL_SECONDS)
            @Nullable
            Duration cacheCleanInterval,

            @Nullable Boolean cacheDirect,
            @Nullable DiscardMode discard,
            @Nullable Boolean compress,
            @Nullable DetectZeroes detectZeroes,
            @Nullable Boolean passDiscardRequest,
            @Nullable Boolean passDiscardSnapshot,
            @Nullable Boolean passDiscardOther,
            @Nullable Boolean discardNoUnref,
            @Nullable Boolean readOnly,
            @Nullable Boolean lazyRefcounts,
            @Nullable OverlapCheckProperties overlapCheck,
            @Nullable String dataFile,
            @Nullable String snapshot,
            @Nullable String keySecretFile) {

        /** What the drive is opened with: its own options, and those of {@code otherwise} where it has none. */
        public ImageOptions over(ImageOptions otherwise) {
            Options options = new Options(
                    l2CacheSize,
                    l2CacheEntrySize,
                    refcountCacheSize,
                    cacheSize,
                    l2CachePacked,
                    cacheCleanInterval,
                    cacheDirect,
                    discard,
                    compress,
                    detectZeroes,
                    passDiscardRequest,
                    passDiscardSnapshot,
                    passDiscardOther,
                    discardNoUnref,
                    readOnly,
                    lazyRefcounts,
                    overlapCheck);
            return options.over(otherwise, format)
                    .withDataFile(dataFile)
                    .withSnapshot(snapshot)
                    .withReadOnly(readOnly == null ? snapshot != null || otherwise.readOnly() : readOnly)
                    .withEncrypt(keySecretFile == null ? null : new EncryptOptions(null, null, keySecretFile));
        }
    }
}
