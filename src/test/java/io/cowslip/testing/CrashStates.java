package io.cowslip.testing;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Makes the files of crash states from a log, each state further along the log than the one before. What a sync covers
 * is on the disk for certain; of what came after it any part may be, whole operations or single sectors of them.
 */
public final class CrashStates {
    private static final int SECTOR = 512;

    private final List<HostOperation> log;
    private final Map<Path, FileContent> durable = new HashMap<>();
    private final List<HostOperation> pending = new ArrayList<>();
    private int position;

    public CrashStates(CrashingHostFiles files) {
        log = files.log();
        files.initialContents().forEach((path, bytes) -> durable.put(path, new FileContent(bytes)));
    }

    /** States of this log: its every point with all and with none of what is pending, the rest random choices. */
    public List<CrashState> choose(int count, SplittableRandom random) {
        List<CrashState> states = new ArrayList<>();
        int stride = Math.max(1, 2 * (log.size() + 1) / Math.max(1, count / 2));
        for (int point = 0; point <= log.size(); point += stride) {
            states.add(new CrashState(point, CrashState.ALL));
            states.add(new CrashState(point, CrashState.NONE));
        }
        while (states.size() < count) {
            states.add(new CrashState(random.nextInt(log.size() + 1), random.nextLong(2, Long.MAX_VALUE)));
        }
        states.sort((a, b) -> Integer.compare(a.point(), b.point()));
        return states;
    }

    /** The files as {@code state} leaves them. States come in the order of their points. */
    public Map<Path, byte[]> files(CrashState state) {
        advanceTo(state.point());
        Map<Path, FileContent> files = new HashMap<>();
        durable.forEach((path, content) -> files.put(path, new FileContent(content)));
        keepSome(state.pick(), files);
        Map<Path, byte[]> bytes = new HashMap<>();
        files.forEach((path, content) -> bytes.put(path, content.toBytes()));
        return bytes;
    }

    /** The operations around a crash point, for a failure's message. */
    public String around(int point) {
        StringBuilder text = new StringBuilder();
        for (int i = Math.max(0, point - 12); i < point; i++) {
            text.append("\n  ").append(i).append(": ").append(log.get(i));
        }
        return text.toString();
    }

    private void advanceTo(int point) {
        if (point < position) {
            throw new IllegalArgumentException("states must come in the order of the log");
        }
        for (; position < point; position++) {
            HostOperation operation = log.get(position);
            pending.add(operation);
            if (operation instanceof HostOperation.Sync sync) {
                pending.removeIf(earlier -> earlier.file().equals(sync.file()) && settle(earlier));
            }
        }
    }

    private boolean settle(HostOperation operation) {
        operation.apply(content(durable, operation.file()));
        return true;
    }

    private void keepSome(long pick, Map<Path, FileContent> files) {
        if (pick == CrashState.NONE) {
            return;
        }
        SplittableRandom random = new SplittableRandom(pick);
        double share = pick == CrashState.ALL ? 1.1 : random.nextDouble(0.05, 0.95);
        boolean torn = pick != CrashState.ALL && random.nextBoolean();
        for (HostOperation operation : pending) {
            FileContent content = content(files, operation.file());
            if (torn) {
                keepSectors(operation, content, random, share);
            } else if (random.nextDouble() < share) {
                operation.apply(content);
            }
        }
    }

    private static void keepSectors(
            HostOperation operation, FileContent content, SplittableRandom random, double share) {
        switch (operation) {
            case HostOperation.Write write -> keepSectors(write, content, random, share);
            case HostOperation.Zero zero -> {
                for (long at = zero.offset(); at < zero.end(); at = nextSector(at)) {
                    if (random.nextDouble() < share) {
                        content.zero(at, Math.min(nextSector(at), zero.end()) - at);
                    }
                }
            }
            case HostOperation.Punch punch -> {
                for (long at = punch.offset(); at < punch.end(); at = nextSector(at)) {
                    if (random.nextDouble() < share) {
                        content.punch(at, Math.min(nextSector(at), punch.end()) - at);
                    }
                }
            }
            case HostOperation.Truncate truncate -> {
                if (random.nextDouble() < share) {
                    truncate.apply(content);
                }
            }
            case HostOperation.Sync sync -> {}
        }
    }

    private static void keepSectors(
            HostOperation.Write write, FileContent content, SplittableRandom random, double share) {
        for (long at = write.offset(); at < write.end(); at = nextSector(at)) {
            long to = Math.min(nextSector(at), write.end());
            if (random.nextDouble() < share) {
                content.write(at, write.data(), (int) (at - write.offset()), (int) (to - at));
            } else if (random.nextInt(4) == 0) {
                // The size may reach the disk before the data does.
                content.growTo(to);
            }
        }
    }

    private static long nextSector(long offset) {
        return (offset / SECTOR + 1) * SECTOR;
    }

    private static FileContent content(Map<Path, FileContent> files, Path path) {
        return files.computeIfAbsent(path, p -> new FileContent(new byte[0]));
    }
}
