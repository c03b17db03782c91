package io.cowslip.engine.image.layer;

import io.cowslip.engine.ImageException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Lets callers share commits. One commit is under way at a time; whoever asks meanwhile may have changed what that one
 * has seen already, so all of them wait for the next, which one of them makes. A commit that fails fails for all that
 * it was for. Any thread; the lock here is not held while a commit is made.
 */
final class GroupCommit {
    private final Path path;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition roundOver = lock.newCondition();
    private Round next = new Round();
    private boolean underWay;

    /** One commit and those that wait for it. */
    private static final class Round {
        private boolean over;
        private @Nullable Throwable failure;
    }

    /** Makes everything durable that is there when it begins. */
    @FunctionalInterface
    interface Commit {
        void make() throws IOException;
    }

    GroupCommit(Path path) {
        this.path = path;
    }

    /** Returns after a commit that began after the call: {@code commit}, or one like it that somebody else made. */
    void commit(Commit commit) throws IOException {
        Round mine;
        lock.lock();
        try {
            mine = next;
            while (underWay && !mine.over) {
                roundOver.awaitUninterruptibly();
            }
            if (!mine.over) {
                underWay = true;
                next = new Round();
            }
        } finally {
            lock.unlock();
        }
        if (mine.over) {
            requireSuccess(mine);
        } else {
            lead(mine, commit);
        }
    }

    private void lead(Round round, Commit commit) throws IOException {
        Throwable failure = null;
        try {
            commit.make();
        } catch (IOException | RuntimeException | Error failed) {
            failure = failed;
            throw failed;
        } finally {
            end(round, failure);
        }
    }

    private void end(Round round, @Nullable Throwable failure) {
        lock.lock();
        try {
            round.failure = failure;
            round.over = true;
            underWay = false;
            roundOver.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void requireSuccess(Round round) throws ImageException {
        Throwable failure = round.failure;
        if (failure != null) {
            ImageException.Kind kind =
                    failure instanceof ImageException refused ? refused.kind() : ImageException.Kind.IO;
            throw ImageException.of(kind, path, "the commit that this flush shared failed: " + failure.getMessage())
                    .causedBy(failure);
        }
    }
}
