package io.cowslip.drive.work;

import io.cowslip.access.Caller;
import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.DriveClaims.Claim;
import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.FileHolder;
import io.cowslip.drive.registry.DriveOpener;
import io.cowslip.drive.volume.PinnedFormats;
import io.cowslip.drive.volume.UploadedReferences;
import io.cowslip.drive.volume.VolumeListing;
import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import io.cowslip.engine.host.FileIdentity;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.convert.DiskCommit;
import io.cowslip.engine.image.convert.DiskRebase;
import io.cowslip.engine.image.convert.HeaderAmender;
import io.cowslip.engine.image.file.FileReferences;
import io.cowslip.engine.image.options.ImageFormat;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Moves what volumes have between the layers of their chains, for jobs: nobody else has the layers open that are written,
 * and nobody writes the others.
 */
public final class Overlays {
    private static final Logger log = LoggerFactory.getLogger(Overlays.class);

    private final DriveOpener opener;
    private final DriveClaims claims;
    private final VolumeListing listing;

    Overlays(DriveOpener opener, DriveClaims claims) {
        this.opener = opener;
        this.claims = claims;
        this.listing = new VolumeListing(opener.root());
    }

    /** Refuses a rebase that could not be done as things stand. */
    public void requirePossible(String file, ImageOptions options, RebaseOptions rebase) throws IOException {
        claims.requireFree(rebaseClaims(file, options, rebase));
    }

    /**
     * Puts a volume upon another backing file, or none, for the job of this id, and wipes the passphrases of the options.
     *
     * @return the volume's facts and those of the chain below it, as they are then
     */
    public List<ImageInfo> rebase(
            String job, String file, ImageOptions options, RebaseOptions rebase, WorkObserver observer)
            throws IOException {
        DiskRebase.Backing backing = rebase.backing();
        try {
            return claimed(job, () -> rebaseClaims(file, options, rebase), () -> {
                Path path = opener.root().existing(file);
                UploadedReferences.allow(opener.root(), path);
                if (rebase.unsafe()) {
                    HeaderAmender.amend(path, DiskRebase.amendment(backing), observer, opener.environment());
                } else {
                    rebase(path, options, backing, observer);
                }
                return ImageInfo.chain(path, opener.environment());
            });
        } finally {
            options.wipeSecrets();
            if (backing != null) {
                backing.options().wipeSecrets();
            }
        }
    }

    private void rebase(Path path, ImageOptions options, DiskRebase.@Nullable Backing backing, WorkObserver observer)
            throws IOException {
        ImageOptions filled = opener.secrets().fill(options);
        DiskRebase.Backing below = backing == null
                ? null
                : new DiskRebase.Backing(backing.name(), opener.secrets().fill(backing.options()));
        try {
            DiskRebase.rebase(path, filled, below, observer, opener.environment());
        } finally {
            filled.wipeSecrets();
            if (below != null) {
                below.options().wipeSecrets();
            }
        }
    }

    /** The volume, all that is below it unless nobody is to look there, and all that is to be below it. */
    private List<Claim> rebaseClaims(String file, ImageOptions options, RebaseOptions rebase) throws IOException {
        Path path = opener.root().existing(file);
        List<Claim> wanted = new ArrayList<>();
        // The rebase reads the header that is there: of a raw disk that is its guest's.
        PinnedFormats.of(opener.root()).require(path, ImageFormat.QCOW2);
        if (rebase.unsafe()) {
            wanted.add(new Claim(opener.root().identity(path), file, true, true));
        } else {
            ImageOptions writable = options.withReadOnly(false);
            wanted.addAll(opener.claims(opener.chain(file, writable), writable, null));
        }
        DiskRebase.Backing backing = rebase.backing();
        if (backing != null) {
            ImageOptions readOnly = backing.options().withReadOnly(true);
            String name = opener.root().relativeName(newBacking(path, backing.name()));
            wanted.addAll(opener.claims(opener.chain(name, readOnly), readOnly, null));
        }
        return wanted;
    }

    private Path newBacking(Path image, String name) throws IOException {
        try {
            return opener.environment().references().resolveGiven(image, name, FileReferences.Role.BACKING_FILE);
        } catch (ImageException refused) {
            throw refused.kind() == Kind.NOT_FOUND
                    ? ImageException.invalidOption("backing-file", "backing-file names a file that is not there")
                            .causedBy(refused)
                    : refused;
        }
    }

    /** Refuses a commit that could not be done as things stand. */
    public void requirePossible(String file, ImageOptions options, CommitOptions commit) throws IOException {
        Plan plan = plan(file, options, commit);
        claims.requireFree(plan.claims);
        requireNoDependents(plan, commit);
    }

    /**
     * Writes what a volume has of its disk into a volume below it, for the job of this id, and wipes the passphrases of
     * the options.
     *
     * @return the volume's facts and those of the chain below it, as they are then
     */
    public List<ImageInfo> commit(
            String job, String file, ImageOptions options, CommitOptions commit, WorkObserver observer)
            throws IOException {
        try {
            Plan plan = plan(file, options, commit);
            return claimed(job, () -> plan.claims, () -> {
                requireNoDependents(plan, commit);
                opener.pinWritten(plan.chain, plan.depth);
                ImageOptions filled = opener.complete(plan.chain, options);
                try {
                    DiskCommit.commit(plan.chain.top(), filled, plan.depth, plan.keep, observer, opener.environment());
                } finally {
                    filled.wipeSecrets();
                }
                return ImageInfo.chain(plan.chain.top(), opener.environment());
            });
        } finally {
            options.wipeSecrets();
        }
    }

    /**
     * A commit as the chain stands.
     *
     * @param depth how far down the chain the base is
     */
    private record Plan(DriveOpener.Chain chain, int depth, boolean keep, List<Claim> claims) {
        Path base() {
            return chain.files().get(depth);
        }
    }

    private Plan plan(String file, ImageOptions options, CommitOptions commit) throws IOException {
        DriveOpener.Chain chain = opener.chain(file, options);
        int depth = depth(file, chain, commit.base());
        boolean between = depth > 1;
        boolean keep = commit.keep() == null ? between : commit.keep();
        if (between && !keep) {
            throw ImageException.invalidOption(
                    "keep",
                    "keep is false with a base that has layers above it which do not fit it any more then: the volume must"
                            + " keep what it has");
        }
        List<Claim> wanted = new ArrayList<>();
        for (int layer = 0; layer < chain.files().size(); layer++) {
            boolean writes = layer == depth || (layer == 0 && !keep);
            wanted.add(claim(chain.files().get(layer), writes));
            for (Path dataFile : chain.dataFiles().get(layer)) {
                wanted.add(claim(dataFile, writes));
            }
        }
        return new Plan(chain, depth, keep, wanted);
    }

    private Claim claim(Path file, boolean writes) throws IOException {
        return new Claim(opener.root().identity(file), opener.root().relativeName(file), writes, false);
    }

    private int depth(String file, DriveOpener.Chain chain, @Nullable String base) throws IOException {
        if (chain.files().size() == 1) {
            throw ImageException.invalidOption(
                    "file", "\"" + file + "\" has no backing file, so that there is nothing to commit to");
        }
        if (base == null) {
            return 1;
        }
        FileIdentity wanted = opener.root().identity(opener.root().existing(base));
        for (int layer = 1; layer < chain.files().size(); layer++) {
            if (opener.root().identity(chain.files().get(layer)).equals(wanted)) {
                return layer;
            }
        }
        throw ImageException.invalidOption(
                "base",
                "base is \"" + base + "\", which is not below \"" + file + "\"; it may be one of "
                        + chain.files().subList(1, chain.files().size()).stream()
                                .map(layer -> "\"" + opener.root().relativeName(layer) + "\"")
                                .toList());
    }

    /** Others that stand on the base would read what they never had. */
    private void requireNoDependents(Plan plan, CommitOptions commit) throws IOException {
        if (commit.allowDependents()) {
            return;
        }
        Set<FileIdentity> committed = new HashSet<>();
        for (Path layer : plan.chain.files().subList(0, plan.depth)) {
            committed.add(opener.root().identity(layer));
        }
        FileIdentity base = opener.root().identity(plan.base());
        List<String> dependents = new ArrayList<>();
        for (String name : Caller.ANYONE.<List<String>, IOException>call(listing::all)) {
            if (Caller.ANYONE.call(() -> standsOn(name, base, committed))) {
                dependents.add(Caller.reaches(name) ? "\"" + name + "\"" : "a volume that the caller cannot reach");
            }
        }
        if (!dependents.isEmpty()) {
            throw new DriveException(
                    Reason.IN_USE,
                    "\"" + opener.root().relativeName(plan.base()) + "\" is below "
                            + String.join(", ", dependents)
                            + " as well, which would read differently; \"allow-dependents\": true commits all the same");
        }
    }

    private boolean standsOn(String volume, FileIdentity base, Set<FileIdentity> committed) {
        try {
            List<ImageInfo> chain = ImageInfo.chain(opener.root().existing(volume), opener.environment());
            if (committed.contains(opener.root().identity(chain.getFirst().file()))) {
                return false;
            }
            for (ImageInfo layer : chain.subList(1, chain.size())) {
                if (opener.root().identity(layer.file()).equals(base)) {
                    return true;
                }
            }
        } catch (IOException e) {
            // Broken as it stands: it stands on nothing that it could be told to.
            log.debug("No chain to follow from {}", volume, e);
        }
        return false;
    }

    @FunctionalInterface
    private interface Work {
        List<ImageInfo> run() throws IOException;
    }

    /** Between the first look at the files and the claims nothing is deleted. */
    private List<ImageInfo> claimed(String job, DriveClaims.Look<List<Claim>> files, Work work) throws IOException {
        FileHolder holder = FileHolder.job(job);
        List<Claim> taken = claims.whileFilesStay(() -> {
            List<Claim> wanted = files.take();
            claims.add(holder, wanted);
            return wanted;
        });
        try {
            return work.run();
        } finally {
            claims.remove(holder, taken);
        }
    }
}
