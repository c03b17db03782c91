package io.cowslip.testing;

import io.cowslip.engine.image.DiskImage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntSupplier;

/**
 * Guests that share one disk, each with sectors of its own between those of the others: in turns, the disk's units of
 * equal length belong to the first guest, to the second and so on. With units shorter than a cluster they write to the
 * same clusters. As nobody else changes a guest's sectors, it knows what they hold. One thread per guest.
 */
public final class NeighbourGuests {
    private final DiskImage image;
    private final int clusterBytes;
    private final int unitBytes;
    private final IntSupplier logLength;
    private final List<Guest> guests = new ArrayList<>();

    /**
     * Guests of {@code image}, which holds what {@code model} holds.
     *
     * @param logLength how far the record of what happens to the files has come
     */
    public NeighbourGuests(
            DiskImage image, ModelDisk model, int count, int clusterBytes, int unitBytes, IntSupplier logLength) {
        this.image = image;
        this.clusterBytes = clusterBytes;
        this.unitBytes = unitBytes;
        this.logLength = logLength;
        for (int number = 0; number < count; number++) {
            guests.add(new Guest(number, model));
        }
    }

    public List<Guest> guests() {
        return guests;
    }

    /** What all guests together know of the disk. */
    public byte[] content() {
        byte[] content = guests.getFirst().model.bytes().clone();
        for (Guest guest : guests) {
            for (int at = guest.number * unitBytes; at < content.length; at += guests.size() * unitBytes) {
                System.arraycopy(guest.model.bytes(), at, content, at, Math.min(unitBytes, content.length - at));
            }
        }
        return content;
    }

    /** One guest, used by one thread. */
    public final class Guest {
        private final int number;
        private final ModelDisk model;
        private final GuestHistory history;
        private final GuestHistory.Replay replay;

        Guest(int number, ModelDisk initial) {
            this.number = number;
            this.model = ModelDisk.of(initial.bytes());
            this.history = new GuestHistory(initial);
            this.replay = history.replay();
        }

        private record Range(int offset, int length) {}

        /** One random request; a change that fails is settled by what is there then, and thrown. */
        public void step(SplittableRandom random) throws IOException {
            Range range = range(random);
            switch (random.nextInt(12)) {
                case 0 -> zero(range);
                case 1 -> discard(range);
                case 2 -> flush();
                case 3, 4 -> read(range);
                default -> write(range, random);
            }
        }

        private Range range(SplittableRandom random) {
            int units = (model.sizeBytes() / unitBytes - number + guests.size() - 1) / guests.size();
            int unit = (random.nextInt(units) * guests.size() + number) * unitBytes;
            int sectors = unitBytes / 512;
            int first = random.nextInt(sectors);
            int count = random.nextInt(3) == 0 ? sectors - first : random.nextInt(1, sectors - first + 1);
            return random.nextInt(3) == 0 ? new Range(unit, unitBytes) : new Range(unit + first * 512, count * 512);
        }

        private void write(Range range, SplittableRandom random) throws IOException {
            byte[] bytes = RandomData.bytes(random, range.length);
            change(range, bytes, () -> TestImages.write(image, range.offset, bytes));
        }

        private void zero(Range range) throws IOException {
            change(range, new byte[range.length], () -> image.zero(range.offset, range.length));
        }

        private void discard(Range range) throws IOException {
            int from = Math.ceilDiv(range.offset, clusterBytes) * clusterBytes;
            int to = (range.offset + range.length) / clusterBytes * clusterBytes;
            Range whole = to > from ? new Range(from, to - from) : new Range(range.offset, 0);
            change(whole, new byte[whole.length], () -> image.discard(range.offset, range.length));
        }

        private void change(Range range, byte[] bytes, Request request) throws IOException {
            history.changed(range.offset, bytes, logLength.getAsInt());
            model.write(range.offset, bytes);
            try {
                request.run();
            } catch (IOException failed) {
                byte[] found = TestImages.read(image, range.offset, range.length);
                model.adopt(range.offset, found);
                history.changed(range.offset, found, logLength.getAsInt());
                throw failed;
            }
        }

        public void flush() throws IOException {
            image.flush();
            model.flushed();
            history.flushed(logLength.getAsInt());
        }

        private void read(Range range) throws IOException {
            requireNoDifference(range.offset, TestImages.read(image, range.offset, range.length));
        }

        /** Reads all that is this guest's. */
        public void readAll() throws IOException {
            eachUnit((offset, length) -> requireNoDifference(offset, TestImages.read(image, offset, length)));
        }

        private void requireNoDifference(int offset, byte[] found) {
            model.difference(offset, found).ifPresent(difference -> {
                throw new AssertionError("guest " + number + ": " + difference);
            });
        }

        /** Refuses what a crash at {@code point} of the log may not have left on the disk; points only grow. */
        public void requireSurvived(int point, byte[] disk) throws IOException {
            ModelDisk then = replay.at(point);
            eachUnit((offset, length) -> {
                byte[] found = Arrays.copyOfRange(disk, offset, offset + length);
                then.whatCrashForbids(offset, found).ifPresent(fault -> {
                    throw new AssertionError("guest " + number + ": " + fault);
                });
            });
        }

        private void eachUnit(UnitAction action) throws IOException {
            int size = model.sizeBytes();
            for (int at = number * unitBytes; at < size; at += guests.size() * unitBytes) {
                action.run(at, Math.min(unitBytes, size - at));
            }
        }
    }

    @FunctionalInterface
    private interface UnitAction {
        void run(int offset, int length) throws IOException;
    }

    @FunctionalInterface
    private interface Request {
        void run() throws IOException;
    }
}
