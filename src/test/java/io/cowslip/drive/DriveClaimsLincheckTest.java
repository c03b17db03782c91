package io.cowslip.drive;

import io.cowslip.drive.DriveClaims.Claim;
import io.cowslip.engine.host.FileIdentity;
import io.cowslip.testing.Seeds;
import java.util.List;
import org.jetbrains.lincheck.datastructures.BooleanGen;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Claims under every interleaving that the model checker comes to: whatever is asked, the answers are those of some order. */
@Tag("long")
class DriveClaimsLincheckTest {
    @Test
    void claimsAreLinearizable() {
        new ModelCheckingOptions()
                .iterations(Seeds.longRun() ? 10 : 5)
                .invocationsPerIteration(Seeds.longRun() ? 600 : 200)
                .threads(2)
                .actorsPerThread(3)
                .check(Claims.class);
    }

    @Param(name = "id", gen = IntGen.class, conf = "1:2")
    @Param(name = "writes", gen = BooleanGen.class)
    public static final class Claims {
        private final DriveClaims claims = new DriveClaims(2);

        private static DriveId drive(int id) {
            return new DriveId("d" + id);
        }

        private static FileHolder job(int id) {
            return FileHolder.job("j" + id);
        }

        private static List<Claim> file(boolean writes) {
            return List.of(new Claim(new FileIdentity(1, 1), "file", writes, true));
        }

        private static List<Claim> besides(int id) {
            return List.of(new Claim(new FileIdentity(1, 1), "file", false, true, FileHolder.of(drive(id))));
        }

        private static String answer(Runnable asked) {
            try {
                asked.run();
                return "done";
            } catch (DriveException refused) {
                return refused.reason().name();
            }
        }

        @Operation
        public String take(@Param(name = "id") int id, @Param(name = "writes") boolean writes) {
            return answer(() -> claims.take(drive(id), file(writes)));
        }

        @Operation
        public String release(@Param(name = "id") int id) {
            return answer(() -> claims.release(drive(id)));
        }

        @Operation
        public String changeWriting(@Param(name = "id") int id, @Param(name = "writes") boolean writes) {
            return answer(() -> claims.changeWriting(drive(id), writes));
        }

        @Operation
        public String leave(@Param(name = "id") int id) {
            return answer(() -> claims.leave(drive(id)));
        }

        @Operation
        public String stay(@Param(name = "id") int id) {
            return answer(() -> claims.stay(drive(id)));
        }

        @Operation
        public String addBeside(@Param(name = "id") int id) {
            return answer(() -> claims.add(job(id), besides(id)));
        }

        @Operation
        public String removeBeside(@Param(name = "id") int id) {
            return answer(() -> claims.remove(job(id), besides(id)));
        }

        @Operation
        public String writer() {
            return claims.writer(new FileIdentity(1, 1))
                    .map(FileHolder::toString)
                    .orElse("nobody");
        }
    }
}
