package io.cowslip.engine.image;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.alloc.InFlightRequests;
import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.ImageLock;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.layer.CacheChange;
import io.cowslip.engine.image.layer.ImageLayer;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * One change of the options of an open image, while requests go on; see {@link DiskImage#reconfigure}. All or nothing.
 * Under the image's monitor.
 */
final class Reconfiguration {
    private final DiskImage image;
    private final Path path;
    private final ImageEnvironment environment;
    private final InFlightRequests requests;
    private final PageTransfers transfers;
    private final PublishedSize diskSize;

    Reconfiguration(
            DiskImage image,
            Path path,
            ImageEnvironment environment,
            InFlightRequests requests,
            PageTransfers transfers,
            PublishedSize diskSize) {
        this.image = image;
        this.path = path;
        this.environment = environment;
        this.requests = requests;
        this.transfers = transfers;
        this.diskSize = diskSize;
    }

    /** @throws ImageException as {@link DiskImage#reconfigure} */
    void to(ImageOptions wanted) throws IOException {
        FixedOptions.requireSame(image.options(), wanted, image.top());
        WriteOptions.check(wanted);
        image.top().requirePossible(wanted);
        if (!wanted.readOnly() && !image.top().isWritable()) {
            prepareCaches(wanted).forEach(CacheChange::finish);
            endTransfersAndReopen(wanted);
        }
        List<CacheChange> prepared = prepareCaches(wanted);
        try {
            if (wanted.readOnly() != image.options().readOnly()) {
                changeReadOnly(wanted.readOnly());
            }
            for (CacheChange change : prepared) {
                change.putInForce();
            }
            image.top().guard(wanted);
            image.putInForce(wanted);
            image.top().followWrites(wanted);
        } finally {
            image.awaitAllBegun();
            prepared.forEach(CacheChange::finish);
        }
    }

    private List<CacheChange> prepareCaches(ImageOptions wanted) throws IOException {
        List<CacheChange> prepared = new ArrayList<>();
        ImageOptions layerOptions = wanted;
        try {
            for (ImageLayer layer = image.top(); layer != null; layer = layer.backing()) {
                prepared.add(layer.prepareCaches(layerOptions == null ? CacheOptions.DEFAULTS : layerOptions.caches()));
                layerOptions = layerOptions == null ? null : layerOptions.backing();
            }
            if (layerOptions != null) {
                throw ImageException.invalidOption("backing", "backing has options for a layer that is not there");
            }
        } catch (IOException refused) {
            prepared.forEach(CacheChange::finish);
            throw refused;
        }
        return prepared;
    }

    private void changeReadOnly(boolean readOnly) throws IOException {
        if (readOnly) {
            becomeReadOnly();
        } else {
            image.top().lock(ImageLock.WRITER);
            image.top().resumeBitmaps();
            image.putInForce(image.options().withReadOnly(false));
        }
    }

    private void becomeReadOnly() throws IOException {
        ImageOptions writable = image.options();
        image.putInForce(writable.withReadOnly(true));
        boolean done = false;
        try {
            image.awaitAllBegun();
            image.top().settle();
            image.top().saveBitmaps();
            image.top().settle();
            image.top().lock(ImageLock.READER);
            done = true;
        } finally {
            if (!done) {
                image.top().resumeBitmaps();
                image.putInForce(writable);
            }
        }
    }

    /** Pages that are on their way to clients must have arrived before the file changes. */
    private void endTransfersAndReopen(ImageOptions wanted) throws IOException {
        transfers.allow(false);
        try {
            transfers.awaitThoseBegun(path);
            reopenForWriting(wanted);
        } finally {
            transfers.allow(!image.top().isWritable());
        }
    }

    /** The file was opened for reading, so it takes another descriptor; our own lock on the old one would be in the way. */
    private void reopenForWriting(ImageOptions wanted) throws IOException {
        ImageLayer old = image.top();
        HostFile file = environment.files().open(path, HostFiles.Mode.READ_WRITE, wanted.pageCache());
        try {
            image.replaceTop(openSameForWriting(file, wanted, old));
            diskSize.set(image.top().virtualSizeBytes());
            image.top().followWrites(wanted);
        } catch (IOException | RuntimeException refused) {
            relock(old, file, refused);
            throw refused;
        }
        image.putInForce(image.options().withReadOnly(false));
        requests.awaitThoseBegun();
        old.close();
    }

    private ImageLayer openSameForWriting(HostFile file, ImageOptions wanted, ImageLayer old) throws IOException {
        if (!file.identity().equals(old.file().identity())) {
            throw ImageException.of(Kind.BUSY, path, "the file was replaced since the image was opened; open it anew");
        }
        old.unlock();
        file.lock(ImageLock.WRITER);
        return BackingChain.openTop(file, wanted, old, environment, requests);
    }

    /** Our own lock on the refused descriptor would be in the way of the old one's, so that goes first. */
    private static void relock(ImageLayer old, HostFile refusedFile, Exception refused) {
        try {
            refusedFile.close();
            old.lock(ImageLock.READER);
        } catch (IOException second) {
            refused.addSuppressed(second);
        }
    }
}
