package io.cowslip.testing;

import static io.cowslip.testing.TestImages.filled;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

final class ModelDiskTest {
    private final ModelDisk disk = ModelDisk.ofZeros(2048);

    @Test
    void allowsOldAndNewSectorsUntilTheFlush() {
        disk.write(512, filled(512, 1));
        disk.write(512, filled(512, 2));

        assertThat(disk.whatCrashForbids(512, filled(512, 0))).isEmpty();
        assertThat(disk.whatCrashForbids(512, filled(512, 1))).isEmpty();
        assertThat(disk.whatCrashForbids(512, filled(512, 2))).isEmpty();
        assertThat(disk.whatCrashForbids(512, filled(512, 3))).isPresent();

        disk.flushed();
        assertThat(disk.whatCrashForbids(512, filled(512, 1))).isPresent();
        assertThat(disk.whatCrashForbids(512, filled(512, 2))).isEmpty();
    }

    @Test
    void forbidsSectorsOfMixedAgeWhereOnlyWholeOnesWereWritten() {
        disk.write(0, filled(512, 1));
        byte[] mixed = filled(512, 1);
        mixed[511] = 0;

        assertThat(disk.whatCrashForbids(0, mixed)).isPresent();
    }

    @Test
    void allowsBytesOfMixedAgeWherePartsOfSectorsWereWritten() {
        disk.write(0, filled(100, 1));
        disk.write(200, filled(100, 2));
        byte[] onlySecond = new byte[512];
        Arrays.fill(onlySecond, 200, 300, (byte) 2);

        assertThat(disk.whatCrashForbids(0, onlySecond)).isEmpty();
        onlySecond[150] = 9;
        assertThat(disk.whatCrashForbids(0, onlySecond)).isPresent();
    }

    @Test
    void forbidsAnyChangeOfWhatNobodyWrote() {
        disk.write(512, filled(512, 1));
        byte[] whole = new byte[2048];
        whole[2047] = 1;

        assertThat(disk.whatCrashForbids(0, whole).orElseThrow()).contains("guest byte 2047");
    }

    @Test
    void adoptsWhatAFailedWriteLeftOnlyIfItMayBe() {
        disk.write(0, filled(1024, 5));
        byte[] half = filled(1024, 5);
        Arrays.fill(half, 512, 1024, (byte) 0);

        disk.adopt(0, half);

        assertThat(disk.difference(0, half)).isEmpty();
        assertThatExceptionOfType(AssertionError.class).isThrownBy(() -> disk.adopt(0, filled(1024, 6)));
    }
}
