package io.cowslip.testing;

import java.util.ArrayList;
import java.util.List;

/** What a guest did to its disk, each change with its place in the host's log, so that any point can be replayed. */
public final class GuestHistory {
    private final byte[] initial;
    private final List<Event> events = new ArrayList<>();

    private sealed interface Event {}

    /** A change that no operation of the log before {@code logStart} can be part of. */
    private record Change(int offset, byte[] bytes, int logStart) implements Event {}

    /** A flush that had returned once the log was {@code logEnd} long. */
    private record Flush(int logEnd) implements Event {}

    /** From {@code logStart} on the disk may have this size as well. */
    private record ResizeBegin(int sizeBytes, int logStart) implements Event {}

    /** A size that was in force for good once the log was {@code logEnd} long. */
    private record ResizeEnd(int sizeBytes, int logEnd) implements Event {}

    public GuestHistory(ModelDisk initial) {
        this.initial = initial.bytes().clone();
    }

    void changed(int offset, byte[] bytes, int logStart) {
        events.add(new Change(offset, bytes, logStart));
    }

    void flushed(int logEnd) {
        events.add(new Flush(logEnd));
    }

    void resizing(int sizeBytes, int logStart) {
        events.add(new ResizeBegin(sizeBytes, logStart));
    }

    void resized(int sizeBytes, int logEnd) {
        events.add(new ResizeEnd(sizeBytes, logEnd));
    }

    /** The history from its start, to be moved along the log. */
    public Replay replay() {
        return new Replay();
    }

    /** The model as it was at a point of the log. */
    public final class Replay {
        private final ModelDisk disk = ModelDisk.of(initial);
        private int next;

        /** The disk when the log was {@code point} long; points only grow. */
        public ModelDisk at(int point) {
            while (next < events.size() && happened(events.get(next), point)) {
                switch (events.get(next)) {
                    case Change change -> disk.write(change.offset, change.bytes);
                    case Flush flush -> disk.flushed();
                    case ResizeBegin begin -> disk.beginResize(begin.sizeBytes);
                    case ResizeEnd end -> disk.resize(end.sizeBytes);
                }
                next++;
            }
            return disk;
        }

        private static boolean happened(Event event, int point) {
            return switch (event) {
                case Change change -> change.logStart < point;
                case Flush flush -> flush.logEnd <= point;
                case ResizeBegin begin -> begin.logStart < point;
                case ResizeEnd end -> end.logEnd <= point;
            };
        }
    }
}
