package io.cowslip.engine.image;

import io.cowslip.engine.image.bitmap.BitmapInfo;
import io.cowslip.testing.GuestSession;
import java.io.IOException;
import java.util.List;
import java.util.SplittableRandom;

/** Makes, clears, merges, stops or deletes a dirty bitmap. */
record BitmapStep(GuestSession session, SplittableRandom random) implements PowerCutWorkload.Step {
    private static final int GRANULARITY_BYTES = 512;
    private static final int MANY = 3;

    @Override
    public void run() throws IOException {
        DirtyBitmaps bitmaps = session.image().bitmaps();
        List<BitmapInfo> known = bitmaps.list();
        if (known.size() < MANY) {
            bitmaps.create(unused(known), GRANULARITY_BYTES << random.nextInt(4), random.nextBoolean());
            return;
        }
        BitmapInfo one = known.get(random.nextInt(known.size()));
        BitmapInfo other = known.get(random.nextInt(known.size()));
        // One that was not saved, since the image was given up, can only be deleted.
        int choice = one.inconsistent() || other.inconsistent() ? 0 : random.nextInt(5);
        switch (choice) {
            case 0 -> bitmaps.delete(one.inconsistent() ? one.name() : other.name());
            case 1 -> bitmaps.clear(one.name());
            case 2 -> bitmaps.enable(one.name());
            case 3 -> bitmaps.disable(one.name());
            default -> bitmaps.merge(one.name(), List.of(other.name()));
        }
    }

    private static String unused(List<BitmapInfo> known) {
        List<String> names = known.stream().map(BitmapInfo::name).toList();
        int number = 0;
        while (names.contains("bitmap" + number)) {
            number++;
        }
        return "bitmap" + number;
    }
}
