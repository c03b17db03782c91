package io.cowslip.drive.registry;

import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.DriveClaims.Claim;
import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.FileHolder;
import io.cowslip.drive.registry.DriveOpener.Chain;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Opens images for drives and jobs: their files are found and claimed in one step, and opened after that. A snapshot of an
 * image that a drive writes is read beside that drive.
 */
public final class ImageOpening {
    private final DriveOpener opener;
    private final DriveClaims claims;
    private final Function<DriveId, DriveLease> leases;

    /** @param leases leases open drives */
    ImageOpening(DriveOpener opener, DriveClaims claims, Function<DriveId, DriveLease> leases) {
        this.opener = opener;
        this.claims = claims;
        this.leases = leases;
    }

    /**
     * An image that is open.
     *
     * @param name relative to the image root
     * @param files all that it consists of
     * @param claims what its holder has claimed for it
     */
    public record Opened(String name, DiskImage image, List<Path> files, List<Claim> claims) {}

    /**
     * Opens an image, and wipes the passphrases in {@code options}. When it fails nothing is claimed.
     *
     * @param take claims files for the holder
     */
    public Opened open(FileHolder holder, String file, ImageOptions options, Consumer<List<Claim>> take)
            throws IOException {
        try (Found found = claims.whileFilesStay(() -> find(file, options, take))) {
            return open(holder, found, options);
        } finally {
            options.wipeSecrets();
        }
    }

    /** Claimed files, and the drive that writes the image whose snapshot is to be read, if any. */
    private record Found(
            Chain chain, List<Claim> claims, @Nullable DriveLease writer) implements AutoCloseable {
        @Override
        public void close() {
            if (writer != null) {
                writer.close();
            }
        }
    }

    private Found find(String file, ImageOptions options, Consumer<List<Claim>> take) throws IOException {
        Chain chain = opener.chain(file, options);
        DriveLease writer = writer(chain, options);
        boolean taken = false;
        try {
            List<Claim> wanted = opener.claims(chain, options, writer == null ? null : FileHolder.of(writer.id()));
            take.accept(wanted);
            taken = true;
            return new Found(chain, wanted, writer);
        } finally {
            if (!taken && writer != null) {
                writer.close();
            }
        }
    }

    private @Nullable DriveLease writer(Chain chain, ImageOptions options) throws IOException {
        if (options.snapshot() == null || !options.readOnly()) {
            return null;
        }
        FileHolder writer = claims.writer(opener.root().identity(chain.top())).orElse(null);
        return writer == null || !writer.isDrive() ? null : lease(writer);
    }

    private DriveLease lease(FileHolder writer) {
        try {
            return leases.apply(new DriveId(writer.id()));
        } catch (DriveException refused) {
            if (refused.reason() == DriveException.Reason.NO_SUCH_DRIVE) {
                throw new DriveException(
                        DriveException.Reason.CLOSING, writer + ", which writes the image, is being opened or closed");
            }
            throw refused;
        }
    }

    private Opened open(FileHolder holder, Found found, ImageOptions options) throws IOException {
        boolean open = false;
        try {
            DriveLease writer = found.writer();
            DiskImage image = opener.open(found.chain(), options, writer == null ? null : writer.image());
            open = true;
            Chain chain = found.chain();
            return new Opened(opener.root().relativeName(chain.top()), image, chain.allFiles(), found.claims());
        } finally {
            if (!open) {
                claims.remove(holder, found.claims());
            }
        }
    }
}
