package io.cowslip.engine.format;

import io.cowslip.engine.ImageException;

/** Holds a header against the format's limits and the size of its file, before anybody reads or allocates by it. */
final class HeaderChecks {
    private static final int EXTENDED_L2_MIN_CLUSTER_BITS = 14;
    private static final int MAX_REFCOUNT_ORDER = 6;
    private static final int LAST_CRYPT_METHOD = 2;
    private static final int SNAPSHOT_RECORD_MIN_BYTES = 40;

    private final ImageHeader header;
    private final ImageGeometry geometry;
    private final long fileSizeBytes;

    private HeaderChecks(ImageHeader header, long fileSizeBytes) {
        this.header = header;
        this.geometry = header.geometry();
        this.fileSizeBytes = fileSizeBytes;
    }

    static void check(ImageHeader header, long fileSizeBytes) throws ImageException {
        HeaderChecks checks = new HeaderChecks(header, fileSizeBytes);
        checks.checkScalars();
        checks.checkCompression();
        checks.checkL1();
        checks.checkRefcountTable();
        checks.checkSnapshots();
        checks.checkBackingFormat();
        checks.checkDataFile();
    }

    private void checkScalars() throws ImageException {
        if (header.cryptMethod() > LAST_CRYPT_METHOD) {
            throw invalid("crypt_method", header.cryptMethod(), "0 (none), 1 (AES) or 2 (LUKS)");
        }
        if (header.refcountOrder() > MAX_REFCOUNT_ORDER) {
            throw invalid("refcount_order", header.refcountOrder(), "0 to " + MAX_REFCOUNT_ORDER);
        }
        if (header.features().extendedL2() && header.clusterBits() < EXTENDED_L2_MIN_CLUSTER_BITS) {
            throw invalid("cluster_bits", header.clusterBits(), "at least 14 in an image with extended L2 entries");
        }
    }

    private void checkCompression() throws ImageException {
        boolean marked = header.features().compressionType();
        if (marked != (header.compressionType() != ImageHeader.COMPRESSION_ZLIB)) {
            throw invalid(
                    "compression_type",
                    header.compressionType(),
                    marked ? "other than 0, since incompatible bit 3 is set" : "0, since incompatible bit 3 is clear");
        }
    }

    private void checkL1() throws ImageException {
        long maxEntries = ImageGeometry.MAX_L1_BYTES / Long.BYTES;
        if (header.l1Entries() > maxEntries) {
            throw invalid("l1_size", header.l1Entries(), "at most " + maxEntries);
        }
        long bytesPerTable = geometry.guestBytesPerTable();
        long needed =
                header.virtualSizeBytes() / bytesPerTable + (header.virtualSizeBytes() % bytesPerTable == 0 ? 0 : 1);
        if (header.l1Entries() < needed) {
            throw invalid(
                    "l1_size",
                    header.l1Entries(),
                    "at least " + needed + " for a disk of " + header.virtualSizeBytes() + " bytes");
        }
        if (header.l1Entries() > 0) {
            checkTable("l1_table_offset", header.l1TableOffset(), (long) header.l1Entries() * Long.BYTES);
        }
    }

    private void checkRefcountTable() throws ImageException {
        long maxClusters = ImageGeometry.MAX_REFCOUNT_TABLE_BYTES >>> header.clusterBits();
        if (header.refcountTableClusters() == 0 || header.refcountTableClusters() > maxClusters) {
            throw invalid("refcount_table_clusters", header.refcountTableClusters(), "1 to " + maxClusters);
        }
        checkTable(
                "refcount_table_offset",
                header.refcountTableOffset(),
                (long) header.refcountTableClusters() << header.clusterBits());
    }

    private void checkSnapshots() throws ImageException {
        if (header.snapshotCount() > HeaderLayout.MAX_SNAPSHOTS) {
            throw invalid("nb_snapshots", header.snapshotCount(), "at most " + HeaderLayout.MAX_SNAPSHOTS);
        }
        if (header.snapshotCount() > 0) {
            checkTable(
                    "snapshots_offset",
                    header.snapshotTableOffset(),
                    (long) header.snapshotCount() * SNAPSHOT_RECORD_MIN_BYTES);
        }
    }

    private void checkBackingFormat() throws ImageException {
        for (HeaderExtension extension : header.extensions()) {
            long lengthBytes = extension.data().byteSize();
            if (extension.type() == HeaderExtension.BACKING_FORMAT
                    && lengthBytes > HeaderLayout.MAX_BACKING_FORMAT_BYTES) {
                throw invalid(
                        "The length of the backing format's name",
                        lengthBytes,
                        "at most " + HeaderLayout.MAX_BACKING_FORMAT_BYTES);
            }
        }
    }

    private void checkDataFile() throws ImageException {
        String name = header.dataFileName();
        if (name != null && (name.isEmpty() || name.indexOf('\0') >= 0 || name.indexOf('\uFFFD') >= 0)) {
            throw ImageException.of(
                    ImageException.Kind.INVALID_FORMAT,
                    "The external data file's name is empty, holds a zero byte or is not UTF-8; it must be plain text");
        }
        if (name != null && name.length() > HeaderLayout.MAX_DATA_FILE_NAME_BYTES) {
            throw invalid(
                    "The length of the external data file's name",
                    name.length(),
                    "at most " + HeaderLayout.MAX_DATA_FILE_NAME_BYTES);
        }
        if (header.features().rawExternalData() && header.backingName() != null) {
            throw ImageException.of(
                    ImageException.Kind.INVALID_FORMAT,
                    "The header says both that the external data file reads as a raw image and that there is a backing"
                            + " file; it must be one of them");
        }
    }

    // Cluster 0 holds the header, so no table can start there.
    private void checkTable(String field, long hostOffset, long lengthBytes) throws ImageException {
        if (hostOffset == 0 || geometry.offsetInCluster(hostOffset) != 0) {
            throw invalid(field, hostOffset, "a multiple of the cluster size, " + geometry.clusterBytes());
        }
        if (lengthBytes > fileSizeBytes || hostOffset > fileSizeBytes - lengthBytes) {
            throw invalid(field, hostOffset, "such that " + lengthBytes + " bytes lie in the file of " + fileSizeBytes);
        }
    }

    private static ImageException invalid(String field, long value, String right) {
        return ImageException.of(ImageException.Kind.INVALID_FORMAT, field + " is " + value + "; it must be " + right);
    }
}
