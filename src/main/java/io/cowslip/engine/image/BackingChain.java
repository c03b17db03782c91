package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.alloc.InFlightRequests;
import io.cowslip.engine.codec.ClusterCipher;
import io.cowslip.engine.format.ImageHeader;
import io.cowslip.engine.host.FileIdentity;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.image.ChainFiles.OpenedFile;
import io.cowslip.engine.image.encryption.EncryptedData;
import io.cowslip.engine.image.encryption.Encryption;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.layer.ImageLayer;
import io.cowslip.engine.image.layer.Qcow2Layer;
import io.cowslip.engine.image.layer.RawLayer;
import io.cowslip.engine.image.map.DataStore;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Opens an image with all the files below it: {@link ChainFiles} from the top down, then layers from the bottom up. */
final class BackingChain {
    private final ImageEnvironment environment;
    private final InFlightRequests requests;

    private final ChainFiles files;

    private BackingChain(ImageEnvironment environment, InFlightRequests requests, @Nullable FileIdentity guarded) {
        this.environment = environment;
        this.requests = requests;
        this.files = new ChainFiles(environment, guarded);
    }

    /** Opens the chain under {@code file}; on failure nothing stays open. */
    static ImageLayer open(Path file, ImageOptions options, ImageEnvironment environment, InFlightRequests requests)
            throws IOException {
        BackingChain chain = new BackingChain(environment, requests, null);
        return chain.openAll(() -> chain.files.open(file, options, null), null);
    }

    /**
     * The same for a snapshot of an image that is open: its own file is read by another descriptor and not locked, which
     * the open one's lock would refuse. The caller sees to it that the snapshot stays.
     *
     * @param guarded the open image's file
     */
    static ImageLayer openSnapshot(
            Path file,
            FileIdentity guarded,
            ImageOptions options,
            ImageEnvironment environment,
            InFlightRequests requests)
            throws IOException {
        BackingChain chain = new BackingChain(environment, requests, guarded);
        return chain.openAll(() -> chain.files.open(file, options, null), null);
    }

    /** Opens {@code file} upon another chain than its header names, that of {@code backing}; null: upon nothing. */
    static ImageLayer openOver(
            Path file,
            @Nullable Path backing,
            ImageOptions options,
            ImageEnvironment environment,
            InFlightRequests requests)
            throws IOException {
        BackingChain chain = new BackingChain(environment, requests, null);
        return chain.openAll(
                () -> {
                    chain.files.openOne(file, options, !options.readOnly());
                    if (backing != null) {
                        chain.files.open(backing, options.below(), null);
                    }
                },
                null);
    }

    /**
     * Opens {@code file} and the layers between it and {@code base}, which is open and stays so when this fails.
     *
     * @throws ImageException INVALID_OPTION naming {@code base} when that is not below the file
     */
    static ImageLayer openAbove(
            Path file, ImageLayer base, ImageOptions options, ImageEnvironment environment, InFlightRequests requests)
            throws IOException {
        BackingChain chain = new BackingChain(environment, requests, null);
        return chain.openAll(() -> chain.files.open(file, options, base), base);
    }

    /** Opens only the top file of {@code old} anew, for reading or writing, upon the layers that are open below it. */
    static ImageLayer openTop(
            HostFile file,
            ImageOptions options,
            ImageLayer old,
            ImageEnvironment environment,
            InFlightRequests requests)
            throws IOException {
        BackingChain chain = new BackingChain(environment, requests, null);
        OpenedFile opened = chain.files.examine(file, options, !options.readOnly());
        try {
            HostFile data = opened.dataFile() == null ? file : opened.dataFile();
            if (!data.identity().equals(old.dataFile().identity())) {
                throw ImageException.of(
                        Kind.BUSY, data.path(), "the data file was replaced since the image was opened; open it anew");
            }
            return chain.newLayer(opened, old.backing(), cipherOf(old));
        } catch (IOException | RuntimeException | Error failure) {
            if (opened.dataFile() != null) {
                ChainFiles.close(opened.dataFile()::close, failure);
            }
            throw failure;
        }
    }

    /** What an open image was unlocked with: its passphrase is not kept. */
    private static @Nullable ClusterCipher cipherOf(ImageLayer layer) {
        EncryptedData encrypted =
                layer instanceof Qcow2Layer qcow2 ? qcow2.data().encrypted() : null;
        return encrypted == null ? null : encrypted.copyOfCipher();
    }

    @FunctionalInterface
    private interface Opening {
        void open() throws IOException;
    }

    /** @param bottom upon which the files opened make layers, or null */
    private ImageLayer openAll(Opening opening, @Nullable ImageLayer bottom) throws IOException {
        ImageLayer layer = bottom;
        try {
            opening.open();
            for (OpenedFile next : files.opened().reversed()) {
                layer = newLayer(next, layer, cipher(next));
            }
            return Objects.requireNonNull(layer);
        } catch (IOException | RuntimeException | Error failure) {
            closeQuietly(layer, bottom, failure);
            throw failure;
        }
    }

    private static @Nullable ClusterCipher cipher(OpenedFile next) throws IOException {
        if (next.header() == null) {
            Encryption.refuse(next.file(), next.options().encrypt());
            return null;
        }
        return Encryption.unlock(next.file(), next.header(), next.options());
    }

    /** @param cipher the new layer's own; ended here where there comes to be none */
    private ImageLayer newLayer(OpenedFile next, @Nullable ImageLayer backing, @Nullable ClusterCipher cipher)
            throws IOException {
        boolean top = files.areNone() || next == files.opened().getFirst();
        boolean writable = top && !next.options().readOnly();
        if (next.foreign() != null) {
            return next.foreign();
        }
        if (next.header() == null) {
            return rawLayer(next, writable);
        }
        try {
            return new Qcow2Layer(
                    next.file(),
                    data(next, next.header(), cipher),
                    next.header(),
                    backing,
                    writable,
                    next.options(),
                    environment.caches(),
                    requests);
        } catch (IOException | RuntimeException | Error refused) {
            if (cipher != null) {
                cipher.close();
            }
            throw refused;
        }
    }

    private static RawLayer rawLayer(OpenedFile next, boolean writable) throws IOException {
        RawLayer layer = new RawLayer(next.file(), writable);
        if (writable) {
            layer.requirePossible(next.options());
        }
        return layer;
    }

    private static DataStore data(OpenedFile opened, ImageHeader header, @Nullable ClusterCipher cipher) {
        HostFile file = opened.dataFile() == null ? opened.file() : opened.dataFile();
        boolean legacy = header.cryptMethod() == ImageHeader.CRYPT_AES;
        return DataStore.of(
                opened.file(),
                opened.dataFile(),
                header.features().rawExternalData(),
                cipher == null ? null : new EncryptedData(file, cipher, legacy));
    }

    /** Closes the layers made so far, and the files that no layer has taken over yet. */
    private void closeQuietly(@Nullable ImageLayer made, @Nullable ImageLayer bottom, Throwable failure) {
        Set<HostFile> owned = new HashSet<>();
        for (ImageLayer layer = made; layer != null && layer != bottom; layer = layer.backing()) {
            owned.add(layer.file());
            ChainFiles.close(layer::close, failure);
        }
        for (OpenedFile next : files.opened()) {
            if (!owned.contains(next.file())) {
                ChainFiles.close(next.file()::close, failure);
                if (next.foreign() != null) {
                    ChainFiles.close(next.foreign()::close, failure);
                }
                if (next.dataFile() != null) {
                    ChainFiles.close(next.dataFile()::close, failure);
                }
            }
        }
    }
}
