package io.cowslip.catalog;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.DriveCatalog;
import java.util.ArrayList;
import java.util.List;
import org.springframework.data.jdbc.core.JdbcAggregateOperations;

/** Drives in the table {@code drive}. */
final class JdbcDriveCatalog implements DriveCatalog {
    private final JdbcAggregateOperations rows;
    private final CatalogChanges changes;

    JdbcDriveCatalog(JdbcAggregateOperations rows, CatalogChanges changes) {
        this.rows = rows;
        this.changes = changes;
    }

    @Override
    public List<Entry> drives() {
        List<Entry> drives = new ArrayList<>();
        rows.findAll(DriveRow.class).forEach(row -> drives.add(row.entry()));
        return drives;
    }

    @Override
    public void put(Entry drive) {
        DriveRow row = DriveRow.of(drive);
        change(() -> {
            if (rows.existsById(row.id(), DriveRow.class)) {
                rows.update(row);
            } else {
                rows.insert(row);
            }
        });
    }

    @Override
    public void remove(DriveId id) {
        change(() -> rows.deleteById(id.value(), DriveRow.class));
    }

    private void change(Runnable change) {
        changes.make(change, why -> new DriveException(Reason.UNAVAILABLE, why));
    }
}
