package io.cowslip.drive.work;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.DiskImage;
import java.io.IOException;

/**
 * A disk, or a file byte for byte, that one request reads from its beginning to its end. It stays what it was when it was
 * opened, or {@link #requireUnchanged} tells. Used by the thread that opened it.
 */
public final class Download implements AutoCloseable {
    private final DiskSources.Opened opened;
    private final String fileName;
    private final long sizeBytes;
    private final boolean unchanging;

    /** @param sizeBytes where the bytes end: a raw image rounds the size of its file up */
    Download(DiskSources.Opened opened, String fileName, long sizeBytes, boolean unchanging) {
        this.opened = opened;
        this.fileName = fileName;
        this.sizeBytes = sizeBytes;
        this.unchanging = unchanging;
    }

    /** What is read, valid until this is closed. */
    public DiskImage image() {
        return opened.image();
    }

    /** What the bytes may be called, without an extension for their format. */
    public String fileName() {
        return fileName;
    }

    /** How many bytes there are, which may be fewer than the image has. */
    public long sizeBytes() {
        return sizeBytes;
    }

    /** Strong validator of the bytes, without quotes. */
    public String version() throws IOException {
        return opened.version();
    }

    /** Whether nobody can change the bytes while they are read. */
    public boolean isUnchanging() {
        return unchanging;
    }

    /** Fails when the bytes may have changed since this was opened. */
    public void requireUnchanged() {
        opened.requireUnchanged();
    }

    /** Why a read of the bytes failed; fails itself, as {@link #requireUnchanged}, where that is since they have become fewer. */
    public ImageException unlessChanged(ImageException failure) {
        return opened.unlessChanged(failure);
    }

    @Override
    public void close() throws IOException {
        opened.close();
    }
}
