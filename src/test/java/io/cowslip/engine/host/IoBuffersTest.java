package io.cowslip.engine.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Buffers on loan: large enough, aligned, one borrower each, and not hoarded. */
final class IoBuffersTest {
    private static final int LARGEST = 4 << 20;

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4095, 4096, 4097, 65_536, 65_537, LARGEST - 1, LARGEST})
    void areLargeEnoughAndAlignedToPages(int length) {
        try (IoBuffers.Loan loan = IoBuffers.borrow(length)) {
            assertThat(loan.segment().byteSize())
                    .isGreaterThanOrEqualTo(length)
                    .isLessThan(Math.max(4097, 2L * length));
            assertThat(loan.segment().address() % 4096).isZero();
            assertThat(loan.segment(length).byteSize()).isEqualTo(length);
            assertThat(loan.segment(length).address()).isEqualTo(loan.segment().address());
        }
    }

    @Test
    void whatIsMoreThanFourMebibytesIsForOneBorrower() {
        IoBuffers.Loan loan = IoBuffers.borrow(LARGEST + 1);
        MemorySegment lent = loan.segment(LARGEST + 1);
        lent.set(ValueLayout.JAVA_BYTE, LARGEST, (byte) 1);
        loan.close();
        assertThat(lent.scope().isAlive()).isFalse();
    }

    @Test
    void aBufferOnLoanIsNobodyElses() {
        List<IoBuffers.Loan> loans = new ArrayList<>();
        Set<Long> addresses = new HashSet<>();
        for (int count = 0; count < 20; count++) {
            IoBuffers.Loan loan = IoBuffers.borrow(LARGEST);
            loans.add(loan);
            assertThat(addresses.add(loan.segment().address())).isTrue();
        }
        loans.forEach(IoBuffers.Loan::close);
    }

    @Test
    void closingALoanTwiceTakesTheBufferFromNobody() {
        IoBuffers.Loan loan = IoBuffers.borrow(LARGEST);
        loan.close();
        Set<Long> addresses = new HashSet<>();
        List<IoBuffers.Loan> next = new ArrayList<>();
        for (int count = 0; count < 8; count++) {
            next.add(IoBuffers.borrow(LARGEST));
            loan.close();
            assertThat(addresses.add(next.getLast().segment().address())).isTrue();
        }
        next.forEach(IoBuffers.Loan::close);
        assertThatExceptionOfType(IllegalStateException.class).isThrownBy(loan::segment);
    }

    /** 16 MiB of each size are kept for the next borrower; the rest goes. */
    @Test
    void keepsSomeAndNotAll() {
        List<IoBuffers.Loan> loans = new ArrayList<>();
        for (int count = 0; count < 20; count++) {
            loans.add(IoBuffers.borrow(LARGEST));
        }
        Set<Long> before = new HashSet<>();
        loans.forEach(loan -> before.add(loan.segment().address()));
        loans.forEach(IoBuffers.Loan::close);
        List<IoBuffers.Loan> again = new ArrayList<>();
        for (int count = 0; count < 20; count++) {
            again.add(IoBuffers.borrow(LARGEST));
        }
        // The first list keeps all old buffers alive, so an address that comes back is a buffer that was kept.
        assertThat(again.stream().filter(loan -> before.contains(loan.segment().address())))
                .hasSize(4);
        again.forEach(IoBuffers.Loan::close);
        assertThat(loans).hasSize(20);
    }

    @Test
    void threadsNeverShareABuffer() throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<Future<Boolean>> borrowers = new ArrayList<>();
            for (long mark = 1; mark <= 4; mark++) {
                long own = mark;
                borrowers.add(threads.submit(() -> borrowAgainAndAgain(own)));
            }
            for (Future<Boolean> borrower : borrowers) {
                assertThat(borrower.get()).isTrue();
            }
        }
    }

    private static boolean borrowAgainAndAgain(long mark) {
        for (int round = 0; round < 50_000; round++) {
            try (IoBuffers.Loan loan = IoBuffers.borrow(4096)) {
                MemorySegment segment = loan.segment();
                segment.set(ValueLayout.JAVA_LONG, 0, mark);
                segment.set(ValueLayout.JAVA_LONG, 4088, mark);
                if (round % 64 == 0) {
                    Thread.yield();
                }
                if (segment.get(ValueLayout.JAVA_LONG, 0) != mark || segment.get(ValueLayout.JAVA_LONG, 4088) != mark) {
                    return false;
                }
            }
        }
        return true;
    }
}
