package io.cowslip.drive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.drive.DriveClaims.Claim;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.engine.host.FileIdentity;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class DriveClaimsTest {
    private static final DriveId A = new DriveId("a");
    private static final DriveId B = new DriveId("b");
    private static final DriveId C = new DriveId("c");

    private final DriveClaims claims = new DriveClaims(2);

    @Test
    void aFileHasOneWriterAndTheRefusalNamesIt() {
        claims.take(A, List.of(writing(1)));

        assertRefused(
                Reason.IN_USE,
                "\"file1\" is open for writing by drive \"a\"",
                () -> claims.take(B, List.of(writing(1))));
        assertRefused(
                Reason.IN_USE,
                "\"file1\" is open for writing by drive \"a\"",
                () -> claims.take(B, List.of(reading(1))));
    }

    @Test
    void readersShareALayerAndKeepWritersOut() {
        claims.take(A, List.of(writing(1), reading(9)));
        claims.take(B, List.of(writing(2), reading(9)));
        claims.release(A);

        assertRefused(Reason.IN_USE, "\"file9\" is in use by drive \"b\"", () -> claims.take(C, List.of(writing(9))));
        assertThat(claims.holder(new FileIdentity(0, 9))).contains(FileHolder.of(B));
        assertThat(claims.holder(new FileIdentity(0, 1))).isEmpty();
    }

    @Test
    void anIdIsTakenOnce() {
        claims.take(A, List.of(writing(1)));

        assertRefused(Reason.ID_TAKEN, "there is a drive \"a\" already", () -> claims.take(A, List.of(writing(2))));
    }

    @Test
    void noMoreDrivesThanAllowed() {
        claims.take(A, List.of(writing(1)));
        claims.take(B, List.of(writing(2)));

        assertRefused(
                Reason.LIMIT_REACHED,
                "2 drives are open, as many as cowslip.max-drives allows",
                () -> claims.take(C, List.of(writing(3))));
    }

    @Test
    void aReaderBecomesAWriterOnlyAlone() {
        claims.take(A, List.of(reading(1)));
        claims.take(B, List.of(reading(1)));
        assertRefused(Reason.IN_USE, "\"file1\" is in use by drive \"b\"", () -> claims.changeWriting(A, true));

        claims.release(B);
        claims.changeWriting(A, true);
        assertRefused(
                Reason.IN_USE,
                "\"file1\" is open for writing by drive \"a\"",
                () -> claims.take(B, List.of(reading(1))));

        claims.changeWriting(A, false);
        assertThatCode(() -> claims.take(B, List.of(reading(1)))).doesNotThrowAnyException();
    }

    @Test
    void aJobHasFilesLikeADriveButIsNone() {
        claims.add(FileHolder.job("copy"), List.of(reading(1)));
        claims.take(A, List.of(writing(2)));
        claims.take(B, List.of(writing(3)));

        assertRefused(
                Reason.IN_USE,
                "\"file1\" is in use by job \"copy\"",
                () -> claims.add(FileHolder.job("repair"), List.of(writing(1))));
        claims.remove(FileHolder.job("copy"), List.of(reading(1)));
        assertThatCode(() -> claims.add(FileHolder.job("repair"), List.of(writing(1))))
                .doesNotThrowAnyException();
    }

    @Test
    void whatIsRefusedTakesNothing() {
        claims.take(A, List.of(writing(1)));
        assertThatExceptionOfType(DriveException.class)
                .isThrownBy(() -> claims.take(B, List.of(writing(2), reading(1))));

        assertThatCode(() -> claims.take(B, List.of(writing(2)))).doesNotThrowAnyException();
    }

    @Test
    void aSnapshotIsReadBesideADriveThatWritesAndStaysOpen() {
        claims.take(A, List.of(writing(1)));
        claims.take(B, List.of(beside(1)));
        claims.add(FileHolder.job("copy"), List.of(beside(1)));
        claims.leave(B);
        claims.stay(B);
        claims.remove(FileHolder.job("copy"), List.of(beside(1)));
        assertRefused(
                Reason.IN_USE,
                "drive \"b\" reads a snapshot of drive \"a\"'s image; it must end first",
                () -> claims.leave(A));

        claims.release(B);
        claims.leave(A);
        assertRefused(Reason.CLOSING, "drive \"a\" is closing", () -> claims.take(B, List.of(beside(1))));
        claims.release(A);
        claims.take(B, List.of(reading(1)));
        assertRefused(Reason.IN_USE, "\"file1\" is in use by drive \"b\"", () -> claims.take(A, List.of(writing(1))));
    }

    private static Claim beside(long inode) {
        return new Claim(new FileIdentity(0, inode), "file" + inode, false, true, FileHolder.of(A));
    }

    private static Claim writing(long inode) {
        return new Claim(new FileIdentity(0, inode), "file" + inode, true, true);
    }

    private static Claim reading(long inode) {
        return new Claim(new FileIdentity(0, inode), "file" + inode, false, true);
    }

    private static void assertRefused(Reason reason, String message, ThrowingCallable call) {
        assertThatExceptionOfType(DriveException.class)
                .isThrownBy(call)
                .withMessage(message)
                .satisfies(refusal -> assertThat(refusal.reason()).isEqualTo(reason));
    }
}
