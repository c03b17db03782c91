package io.cowslip.testing;

import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.Preallocation;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.IntSupplier;

/**
 * A guest at work on an image of the engine and on a {@link ModelDisk} alike. Each read is compared. Changes go into a
 * {@link GuestHistory} with their place in the host's log. One thread.
 */
public final class GuestSession implements AutoCloseable {
    private final Disk disk;
    private final ImageEnvironment environment;
    private final ModelDisk model;
    private final GuestHistory history;
    private final IntSupplier logLength;
    private DiskImage image;
    private boolean resizing;
    private boolean open = true;
    private boolean closedInOrder;
    private ImageOptions options;
    private UnderWay underWay = UnderWay.OTHER_WORK;

    /**
     * What is being done to the disk, for those who use it at the same time.
     *
     * @param from the first byte that it is about
     * @param to behind the last one
     */
    public record UnderWay(Kind kind, int from, int to) {

        /** What the bytes may be until it is over, and whether it stops others. */
        public enum Kind {
            /** A read or flush of a guest: bytes are as they were, and are to stay so. */
            LOOK,
            /** A write, zeroing or discard of a guest: bytes are old or new. */
            CHANGE,
            /** Something with the whole disk, which may want it for itself. */
            OTHER
        }

        private static final UnderWay OTHER_WORK = new UnderWay(Kind.OTHER, 0, 0);

        /** Whether bytes of this range may be old or new. */
        public boolean mayHaveChanged(int offset, int length) {
            return kind != Kind.LOOK && touches(offset, length);
        }

        public boolean touches(int offset, int length) {
            return offset < to && offset + length > from;
        }
    }

    /**
     * What the guest's disk is.
     *
     * @param discardKeepsData whether discards change nothing: a version 2 image over a backing file has no way to say
     *     that a cluster reads as zeros
     */
    public record Disk(Path file, int clusterBytes, boolean discardKeepsData) {}

    private GuestSession(
            Disk disk, ImageOptions options, ImageEnvironment environment, ModelDisk model, IntSupplier logLength)
            throws IOException {
        this.disk = disk;
        this.environment = environment;
        this.model = model;
        this.history = new GuestHistory(model);
        this.logLength = logLength;
        this.options = options;
        image = DiskImage.open(disk.file(), options, environment);
    }

    /** Opens the disk, which holds what {@code model} holds. */
    public static GuestSession open(Disk disk, ImageOptions options, ImageEnvironment environment, ModelDisk model)
            throws IOException {
        return new GuestSession(disk, options, environment, model, () -> 0);
    }

    /** The same on files that record what happens to them. */
    public static GuestSession open(Disk disk, ImageOptions options, CrashingHostFiles files, ModelDisk model)
            throws IOException {
        return open(disk, options, TestImages.environment(files), model, files);
    }

    /** The same through an environment whose files end in {@code recording}. */
    public static GuestSession open(
            Disk disk, ImageOptions options, ImageEnvironment environment, ModelDisk model, CrashingHostFiles recording)
            throws IOException {
        return new GuestSession(disk, options, environment, model, recording::logLength);
    }

    public Disk disk() {
        return disk;
    }

    public int sizeBytes() {
        return model.sizeBytes();
    }

    public ModelDisk model() {
        return model;
    }

    public GuestHistory history() {
        return history;
    }

    public DiskImage image() {
        return image;
    }

    public boolean isOpen() {
        return open;
    }

    /** What the request under way is about; for who is called from within it. */
    public UnderWay underWay() {
        return underWay;
    }

    private void during(UnderWay about, Request request) throws IOException {
        underWay = about;
        try {
            request.run();
        } finally {
            underWay = UnderWay.OTHER_WORK;
        }
    }

    /** Reads a range and insists on what was last written there. */
    public void read(int offset, int length) throws IOException {
        during(
                new UnderWay(UnderWay.Kind.LOOK, offset, offset + length),
                () -> model.difference(offset, TestImages.read(image, offset, length))
                        .ifPresent(difference -> {
                            throw new AssertionError("read " + offset + "+" + length + ": " + difference);
                        }));
    }

    public void write(int offset, byte[] bytes) throws IOException {
        changing(offset, bytes, () -> TestImages.write(image, offset, bytes));
    }

    public void zero(int offset, int length) throws IOException {
        changing(offset, new byte[length], () -> image.zero(offset, length));
    }

    /** Discards a range: its whole clusters read as zeros from now on, unless this disk's discards change nothing. */
    public void discard(int offset, int length) throws IOException {
        int from = Math.ceilDiv(offset, disk.clusterBytes()) * disk.clusterBytes();
        int end = offset + length;
        int to = end == sizeBytes() ? end : end / disk.clusterBytes() * disk.clusterBytes();
        boolean keeps = disk.discardKeepsData() || options.discard() == ImageOptions.DiscardMode.IGNORE;
        byte[] zeros = new byte[keeps ? 0 : Math.max(0, to - from)];
        changing(zeros.length == 0 ? 0 : from, zeros, () -> image.discard(offset, length));
    }

    private void changing(int offset, byte[] bytes, Request request) throws IOException {
        history.changed(offset, bytes, logLength.getAsInt());
        model.write(offset, bytes);
        try {
            during(changeOf(offset, bytes.length), request);
        } catch (IOException e) {
            throw new ChangeFailed(offset, bytes.length, e);
        }
    }

    private static UnderWay changeOf(int offset, int length) {
        return new UnderWay(UnderWay.Kind.CHANGE, offset, offset + length);
    }

    /** A change of this range failed: any part of it may have been done. See {@link #settle}. */
    public static final class ChangeFailed extends IOException {
        private static final long serialVersionUID = 1;
        private final IOException failure;
        private final int offset;
        private final int length;

        ChangeFailed(int offset, int length, IOException cause) {
            super(cause);
            this.failure = cause;
            this.offset = offset;
            this.length = length;
        }

        /** What the engine said. */
        public IOException failure() {
            return failure;
        }
    }

    /** Gives the disk another size. After a failure, {@link #settleSize} tells which it has. */
    public void resize(int sizeBytes, Preallocation preallocation) throws IOException {
        resizing = true;
        history.resizing(sizeBytes, logLength.getAsInt());
        model.beginResize(sizeBytes);
        during(
                new UnderWay(UnderWay.Kind.OTHER, Math.min(sizeBytes, model.sizeBytes()), Integer.MAX_VALUE),
                () -> image.resize(sizeBytes, true, preallocation));
        settleSize();
        if (model.sizeBytes() != sizeBytes) {
            throw new AssertionError("resized to " + sizeBytes + ", but the disk has " + model.sizeBytes());
        }
    }

    /** Takes the size that the disk has now for true, once what the image says is what the file says. */
    public void settleSize() {
        if (resizing) {
            resizing = false;
            int sizeBytes = Math.toIntExact(image.virtualSizeBytes());
            model.resize(sizeBytes);
            history.resized(sizeBytes, logLength.getAsInt());
        }
    }

    /** After a failed change: takes what the range holds now for true, if it may be there. */
    public void settle(ChangeFailed failed) throws IOException {
        adopt(failed.offset, failed.length);
    }

    private void adopt(int offset, int length) throws IOException {
        byte[] found = TestImages.read(image, offset, length);
        model.adopt(offset, found);
        history.changed(offset, found, logLength.getAsInt());
    }

    public void flush() throws IOException {
        during(new UnderWay(UnderWay.Kind.LOOK, 0, 0), () -> image.flush());
        flushed();
    }

    /** Takes a snapshot, which makes durable what was written before. */
    public void snapshot(String name) throws IOException {
        // What is written meanwhile may be in the snapshot or not.
        during(
                new UnderWay(UnderWay.Kind.OTHER, 0, Integer.MAX_VALUE),
                () -> image.snapshots().create(name, 1_700_000_000, 5));
        flushed();
    }

    /** Goes back to a snapshot of a disk of this size, which held {@code then}; durable when this returns. */
    public void revert(String name, byte[] then) throws IOException {
        changing(
                0,
                then,
                () -> during(
                        new UnderWay(UnderWay.Kind.OTHER, 0, then.length),
                        () -> image.snapshots().revert(name)));
        flushed();
    }

    public void reconfigure(ImageOptions newOptions) throws IOException {
        image.reconfigure(newOptions);
        options = newOptions;
    }

    public ImageOptions options() {
        return options;
    }

    public void cleanCaches() {
        image.cleanCaches();
    }

    public void reopen() throws IOException {
        close();
        open();
    }

    /** What is done to an image that nobody has open, and does not change what its disk holds. */
    @FunctionalInterface
    public interface Maintenance {
        void run(Path file, ImageEnvironment environment) throws IOException;
    }

    /** Has something done while the image is closed, and opens it again. */
    public void whileClosed(Maintenance work) throws IOException {
        close();
        work.run(disk.file(), environment);
        open();
    }

    private void open() throws IOException {
        image = DiskImage.open(disk.file(), options, environment);
        open = true;
    }

    /**
     * Goes on after a failure, on a host that is well again: with the image as it is where that is open and takes writes,
     * else with one that is opened anew.
     *
     * @return whether the image had to be given up with changes that were not flushed
     */
    public boolean recover() throws IOException {
        if (open && takesWrites()) {
            settleSize();
            return false;
        }
        if (open) {
            try {
                close();
            } catch (IOException refused) {
                // What was not flushed may be lost, and is not taken for flushed.
                closedInOrder = false;
            }
        }
        boolean inOrder = closedInOrder;
        reopenAfterClose(inOrder);
        return !inOrder;
    }

    private boolean takesWrites() {
        try {
            image.flush();
            flushed();
            return true;
        } catch (IOException stopped) {
            return false;
        }
    }

    /** Opens the image after a close; one that failed may have lost what was not flushed. */
    public void reopenAfterClose(boolean succeeded) throws IOException {
        open();
        settleSize();
        if (!succeeded) {
            adopt(0, sizeBytes());
        }
    }

    @Override
    public void close() throws IOException {
        if (open) {
            open = false;
            closedInOrder = false;
            image.close();
            closedInOrder = true;
        }
        Processes.awaitStarts();
        if (closedInOrder) {
            flushed();
        }
    }

    private void flushed() {
        model.flushed();
        history.flushed(logLength.getAsInt());
    }

    @FunctionalInterface
    private interface Request {
        void run() throws IOException;
    }
}
