package io.cowslip.drive.registry;

import io.cowslip.drive.DriveId;
import io.cowslip.engine.image.layer.LayerStats;
import java.util.List;
import java.util.function.Supplier;

/** Several observers as one. */
record DriveObservers(List<DriveObserver> observers) implements DriveObserver {

    @Override
    public void opened(DriveId id, Supplier<List<LayerStats>> layers) {
        observers.forEach(observer -> observer.opened(id, layers));
    }

    @Override
    public void dismissed(DriveId id) {
        observers.forEach(observer -> observer.dismissed(id));
    }

    @Override
    public void closed(DriveId id) {
        observers.forEach(observer -> observer.closed(id));
    }

    @Override
    public void completed(DriveId id, Operation operation, long bytes, long nanos) {
        for (DriveObserver observer : observers) {
            observer.completed(id, operation, bytes, nanos);
        }
    }

    @Override
    public void cleaned(DriveId id, long nanos) {
        observers.forEach(observer -> observer.cleaned(id, nanos));
    }
}
