package io.cowslip.drive.work;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.registry.DriveOpener;
import io.cowslip.drive.upload.UploadDigests;
import io.cowslip.drive.upload.UploadRules;
import io.cowslip.drive.upload.UploadSession;
import io.cowslip.drive.upload.UploadStatus;
import io.cowslip.drive.upload.Uploads;
import io.cowslip.drive.volume.PendingVolume;
import io.cowslip.drive.work.Conversion.Target;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Makes volumes of uploads that are whole, where that takes long. An upload is gone once its volume is there. */
public final class Imports {
    private final DriveOpener opener;
    private final Uploads uploads;
    private final Conversions conversions;

    /** @param conversions make what an upload is to become in another form */
    public Imports(DriveOpener opener, Uploads uploads, Conversions conversions) {
        this.opener = opener;
        this.uploads = uploads;
        this.conversions = conversions;
    }

    /**
     * What is to become of an upload.
     *
     * @param upload the volume's name that it was made under
     * @param rules what it must be
     * @param digests what it must come to, by Java's names of algorithms
     * @param target what to make of it; null: it becomes the volume as it is
     */
    public record Import(
            String upload,
            UploadRules rules,
            Map<String, byte[]> digests,
            @Nullable Target target) {

        /** The name of the volume that this makes. */
        public String volume() {
            return target == null ? upload : target.file();
        }
    }

    /** Refuses what could not work as things stand. */
    public void requirePossible(Import wanted) throws IOException {
        PendingVolume.requireNew(opener.root(), wanted.volume());
        UploadStatus status = uploads.find(wanted.upload()).orElseThrow(() -> Uploads.noSuchUpload(wanted.upload()));
        requireWhole(status.name(), status.offsetBytes(), status.lengthBytes());
    }

    private static void requireWhole(String name, long offset, @Nullable Long length) {
        if (length == null || offset != length) {
            throw new DriveException(
                    Reason.IN_USE,
                    "the upload of \"" + name + "\" is not whole: it has " + offset + " bytes"
                            + (length == null ? "" : " of " + length));
        }
    }

    /** @return the facts of the new volume and of the chain below it */
    public List<ImageInfo> make(Import wanted, WorkObserver observer) throws IOException {
        try (UploadSession session = uploads.resume(wanted.upload(), wanted.rules())) {
            requireWhole(session.name(), session.offset(), session.length());
            WorkObserver both = (doneBytes, totalBytes) -> {
                session.requireWanted();
                observer.advanced(doneBytes, totalBytes);
            };
            verify(session, wanted.digests(), both);
            if (wanted.target() == null) {
                return session.publish();
            }
            List<ImageInfo> chain = convert(session, wanted.rules(), wanted.target(), both);
            session.complete();
            return chain;
        }
    }

    private static void verify(UploadSession session, Map<String, byte[]> expected, WorkObserver observer)
            throws IOException {
        if (expected.isEmpty()) {
            return;
        }
        UploadDigests actual = session.readDigests(expected.keySet(), observer);
        for (Map.Entry<String, byte[]> digest : expected.entrySet()) {
            byte[] found = actual.of(digest.getKey());
            if (!MessageDigest.isEqual(found, digest.getValue())) {
                session.discard();
                throw new DriveException(
                        Reason.DIGEST_MISMATCH,
                        "the file's " + digest.getKey() + " is " + hex(found) + ", and was to be "
                                + hex(digest.getValue()) + "; the upload is gone");
            }
        }
    }

    private static String hex(byte @Nullable [] digest) {
        return digest == null ? "" : HexFormat.of().formatHex(digest);
    }

    private List<ImageInfo> convert(UploadSession session, UploadRules rules, Target target, WorkObserver observer)
            throws IOException {
        ImageOptions options = rules.asked().withReadOnly(true);
        try (DiskImage source = DiskImage.open(session.examinedFile(), options, opener.environment())) {
            return conversions.copy(source, target, observer, session::beginPublishing);
        }
    }
}
