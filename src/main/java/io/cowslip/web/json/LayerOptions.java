package io.cowslip.web.json;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.ImageOptions.DiscardMode;
import io.cowslip.web.problem.Refusal;
import io.cowslip.web.problem.WithMembersOf;
import io.swagger.v3.oas.annotations.media.Schema;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The open options of one layer as JSON has them, with QEMU's names. What is not given is at its default.
 *
 * @param format what the file is, where its content does not say so
 * @param readOnly whether writes are refused
 * @param l2CacheSize {@code l2-cache-size}
 * @param l2CacheEntrySize {@code l2-cache-entry-size}
 * @param refcountCacheSize {@code refcount-cache-size}
 * @param cacheSize {@code cache-size}: both caches together
 * @param l2CachePacked {@code l2-cache-packed}: whether L2 slices are held in the smallest form that says the same
 * @param cacheCleanInterval {@code cache-clean-interval} in seconds; 0 is never
 * @param cacheDirect {@code cache.direct}: whether reads and writes go past the host's page cache
 * @param discard {@code ignore} or {@code unmap}
 * @param lazyRefcounts {@code lazy-refcounts}: whether refcounts may reach the file late
 * @param overlapCheck {@code overlap-check} and its parts
 * @param writes {@code detect-zeroes}, {@code pass-discard-*} and {@code discard-no-unref}
 * @param dataFile {@code data-file}: the external data file, relative to the image's folder
 * @param encrypt how the layer is read where it is encrypted
 * @param snapshot the internal snapshot, by id or name, that is read in the place of the active disk
 * @param backing the options of the layer below
 */
@Schema(name = "DriveOptions", description = "Open options of one layer, with QEMU's names, meaning and limits")
@WithMembersOf({OverlapCheckOptions.class, WriteLayerOptions.class})
public record LayerOptions(
        @Schema(description = ABOUT_FORMAT) @Nullable String format,

        @Nullable Boolean readOnly,
        @Nullable ByteSize l2CacheSize,
        @Nullable ByteSize l2CacheEntrySize,
        @Nullable ByteSize refcountCacheSize,
        @Nullable ByteSize cacheSize,

        @Schema(description = ABOUT_L2_CACHE_PACKED) @Nullable
        Boolean l2CachePacked,

        @Nullable Long cacheCleanInterval,

        @JsonProperty(CACHE_DIRECT) @Schema(description = ABOUT_CACHE_DIRECT) @Nullable
        Boolean cacheDirect,

        @Nullable String discard,

        @Schema(description = ABOUT_LAZY_REFCOUNTS) @Nullable
        Boolean lazyRefcounts,

        @JsonUnwrapped @Nullable OverlapCheckOptions overlapCheck,

        @JsonUnwrapped @Nullable WriteLayerOptions writes,

        @Schema(description = ABOUT_DATA_FILE) @Nullable String dataFile,

        @Nullable Encryption encrypt,

        @Schema(description = ABOUT_SNAPSHOT) @Nullable String snapshot,

        @Nullable LayerOptions backing) {

    public static final String CACHE_DIRECT = "cache.direct";

    public static final String ABOUT_FORMAT =
            "What the file is: qcow2, raw, vmdk, vhdx, vpc or vdi. What its content says unless given, which is never raw. Only qcow2 and"
                    + " raw are written; others are opened with read-only true. A fixed VHD image (vpc) and a VMDK descriptor that"
                    + " names other files must be named as such";

    public static final String ABOUT_L2_CACHE_PACKED =
            "Whether the L2 cache holds each slice in the smallest form that says the same, so that its size maps more of"
                    + " the disk: true unless given. QEMU has no such option";

    public static final String ABOUT_CACHE_DIRECT =
            "Whether reads and writes go past the host's page cache (O_DIRECT). A layer below that is not told does as"
                    + " the layer above. Cannot change while the image is open";

    public static final String ABOUT_LAZY_REFCOUNTS =
            "Whether refcounts may reach the file as late as when it is closed; until then it is marked as dirty, and"
                    + " whoever opens it for writing after a crash repairs it. Version 3 only. As the image's header says"
                    + " unless given";

    public static final String ABOUT_DATA_FILE =
            "The external data file, relative to the image's folder, where the image has its data in one: the file that"
                    + " its header names unless given. Cannot change while the image is open";

    public static final String ABOUT_SNAPSHOT =
            "The internal snapshot, by its id or else its name, whose disk is read in the place of the active one, also"
                    + " while another drive writes that. The drive is read-only then, and this cannot change while it"
                    + " is open";

    /** The options in force, as they would have to be given. */
    public static LayerOptions of(ImageOptions options) {
        CacheOptions caches = options.caches();
        return new LayerOptions(
                options.format() == null ? null : options.format().wireName(),
                options.readOnly(),
                size(caches.l2CacheSize()),
                size(caches.l2CacheEntrySize()),
                size(caches.refcountCacheSize()),
                size(caches.cacheSize()),
                caches.l2CachePacked(),
                options.cacheCleanIntervalSeconds(),
                options.cacheDirect(),
                options.discard().name().toLowerCase(Locale.ROOT),
                options.lazyRefcounts(),
                OverlapCheckOptions.of(options.overlapCheck()),
                WriteLayerOptions.of(options.writes()),
                options.dataFile(),
                Encryption.of(options.encrypt()),
                options.snapshot(),
                options.backing() == null ? null : of(options.backing()));
    }

    /** These options, and {@code defaults} for those not given. */
    public ImageOptions over(ImageOptions defaults) {
        return over(defaults, "");
    }

    private ImageOptions over(ImageOptions defaults, String prefix) {
        return new ImageOptions(
                        format == null ? defaults.format() : format(prefix + "format"),
                        readOnly == null ? snapshot != null || defaults.readOnly() : readOnly,
                        caches(defaults.caches()),
                        cacheCleanInterval == null
                                ? defaults.cacheCleanIntervalSeconds()
                                : seconds(prefix + "cache-clean-interval", cacheCleanInterval),
                        discard == null ? defaults.discard() : discardMode(prefix + "discard", discard),
                        cacheDirect == null ? defaults.cacheDirect() : cacheDirect,
                        backing == null
                                ? defaults.backing()
                                : backing.over(
                                        defaults.backing() == null ? ImageOptions.defaults() : defaults.backing(),
                                        prefix + "backing."))
                .withLazyRefcounts(lazyRefcounts == null ? defaults.lazyRefcounts() : lazyRefcounts)
                .withOverlapCheck(
                        overlapCheck == null
                                ? defaults.overlapCheck()
                                : overlapCheck.over(defaults.overlapCheck(), prefix))
                .withWrites(writes == null ? defaults.writes() : writes.over(defaults.writes(), prefix))
                .withDataFile(dataFile)
                .withEncrypt(encrypt == null ? null : encrypt.options(prefix + "encrypt."))
                .withSnapshot(snapshot == null ? defaults.snapshot() : snapshot);
    }

    private ImageFormat format(String option) {
        try {
            return ImageFormat.parse(option, String.valueOf(format));
        } catch (ImageException refused) {
            throw Refusal.of(refused);
        }
    }

    private CacheOptions caches(CacheOptions defaults) {
        return new CacheOptions(
                bytes(l2CacheSize, defaults.l2CacheSize()),
                bytes(l2CacheEntrySize, defaults.l2CacheEntrySize()),
                bytes(refcountCacheSize, defaults.refcountCacheSize()),
                bytes(cacheSize, defaults.cacheSize()),
                l2CachePacked == null ? defaults.l2CachePacked() : l2CachePacked);
    }

    private static @Nullable Long bytes(@Nullable ByteSize given, @Nullable Long otherwise) {
        return given == null ? otherwise : Long.valueOf(given.bytes());
    }

    private static @Nullable ByteSize size(@Nullable Long bytes) {
        return bytes == null ? null : new ByteSize(bytes);
    }

    private static long seconds(String option, long seconds) {
        if (seconds < 0 || seconds > ImageOptions.MAX_CACHE_CLEAN_INTERVAL_SECONDS) {
            throw Refusal.ofOption(
                    option,
                    option + " is " + seconds + "; it may be a number of seconds from 0 to "
                            + ImageOptions.MAX_CACHE_CLEAN_INTERVAL_SECONDS);
        }
        return seconds;
    }

    private static DiscardMode discardMode(String option, String value) {
        return switch (value) {
            case "ignore", "off" -> DiscardMode.IGNORE;
            case "unmap", "on" -> DiscardMode.UNMAP;
            default ->
                throw Refusal.ofOption(option, option + " is \"" + value + "\"; it may be \"ignore\" or \"unmap\"");
        };
    }
}
