package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.Background;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.GuestSession.UnderWay;
import io.cowslip.testing.RandomData;
import io.cowslip.testing.TestImages;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Who uses a guest's disk while the guest waits for its host: reads something and writes something, neither of which the
 * guest's own request is about. Used by the guest's thread; the requests themselves run in threads of their own.
 */
final class SlowHostNeighbour {
    private static final long HANG_SECONDS = 60;

    private final SplittableRandom random;
    private final int stride;
    private @Nullable GuestSession guest;
    private CompletableFuture<Void> underWay = CompletableFuture.completedFuture(null);
    private int held;
    private int reads;
    private int writes;

    /** @param stride how many operations there are for each that the neighbour uses */
    SlowHostNeighbour(SplittableRandom random, int stride) {
        this.random = random;
        this.stride = stride;
    }

    /** From now on the guest's disk is used. */
    void moveIn(GuestSession neighbour) {
        guest = neighbour;
    }

    /** How many operations took so long that there was time for something. */
    int held() {
        return held;
    }

    int reads() {
        return reads;
    }

    int writes() {
        return writes;
    }

    /** @param hostReads whether the guest waits for a read */
    void useTheTime(boolean hostReads) {
        GuestSession beside = guest;
        if (beside == null || !beside.isOpen() || random.nextInt(stride) > 0) {
            return;
        }
        held++;
        if (underWay.isDone()) {
            underWay.join();
            boolean readersGoOn = !hostReads && beside.underWay().kind() != UnderWay.Kind.OTHER && !isEncrypted(beside);
            read(beside, readersGoOn);
        }
        if (underWay.isDone()) {
            underWay.join();
            write(beside);
        }
    }

    /** Encrypted sectors are read and written under locks of regions. */
    private static boolean isEncrypted(GuestSession beside) {
        return beside.options().encrypt() != null;
    }

    /** Returns once what the neighbour began is over. */
    void finish() {
        underWay.join();
    }

    private void read(GuestSession beside, boolean goesOn) {
        int length = length(beside);
        int offset = offset(beside, length);
        if (beside.underWay().mayHaveChanged(offset, length)) {
            return;
        }
        reads++;
        byte[] expected = beside.model().read(offset, length);
        DiskImage image = beside.image();
        begin(() -> assertThat(TestImages.read(image, offset, length)).isEqualTo(expected), goesOn);
    }

    private void write(GuestSession beside) {
        int length = length(beside);
        int offset = offset(beside, length);
        if (beside.underWay().touches(offset, length)) {
            return;
        }
        writes++;
        byte[] bytes = RandomData.bytes(random, length);
        // The guest compares with the model only once its own request is over, and no byte of that is changed here.
        beside.model().write(offset, bytes);
        DiskImage image = beside.image();
        begin(() -> TestImages.write(image, offset, bytes), false);
    }

    private int length(GuestSession beside) {
        int most = 2 * Math.min(beside.disk().clusterBytes(), 4096);
        return random.nextInt(1, Math.min(most, sizeBytes(beside)) + 1);
    }

    /** Anywhere, or beside what the guest's request is about. */
    private int offset(GuestSession beside, int length) {
        int last = sizeBytes(beside) - length;
        return switch (random.nextInt(4)) {
            case 0 -> Math.clamp((long) beside.underWay().from() - length, 0, last);
            case 1 -> Math.min(beside.underWay().to(), last);
            default -> random.nextInt(last + 1);
        };
    }

    /** What the disk has in any case, while it is given another size. */
    private static int sizeBytes(GuestSession beside) {
        UnderWay resizing = beside.underWay();
        return resizing.to() == Integer.MAX_VALUE && resizing.from() > 0 ? resizing.from() : beside.sizeBytes();
    }

    /** @param goesOn whether nothing that the guest waits for may hold this up */
    private void begin(Background.Action request, boolean goesOn) {
        AtomicReference<@Nullable Thread> thread = new AtomicReference<>();
        underWay = Background.run(request, thread::set);
        if (goesOn) {
            awaitEnd(thread.get());
        } else {
            awaitEndOrWaiting(thread.get());
        }
    }

    private void awaitEnd(@Nullable Thread thread) {
        try {
            underWay.get(HANG_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException held) {
            AssertionError error = new AssertionError("a reader waits for what the guest waits for", held);
            if (thread != null) {
                error.setStackTrace(thread.getStackTrace());
            }
            throw error;
        } catch (ExecutionException failed) {
            throw new AssertionError(failed.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    private void awaitEndOrWaiting(@Nullable Thread thread) {
        while (!underWay.isDone() && thread != null) {
            Thread.State state = thread.getState();
            if (state == Thread.State.WAITING || state == Thread.State.BLOCKED || state == Thread.State.TIMED_WAITING) {
                return;
            }
            Thread.onSpinWait();
        }
    }
}
