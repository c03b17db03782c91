package io.cowslip.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

final class SharedDiskTest {
    private final SharedDisk disk = new SharedDisk(1024, 0);

    @Test
    void allowsOldAndNewWhileAWriteIsUnderWay() {
        SharedDisk.Change change = disk.beginWrite(0, 1);

        assertThat(disk.fault(0, sector(0), disk.now())).isEmpty();
        assertThat(disk.fault(0, sector(change.value()), disk.now())).isEmpty();
    }

    @Test
    void forbidsTheOldOnceTheWriteHasReturned() {
        SharedDisk.Change change = disk.beginWrite(0, 1);
        disk.end(change);

        assertThat(disk.fault(0, sector(0), disk.now())).isPresent();
        assertThat(disk.fault(0, sector(change.value()), disk.now())).isEmpty();
    }

    @Test
    void allowsEitherOfTwoThatOverlapped() {
        SharedDisk.Change first = disk.beginWrite(0, 2);
        SharedDisk.Change second = disk.beginZero(1, 1);
        disk.end(first);
        disk.end(second);

        assertThat(disk.fault(1, sector(first.value()), disk.now())).isEmpty();
        assertThat(disk.fault(1, sector(0), disk.now())).isEmpty();
        assertThat(disk.fault(0, sector(0), disk.now())).isPresent();
    }

    @Test
    void forbidsAValueOfAnotherPlaceWhereverItStands() {
        SharedDisk.Change elsewhere = disk.beginWrite(1, 1);
        disk.end(elsewhere);
        long[] found = sector(0);
        found[63] = elsewhere.value();

        assertThat(disk.fault(0, found, disk.now())).isPresent();
    }

    private static long[] sector(long value) {
        long[] longs = new long[64];
        Arrays.fill(longs, value);
        return longs;
    }
}
