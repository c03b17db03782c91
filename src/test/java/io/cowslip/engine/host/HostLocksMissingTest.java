package io.cowslip.engine.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.ImageException.Kind;
import java.nio.file.Path;
import java.util.SortedSet;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Hosts that have no locks, or stop giving them half-way: no half set may stay behind. */
final class HostLocksMissingTest {
    private static final int ENOLCK = 37;
    private static final int EAGAIN = 11;

    private final SortedSet<Long> taken = new TreeSet<>();
    private int remaining = Integer.MAX_VALUE;
    private int failure = -ENOLCK;

    private final HeldLocks locks = new HeldLocks(this::lockByte, Path.of("image"));

    private int lockByte(int command, short type, long byteOffset) {
        if (command == Posix.F_OFD_SETLK && type == Posix.F_UNLCK) {
            taken.remove(byteOffset);
            return 0;
        }
        if (remaining-- <= 0) {
            return failure;
        }
        if (command == Posix.F_OFD_GETLK) {
            return Posix.F_UNLCK;
        }
        taken.add(byteOffset);
        return 0;
    }

    @ParameterizedTest
    @ValueSource(ints = {-22, -37, -95})
    void aHostWithoutLocksGoesWithout(int noSuchThing) throws ImageException {
        remaining = 0;
        failure = noSuchThing;
        locks.change(ImageLock.WRITER);
        locks.change(ImageLock.READER);
        locks.drop();
        assertThat(taken).isEmpty();
    }

    @Test
    void aHostThatStopsHalfWayRefuses() throws ImageException {
        int step = 0;
        while (refuses(ImageLock.WRITER, ++step)) {
            assertThat(taken).as("after step " + step).isEmpty();
        }
        assertThat(step).isGreaterThanOrEqualTo(10);
        assertThat(taken).containsExactly(100L, 101L, 103L, 201L, 203L);
    }

    @Test
    void whatWasHeldStaysHeld() throws ImageException {
        locks.change(ImageLock.READER);
        int step = 0;
        while (refuses(ImageLock.WRITER, step++)) {
            assertThat(taken).as("after step " + step).containsExactly(100L, 201L, 203L);
        }
        assertThat(taken).containsExactly(100L, 101L, 103L, 201L, 203L);
        step = 0;
        while (refuses(ImageLock.READER, step++)) {
            assertThat(taken).as("after step " + step).containsExactly(100L, 101L, 103L, 201L, 203L);
        }
        assertThat(taken).containsExactly(100L, 201L, 203L);
    }

    @Test
    void aLockThatSomebodyHasForHimselfIsBusy() {
        failure = -EAGAIN;
        remaining = 3;
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> locks.change(ImageLock.WRITER))
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(Kind.BUSY));
        remaining = 0;
        assertThatExceptionOfType(ImageException.class)
                .isThrownBy(() -> locks.change(ImageLock.WRITER))
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(Kind.BUSY));
        assertThat(taken).isEmpty();
    }

    /** Whether the host, failing after {@code calls} more, keeps the change from being made. */
    private boolean refuses(ImageLock wanted, int calls) {
        remaining = calls;
        try {
            locks.change(wanted);
            return false;
        } catch (ImageException refusal) {
            assertThat(refusal.kind()).isEqualTo(Kind.IO);
            return true;
        } finally {
            remaining = Integer.MAX_VALUE;
        }
    }
}
