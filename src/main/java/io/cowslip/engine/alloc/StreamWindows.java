package io.cowslip.engine.alloc;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * Which streams of writes there are, and where each of them is to go on, so that streams that write in turns do not end
 * up in each other's gaps. A guest's write that goes on where an earlier one ended belongs to that one's stream. As long
 * as the clusters behind a stream's last ones are free it takes those; once somebody else took them, the stream gets a
 * window: a range of host clusters that maps one to one onto the guest clusters to come, in whatever order they come.
 *
 * <p>All this is advice and in memory alone: no cluster of a window is counted before it is given out, the windows least
 * recently used are forgotten, and what is left of them is the first to go to whoever needs a cluster. Under the image's
 * metadata lock.
 */
final class StreamWindows {
    private static final int STREAMS = 16;
    private static final int WINDOW_BYTES_BITS = 23;
    private static final int FEWEST_CLUSTERS = 16;
    private static final int MOST_CLUSTERS = 128;
    private static final int MOST_LEFT = 1024;
    private static final long NONE = -1;

    private final int clustersPerWindow;
    private final Deque<Window> windows = new ArrayDeque<>();
    private final Deque<Left> left = new ArrayDeque<>();
    private final long[] guestEnds = new long[STREAMS];
    private final long[] hostEnds = new long[STREAMS];
    private int oldestEnd;

    StreamWindows(int clusterBits) {
        clustersPerWindow =
                Math.clamp(1L << Math.max(0, WINDOW_BYTES_BITS - clusterBits), FEWEST_CLUSTERS, MOST_CLUSTERS);
        Arrays.fill(guestEnds, NONE);
    }

    /** Guest clusters from {@code guestStart} on, for host clusters from {@code hostStart} on. */
    record Window(long guestStart, long hostStart, int clusters) {

        long hostOf(long guestCluster) {
            return hostStart + guestCluster - guestStart;
        }

        long guestEnd() {
            return guestStart + clusters;
        }

        long hostEnd() {
            return hostStart + clusters;
        }

        boolean hasGuest(long guestCluster) {
            return guestCluster >= guestStart && guestCluster < guestEnd();
        }

        boolean hasHost(long hostCluster) {
            return hostCluster >= hostStart && hostCluster < hostEnd();
        }
    }

    /** Host clusters of a forgotten window, of which some may be free. */
    private record Left(long start, long end) {}

    /** The window for {@code guestCluster}, or null; it counts as used. */
    @Nullable
    Window windowOf(long guestCluster) {
        for (Window window : windows) {
            if (window.hasGuest(guestCluster)) {
                windows.remove(window);
                windows.addLast(window);
                return window;
            }
        }
        return null;
    }

    /** The host cluster behind that of the cluster before {@code guestCluster}, if it was lately given out; or -1. */
    long placeBehind(long guestCluster) {
        for (int index = 0; index < STREAMS; index++) {
            if (guestEnds[index] == guestCluster) {
                return hostEnds[index];
            }
        }
        return NONE;
    }

    /** First host cluster at or behind {@code hostCluster} that is in no window. */
    long endOfWindowAt(long hostCluster) {
        long end = hostCluster;
        for (Window window = windowAt(end); window != null; window = windowAt(end)) {
            end = window.hostEnd();
        }
        return end;
    }

    private @Nullable Window windowAt(long hostCluster) {
        for (Window window : windows) {
            if (window.hasHost(hostCluster)) {
                return window;
            }
        }
        return null;
    }

    /** Where the first window behind {@code hostCluster} begins. */
    long nextStart(long hostCluster) {
        long start = Long.MAX_VALUE;
        for (Window window : windows) {
            if (window.hostStart > hostCluster) {
                start = Math.min(start, window.hostStart);
            }
        }
        return start;
    }

    /** A window for the guest clusters from {@code guestCluster} on, at the first room at or behind {@code host}. */
    Window open(long guestCluster, long host) {
        if (windows.size() == STREAMS) {
            forget(windows.removeFirst());
        }
        long start = endOfWindowAt(host);
        while (nextStart(start) - start < clustersPerWindow) {
            start = endOfWindowAt(nextStart(start));
        }
        Window window = new Window(guestCluster, start, clustersPerWindow);
        windows.addLast(window);
        return window;
    }

    private void forget(Window window) {
        if (left.size() == MOST_LEFT) {
            left.removeFirst();
        }
        left.addLast(new Left(window.hostStart, window.hostEnd()));
    }

    /** The first host cluster that a forgotten window may have left free, or -1. */
    long nextLeft() {
        while (!left.isEmpty()) {
            Left first = left.getFirst();
            long cluster = endOfWindowAt(first.start);
            if (cluster < first.end) {
                return cluster;
            }
            left.removeFirst();
        }
        return NONE;
    }

    /** {@code cluster}, which {@link #nextLeft} named, is not free. */
    void noneLeftAt(long cluster) {
        left.addFirst(new Left(cluster + 1, left.removeFirst().end));
    }

    /** Notes a run that was given out, so that its stream can be told by its end. */
    void gaveOut(long guestCluster, long hostCluster, int clusters) {
        int index = 0;
        while (index < STREAMS && guestEnds[index] != guestCluster) {
            index++;
        }
        if (index == STREAMS) {
            index = oldestEnd;
            oldestEnd = (oldestEnd + 1) % STREAMS;
        }
        guestEnds[index] = guestCluster + clusters;
        hostEnds[index] = hostCluster + clusters;
    }
}
