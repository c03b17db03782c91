package io.cowslip.testing;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

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

    /**
     * About {@code count} states of this log. Most lie right before a sync, where the most is pending: what may be lost
     * there includes all that may be lost since the sync before. There, each operation in turn is the only one lost or
     * the only one kept, as far as {@code count} goes.
     */
    public List<CrashState> choose(int count, SplittableRandom random) {
        List<CrashState> each = eachOperation();
        List<CrashState> states = new ArrayList<>();
        if (each.size() <= count / 2) {
            states.addAll(each);
        } else {
            random.ints(count / 2, 0, each.size()).distinct().forEach(index -> states.add(each.get(index)));
        }
        int[] ends = pointsBeforeSyncs();
        while (states.size() < count) {
            boolean anywhere = random.nextInt(3) == 0;
            int point = anywhere ? random.nextInt(log.size() + 1) : ends[random.nextInt(ends.length)];
            CrashState.Loss[] losses = CrashState.Loss.values();
            states.add(new CrashState(point, losses[random.nextInt(losses.length)], random.nextInt(1 << 20)));
        }
        states.sort(Comparator.comparingInt(CrashState::point));
        return states;
    }

    private List<CrashState> eachOperation() {
        List<CrashState> states = new ArrayList<>();
        int pendingSince = 0;
        for (int point : pointsBeforeSyncs()) {
            for (int number = 0; number < point - pendingSince; number++) {
                states.add(new CrashState(point, CrashState.Loss.ONE, number));
                states.add(new CrashState(point, CrashState.Loss.ALL_BUT_ONE, number));
            }
            pendingSince = point + 1;
        }
        return states;
    }

    private int[] pointsBeforeSyncs() {
        return IntStream.rangeClosed(0, log.size())
                .filter(point -> point == log.size() || log.get(point) instanceof HostOperation.Sync)
                .toArray();
    }

    /** The files as {@code state} leaves them. States come in the order of their points. */
    public Map<Path, byte[]> files(CrashState state) {
        advanceTo(state.point());
        Map<Path, FileContent> files = new HashMap<>();
        durable.forEach((path, content) -> files.put(path, new FileContent(content)));
        keepSome(state, files);
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

    private void keepSome(CrashState state, Map<Path, FileContent> files) {
        SplittableRandom random = new SplittableRandom(state.number());
        double share = random.nextDouble(0.05, 0.95);
        for (int index = 0; index < pending.size(); index++) {
            HostOperation operation = pending.get(index);
            FileContent content = content(files, operation.file());
            boolean chosen = index == state.number() % pending.size();
            switch (state.loss()) {
                case NOTHING -> operation.apply(content);
                case ALL -> {}
                case ONE -> applyIf(!chosen, operation, content);
                case ALL_BUT_ONE -> applyIf(chosen, operation, content);
                case OPERATIONS -> applyIf(random.nextDouble() < share, operation, content);
                case SECTORS -> keepSectors(operation, content, random, share);
            }
        }
    }

    private static void applyIf(boolean kept, HostOperation operation, FileContent content) {
        if (kept) {
            operation.apply(content);
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
