package io.cowslip.engine.image.options;

import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.host.HostFiles;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * How an image is opened. Names and meaning are QEMU's.
 *
 * @param format what the caller says the file is; null: what its content says, which is never raw: that is not guessed,
 *     since a guest could write another format's header into its raw disk
 * @param readOnly whether writes are refused; layers below the first are always read-only
 * @param caches cache sizes of this layer
 * @param cacheCleanIntervalSeconds {@code cache-clean-interval}: entries idle for so long are dropped; 0 is never
 * @param discard what becomes of discard requests
 * @param cacheDirect {@code cache.direct}: whether reads and writes go past the host's page cache; null: as the layer
 *     above, and not for the first
 * @param dataFile {@code data-file}: the external data file, relative to the image's folder; null: the one that the
 *     header names
 * @param encrypt how an encrypted image is to be read; null: not at all
 * @param lazyRefcounts whether refcounts may reach the file late, while it is marked as dirty; null: as the header says
 * @param overlapCheck which metadata is looked out for before anything is written
 * @param snapshot the internal snapshot, by its id or else its name, whose disk is read in the place of the active one;
 *     null: none. The image is read-only then
 * @param writes what becomes of the guest's writes and of the space that they leave behind
 * @param backing options of the layer below; null: the defaults
 */
public record ImageOptions(
        @Nullable ImageFormat format,
        boolean readOnly,
        CacheOptions caches,
        long cacheCleanIntervalSeconds,
        DiscardMode discard,
        @Nullable Boolean cacheDirect,
        @Nullable String dataFile,
        @Nullable EncryptOptions encrypt,
        @Nullable Boolean lazyRefcounts,
        OverlapCheck overlapCheck,
        @Nullable String snapshot,
        WriteOptions writes,
        @Nullable ImageOptions backing) {

    /** QEMU's default of {@code cache-clean-interval} on Linux, in seconds. */
    public static final long DEFAULT_CACHE_CLEAN_INTERVAL_SECONDS = 600;

    /** The largest {@code cache-clean-interval} that QEMU takes, in seconds (an unsigned 32-bit number). */
    public static final long MAX_CACHE_CLEAN_INTERVAL_SECONDS = 0xFFFF_FFFFL;

    /** QEMU's {@code discard}: whether discarded clusters are given back to the host. */
    public enum DiscardMode {
        IGNORE,
        UNMAP
    }

    /** An image with its data in its own file, and in the clear, with all else at its default. */
    public ImageOptions(
            @Nullable ImageFormat format,
            boolean readOnly,
            CacheOptions caches,
            long cacheCleanIntervalSeconds,
            DiscardMode discard,
            @Nullable Boolean cacheDirect,
            @Nullable ImageOptions backing) {
        this(
                format,
                readOnly,
                caches,
                cacheCleanIntervalSeconds,
                discard,
                cacheDirect,
                null,
                null,
                null,
                OverlapCheck.DEFAULT,
                null,
                WriteOptions.DEFAULTS,
                backing);
    }

    /** Everything at its default: a writable image whose content says what it is. */
    public static ImageOptions defaults() {
        return new ImageOptions(
                null,
                false,
                CacheOptions.DEFAULTS,
                DEFAULT_CACHE_CLEAN_INTERVAL_SECONDS,
                DiscardMode.UNMAP,
                null,
                null);
    }

    /** The same with another format. */
    public ImageOptions withFormat(ImageFormat other) {
        return with(parts -> parts.format = other);
    }

    /** The same, writable or not. */
    public ImageOptions withReadOnly(boolean other) {
        return with(parts -> parts.readOnly = other);
    }

    /** The same with other cache sizes. */
    public ImageOptions withCaches(CacheOptions other) {
        return with(parts -> parts.caches = other);
    }

    /** The same with or without the page cache; null: as the layer above. */
    public ImageOptions withCacheDirect(@Nullable Boolean other) {
        return with(parts -> parts.cacheDirect = other);
    }

    /** The same with another external data file. */
    public ImageOptions withDataFile(@Nullable String other) {
        return with(parts -> parts.dataFile = other);
    }

    /** The same with another encryption. */
    public ImageOptions withEncrypt(@Nullable EncryptOptions other) {
        return with(parts -> parts.encrypt = other);
    }

    /** The same with refcounts that may be late or not; null: as the header says. */
    public ImageOptions withLazyRefcounts(@Nullable Boolean other) {
        return with(parts -> parts.lazyRefcounts = other);
    }

    /** The same, looking out for other metadata. */
    public ImageOptions withOverlapCheck(OverlapCheck other) {
        return with(parts -> parts.overlapCheck = other);
    }

    /** The same with another snapshot's disk; null: the active one. */
    public ImageOptions withSnapshot(@Nullable String other) {
        return with(parts -> parts.snapshot = other);
    }

    /** The same with another treatment of the guest's writes. */
    public ImageOptions withWrites(WriteOptions other) {
        return with(parts -> parts.writes = other);
    }

    /** The same over another layer. */
    public ImageOptions withBacking(@Nullable ImageOptions other) {
        return with(parts -> parts.backing = other);
    }

    /** Wipes every passphrase, here and below. */
    public void wipeSecrets() {
        if (encrypt != null && encrypt.keySecret() != null) {
            encrypt.keySecret().close();
        }
        if (backing != null) {
            backing.wipeSecrets();
        }
    }

    /** The same without any passphrase, here and below. */
    public ImageOptions withoutSecrets() {
        ImageOptions own = encrypt == null ? this : withEncrypt(new EncryptOptions(encrypt.format(), null, null));
        return backing == null ? own : own.withBacking(backing.withoutSecrets());
    }

    /** Whether it holds a passphrase itself, wiped or not, here or below; one that a file holds does not count. */
    public boolean hasPassphrase() {
        boolean own = encrypt != null && encrypt.keySecret() != null;
        return own || (backing != null && backing.hasPassphrase());
    }

    /** The same without passphrases, here and below, but with the names of files that hold them. */
    public ImageOptions withoutPassphrases() {
        ImageOptions own = encrypt == null ? this : withEncrypt(encrypt.withoutPassphrase());
        return backing == null ? own : own.withBacking(backing.withoutPassphrases());
    }

    /** The same with the encryption of {@code other}, here and below. */
    public ImageOptions withEncryptOf(ImageOptions other) {
        ImageOptions own = withEncrypt(other.encrypt);
        if (other.backing == null) {
            return own;
        }
        return own.withBacking((backing == null ? defaults() : backing).withEncryptOf(other.backing));
    }

    /** Whether reads and writes go past the host's page cache. */
    public boolean direct() {
        return Boolean.TRUE.equals(cacheDirect);
    }

    /** The options of the layer below, with what it takes over from this one where it is not told otherwise. */
    public ImageOptions below() {
        ImageOptions own = backing == null ? defaults() : backing;
        return own.cacheDirect == null ? own.withCacheDirect(direct()) : own;
    }

    /** How the host's files are opened: {@code cache.direct}. */
    public HostFiles.PageCache pageCache() {
        return direct() ? HostFiles.PageCache.BYPASSED : HostFiles.PageCache.USED;
    }

    private ImageOptions with(Consumer<Parts> change) {
        Parts parts = new Parts(this);
        change.accept(parts);
        return parts.together();
    }

    /** Everything there is, to be changed: so that what leaves the rest alone need not repeat it. */
    private static final class Parts {
        private @Nullable ImageFormat format;
        private boolean readOnly;
        private CacheOptions caches;
        private long cacheCleanIntervalSeconds;
        private DiscardMode discard;
        private @Nullable Boolean cacheDirect;
        private @Nullable String dataFile;
        private @Nullable EncryptOptions encrypt;
        private @Nullable Boolean lazyRefcounts;
        private OverlapCheck overlapCheck;
        private @Nullable String snapshot;
        private WriteOptions writes;
        private @Nullable ImageOptions backing;

        Parts(ImageOptions of) {
            format = of.format;
            readOnly = of.readOnly;
            caches = of.caches;
            cacheCleanIntervalSeconds = of.cacheCleanIntervalSeconds;
            discard = of.discard;
            cacheDirect = of.cacheDirect;
            dataFile = of.dataFile;
            encrypt = of.encrypt;
            lazyRefcounts = of.lazyRefcounts;
            overlapCheck = of.overlapCheck;
            snapshot = of.snapshot;
            writes = of.writes;
            backing = of.backing;
        }

        ImageOptions together() {
            return new ImageOptions(
                    format,
                    readOnly,
                    caches,
                    cacheCleanIntervalSeconds,
                    discard,
                    cacheDirect,
                    dataFile,
                    encrypt,
                    lazyRefcounts,
                    overlapCheck,
                    snapshot,
                    writes,
                    backing);
        }
    }
}
