package io.cowslip.engine.format;

import io.cowslip.engine.ImageException;

/** Refuses images that are sound but use what this engine does not do, each by its name. */
final class SupportedFeatures {
    private static final String REPAIR =
            "; a job {\"type\": \"check\", \"repair\": \"all\"} or \"qemu-img check -r all\" repairs it";

    private SupportedFeatures() {}

    /** Refuses what may change the meaning of the rest of the header, so that nothing else of it can be judged. */
    static void requireKnown(ImageHeader header) throws ImageException {
        long unknown = header.features().unknownIncompatible();
        if (unknown != 0) {
            throw unsupported(FeatureNames.ofIncompatible(Long.numberOfTrailingZeros(unknown), header.extensions()));
        }
        if (header.compressionType() > ImageHeader.COMPRESSION_ZSTD) {
            throw unsupported("compression type " + header.compressionType() + " (0, zlib, and 1, zstd, are)");
        }
    }

    static void requireSupported(ImageHeader header, boolean writable) throws ImageException {
        requireKnown(header);
        if (writable) {
            requireWritable(header);
        }
    }

    private static void requireWritable(ImageHeader header) throws ImageException {
        if (header.cryptMethod() == ImageHeader.CRYPT_AES) {
            throw refusedForWriting("has the format's first encryption, AES under the bare passphrase, which protects"
                    + " too little; \"qemu-img convert\" makes it a LUKS one");
        }
        if (header.features().corrupt()) {
            throw refusedForWriting("is marked corrupt" + REPAIR);
        }
        if (header.snapshotCount() > 0 && header.features().externalDataFile()) {
            throw refusedForWriting("has internal snapshots (" + header.snapshotCount()
                    + ") and its data in another file, so that a write would change the snapshots too");
        }
    }

    private static ImageException unsupported(String feature) {
        return ImageException.of(
                ImageException.Kind.UNSUPPORTED_FEATURE, "The image uses a feature that is not supported: " + feature);
    }

    private static ImageException refusedForWriting(String why) {
        return ImageException.of(
                ImageException.Kind.UNSUPPORTED_FEATURE, "The image can only be opened read-only: it " + why);
    }
}
