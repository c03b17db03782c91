package io.cowslip.engine.image.layer;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.map.DataStore;
import io.cowslip.engine.image.options.ImageOptions;

/**
 * What a qcow2 image can do when it is written, by its version and by where and how it has its data.
 *
 * @param version 2 or 3
 */
record ImageCapabilities(int version, DataStore data) {

    /**
     * Refuses {@code lazy-refcounts}, {@code compress} and {@code discard-no-unref} where the image cannot have them.
     *
     * @throws ImageException INVALID_OPTION naming the option
     */
    void require(ImageOptions options) throws ImageException {
        if (version == 2) {
            requireNothingOfVersion3(options);
        }
        if (options.writes().compress()) {
            requireCompression();
        }
    }

    /** As QEMU: version 2 has no dirty bit, and no clusters that have a place and read as zeros. */
    private static void requireNothingOfVersion3(ImageOptions options) throws ImageException {
        if (Boolean.TRUE.equals(options.lazyRefcounts())) {
            throw ImageException.invalidOption(
                    "lazy-refcounts",
                    "lazy-refcounts is on, but the image is of version 2, which cannot say that its refcounts are late;"
                            + " version 3 can");
        }
        if (options.writes().discardNoUnref()) {
            throw ImageException.invalidOption(
                    "discard-no-unref",
                    "discard-no-unref is on, but the image is of version 2, in which a cluster that reads as zeros cannot"
                            + " keep its place; in version 3 it can");
        }
    }

    /** As QEMU: an external data file has no compressed clusters, and what is compressed is not encrypted. */
    private void requireCompression() throws ImageException {
        if (data.isExternal() || data.encrypted() != null) {
            throw ImageException.invalidOption(
                    "compress",
                    "compress is true, but the image "
                            + (data.isExternal() ? "has its data in another file" : "is encrypted")
                            + ", where there are no compressed clusters; leave compress out");
        }
    }
}
