package io.cowslip.catalog;

import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveCatalog;
import org.springframework.data.annotation.Id;

/** A row of the table {@code drive}: {@link DriveCatalog.Entry} says what is what. */
record DriveRow(@Id String id, String file, String options, boolean passphraseGiven) {

    static DriveRow of(DriveCatalog.Entry drive) {
        return new DriveRow(drive.id().value(), drive.file(), drive.options(), drive.passphraseGiven());
    }

    DriveCatalog.Entry entry() {
        return new DriveCatalog.Entry(new DriveId(id), file, options, passphraseGiven);
    }
}
