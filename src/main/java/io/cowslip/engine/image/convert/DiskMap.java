package io.cowslip.engine.image.convert;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.map.MappedExtent;
import io.cowslip.engine.work.WorkObserver;
import io.cowslip.engine.work.WorkThreads;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * A part of the map of a disk and the chain below it, as {@code qemu-img map} lists it: in order and without gaps,
 * neighbours that are alike made one.
 *
 * @param extents so many as were asked for at most
 * @param nextStart where the part that follows begins
 * @param end where the range that was asked for ends: there is nothing that follows once that is {@code nextStart}
 */
public record DiskMap(List<MappedExtent> extents, long nextStart, long end) {
    private static final long FIRST_REACH_BYTES = 64L << 20;
    private static final long MIN_REACH_BYTES = 64L << 10;

    public DiskMap {
        extents = List.copyOf(extents);
    }

    /**
     * Maps so many bytes of the disk from {@code start} on, or up to its end, or as far as {@code limit} extents reach.
     *
     * @param observer told of the bytes of the disk that are mapped
     * @throws ImageException INVALID_OPTION naming {@code start} when that lies behind the disk's end
     */
    public static DiskMap of(DiskImage disk, long start, long lengthBytes, int limit, WorkObserver observer)
            throws IOException {
        if (start > disk.virtualSizeBytes()) {
            throw ImageException.invalidOption(
                    "start",
                    "start is " + start + ", behind the end of the disk of " + disk.virtualSizeBytes() + " bytes");
        }
        long end = start + Math.min(lengthBytes, disk.virtualSizeBytes() - start);
        WorkThreads work = new WorkThreads(observer);
        work.expect(end - start);
        List<MappedExtent> extents = new ArrayList<>();
        long reach = FIRST_REACH_BYTES;
        long position = start;
        while (position < end) {
            // Whoever looks up a run also looks at what may prolong it: in a disk of small pieces that would be far
            // more.
            MappedExtent found = disk.mapAt(position, Math.min(end - position, reach));
            MappedExtent joined = extents.isEmpty() ? null : extents.getLast().joined(found);
            if (joined != null) {
                extents.set(extents.size() - 1, joined);
            } else if (extents.size() == limit) {
                break;
            } else {
                extents.add(found);
            }
            reach = Math.max(2 * found.length(), MIN_REACH_BYTES);
            position += found.length();
            work.done(found.length());
        }
        work.report();
        return new DiskMap(extents, position, end);
    }
}
