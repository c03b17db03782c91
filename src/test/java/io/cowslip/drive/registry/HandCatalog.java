package io.cowslip.drive.registry;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveException.Reason;
import io.cowslip.drive.DriveId;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** A catalogue in memory, which counts its changes and refuses them when told to. */
final class HandCatalog implements DriveCatalog {
    final Map<DriveId, Entry> entries = new LinkedHashMap<>();
    int changes;
    boolean refuses;

    Entry entry(DriveId id) {
        return Objects.requireNonNull(entries.get(id));
    }

    @Override
    public List<Entry> drives() {
        return List.copyOf(entries.values());
    }

    @Override
    public void put(Entry drive) {
        change();
        entries.put(drive.id(), drive);
    }

    @Override
    public void remove(DriveId id) {
        change();
        entries.remove(id);
    }

    private void change() {
        if (refuses) {
            throw new DriveException(Reason.UNAVAILABLE, "not now");
        }
        changes++;
    }
}
