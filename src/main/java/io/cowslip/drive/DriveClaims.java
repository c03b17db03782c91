package io.cowslip.drive;

import io.cowslip.drive.DriveException.Reason;
import io.cowslip.engine.host.FileIdentity;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * Which drive ids are taken, and which files drives and jobs stand on: the same file is never open beside a writer, and
 * the refusal names who has it. The engine's locks on the files say the same to other processes. No I/O happens
 * under this object's monitor.
 *
 * <p>Volumes come and go only under {@link #filesChange()}. Who opens a chain finds it and claims it within one
 * {@link #whileFilesStay}, so that nothing is deleted in between.
 */
public final class DriveClaims {

    /**
     * One file of a chain.
     *
     * @param name relative to the image root, for messages
     * @param own whether it is the drive's own image or has that image's data, so that the drive may come to write it
     * @param beside the drive that has the file open already, and may write it, where only a snapshot in it is read
     */
    public record Claim(
            FileIdentity file,
            String name,
            boolean writes,
            boolean own,
            @Nullable FileHolder beside) {

        /** A file that is beside no drive. */
        public Claim(FileIdentity file, String name, boolean writes, boolean own) {
            this(file, name, writes, own, null);
        }

        private Claim writing(boolean other) {
            return own ? new Claim(file, name, other, true, beside) : this;
        }

        private boolean isBeside(@Nullable FileHolder drive) {
            return beside != null && beside.equals(drive);
        }
    }

    private final int maxDrives;
    private final Map<FileHolder, List<Claim>> claims = new HashMap<>();

    /** Drives that are closing. */
    private final Set<FileHolder> leaving = new HashSet<>();

    private final ReadWriteLock files = new ReentrantReadWriteLock();

    /** @param maxDrives how many drives may be open at once */
    public DriveClaims(int maxDrives) {
        this.maxDrives = maxDrives;
    }

    /** What is done while no volume comes or goes. */
    @FunctionalInterface
    public interface Look<T> {
        T take() throws IOException;
    }

    /** Looks for files, and claims them, while none is deleted or gets a name. */
    public <T> T whileFilesStay(Look<T> look) throws IOException {
        Lock stay = files.readLock();
        stay.lock();
        try {
            return look.take();
        } finally {
            stay.unlock();
        }
    }

    /** To be held by who deletes a volume or gives one its name: nobody is between finding files and claiming them then. */
    public Lock filesChange() {
        return files.writeLock();
    }

    /** Takes the id and the files, or nothing of it. */
    public synchronized void take(DriveId id, List<Claim> files) {
        FileHolder drive = FileHolder.of(id);
        if (claims.containsKey(drive)) {
            throw new DriveException(Reason.ID_TAKEN, "there is a drive \"" + id + "\" already");
        }
        if (claims.keySet().stream().filter(FileHolder::isDrive).count() >= maxDrives) {
            throw new DriveException(
                    Reason.LIMIT_REACHED, maxDrives + " drives are open, as many as cowslip.max-drives allows");
        }
        take(drive, files);
    }

    private void take(FileHolder holder, List<Claim> files) {
        requireFree(holder, files);
        claims.put(holder, new ArrayList<>(files));
    }

    /** Takes files for a job, beside those that it has; or nothing of it. */
    public synchronized void add(FileHolder job, List<Claim> files) {
        requireFree(job, files);
        claims.computeIfAbsent(job, none -> new ArrayList<>()).addAll(files);
    }

    /** Gives back what a job took by {@link #add}. */
    public synchronized void remove(FileHolder job, List<Claim> files) {
        List<Claim> held = claims.get(job);
        if (held != null) {
            files.forEach(held::remove);
            if (held.isEmpty()) {
                claims.remove(job);
            }
        }
    }

    /** Whether the drive writes its own files from now on; refused while others use one of them. */
    public synchronized void changeWriting(DriveId id, boolean writes) {
        FileHolder drive = FileHolder.of(id);
        List<Claim> after = claims.getOrDefault(drive, List.of()).stream()
                .map(claim -> claim.writing(writes))
                .toList();
        requireFree(drive, after);
        claims.put(drive, after);
    }

    /**
     * Notes that the drive is about to close, after which no snapshot of its image is read beside it any more.
     *
     * @throws DriveException IN_USE while one is
     */
    public synchronized void leave(DriveId id) {
        FileHolder drive = FileHolder.of(id);
        claims.forEach((other, held) -> {
            if (held.stream().anyMatch(claim -> claim.isBeside(drive))) {
                throw new DriveException(
                        Reason.IN_USE, other + " reads a snapshot of " + drive + "'s image; it must end first");
            }
        });
        leaving.add(drive);
    }

    /** Notes that the drive does not close after all. */
    public synchronized void stay(DriveId id) {
        leaving.remove(FileHolder.of(id));
    }

    /** The drive is closed: its id and its files are free. */
    public synchronized void release(DriveId id) {
        claims.remove(FileHolder.of(id));
        leaving.remove(FileHolder.of(id));
    }

    /** Who stands on the file. */
    public synchronized Optional<FileHolder> holder(FileIdentity file) {
        return claims.entrySet().stream()
                .filter(entry ->
                        entry.getValue().stream().anyMatch(claim -> claim.file().equals(file)))
                .map(Map.Entry::getKey)
                .findFirst();
    }

    /** Who writes the file. */
    public synchronized Optional<FileHolder> writer(FileIdentity file) {
        return claims.entrySet().stream()
                .filter(entry -> entry.getValue().stream()
                        .anyMatch(claim -> claim.writes() && claim.file().equals(file)))
                .map(Map.Entry::getKey)
                .findFirst();
    }

    /** Refuses files that somebody has now in a way that stands against these claims. */
    public synchronized void requireFree(List<Claim> wanted) {
        requireFree(null, wanted);
    }

    private void requireFree(@Nullable FileHolder holder, List<Claim> wanted) {
        claims.forEach((other, held) -> {
            if (!other.equals(holder)) {
                wanted.forEach(mine -> held.stream()
                        .filter(theirs -> theirs.file().equals(mine.file()))
                        .forEach(theirs -> requireBearable(holder, mine, other, theirs)));
            }
        });
    }

    private void requireBearable(@Nullable FileHolder holder, Claim mine, FileHolder other, Claim theirs) {
        if (mine.isBeside(other)) {
            if (leaving.contains(other)) {
                throw new DriveException(Reason.CLOSING, other + " is closing");
            }
        } else if ((mine.writes() || theirs.writes()) && !theirs.isBeside(holder)) {
            throw new DriveException(
                    Reason.IN_USE,
                    "\"" + mine.name() + "\" is " + (theirs.writes() ? "open for writing" : "in use") + " by " + other);
        }
    }
}
