package io.cowslip.engine.image;

import io.cowslip.engine.image.options.Preallocation;
import io.cowslip.testing.GuestSession;
import java.io.IOException;
import java.util.SplittableRandom;

/** Gives the disk another size, with space set aside or without. */
record ResizeStep(GuestSession session, SplittableRandom random) implements PowerCutWorkload.Step {
    private static final int SECTOR = 512;
    private static final int SMALLEST_BYTES = 32 << 10;
    private static final int LARGEST_BYTES = 200 << 10;

    @Override
    public void run() throws IOException {
        int sizeBytes = random.nextInt(SMALLEST_BYTES / SECTOR, LARGEST_BYTES / SECTOR) * SECTOR;
        Preallocation[] modes = Preallocation.values();
        boolean grows = sizeBytes > session.sizeBytes();
        session.resize(
                sizeBytes, grows && random.nextInt(3) == 0 ? modes[random.nextInt(modes.length)] : Preallocation.OFF);
    }
}
