package io.cowslip.ticket;

import io.cowslip.drive.DriveId;
import io.cowslip.testing.Seeds;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumSet;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A ticket that is used, renewed, cancelled and forgotten while it expires, under every interleaving that the model checker
 * comes to: no request enters a ticket that has ended, and none that is in is counted out twice.
 */
@Tag("long")
class LiveTicketLincheckTest {
    @Test
    void aTicketIsLinearizable() {
        new ModelCheckingOptions()
                .iterations(Seeds.longRun() ? 30 : 15)
                .invocationsPerIteration(Seeds.longRun() ? 600 : 200)
                .threads(2)
                .actorsPerThread(3)
                .check(OneTicket.class);
    }

    @Param(name = "time", gen = IntGen.class, conf = "0:1")
    public static final class OneTicket {
        private static final Instant START = Instant.EPOCH;
        private static final Duration TIMEOUT = Duration.ofSeconds(5);

        private final TicketStore store = new TicketStore(TicketCatalog.NONE, () -> START, 10);
        private final LiveTicket live = store.add(new Ticket(
                new TicketId("t1"),
                "digest",
                new DriveId("d"),
                new TicketRequest(EnumSet.allOf(TicketOperation.class), null, TIMEOUT, null, null),
                START,
                START,
                false));
        /** How often each thread is in. Its own alone: a count of all would be behind the ticket's. */
        private final int[] entered = new int[4];

        /** Before the first timeout is over, or after it. */
        private static Instant at(int time) {
            return START.plusSeconds(6L * time);
        }

        @Operation
        public boolean enter(@Param(name = "time") int time, @Param(gen = ThreadIdGen.class) int thread) {
            boolean in = live.enter(at(time));
            if (in) {
                entered[thread]++;
            }
            return in;
        }

        /** Only who is in leaves. */
        @Operation
        public boolean leave(@Param(name = "time") int time, @Param(gen = ThreadIdGen.class) int thread) {
            if (entered[thread] == 0) {
                return false;
            }
            entered[thread]--;
            live.leave(at(time));
            return true;
        }

        @Operation
        public boolean isOver(@Param(name = "time") int time) {
            return live.isOver(at(time));
        }

        @Operation
        public boolean extend() {
            return store.extend(live, TIMEOUT);
        }

        @Operation
        public void cancel() {
            store.cancel(live);
        }
    }
}
