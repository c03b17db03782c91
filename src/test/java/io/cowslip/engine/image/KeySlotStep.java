package io.cowslip.engine.image;

import io.cowslip.engine.image.encryption.KeySlotInfo;
import io.cowslip.engine.image.options.Secret;
import io.cowslip.testing.EncryptedImages;
import io.cowslip.testing.GuestSession;
import java.io.IOException;
import java.util.List;
import java.util.SplittableRandom;

/** Lets another passphrase open the image, or one of them no longer. */
record KeySlotStep(GuestSession session, SplittableRandom random) implements PowerCutWorkload.Step {
    private static final int FIRST_SLOT_OF_OTHERS = 1;

    @Override
    public void run() throws IOException {
        DiskKeySlots slots = session.image().keySlots();
        List<Integer> others = slots.list().stream()
                .filter(slot -> slot.active() && slot.slot() >= FIRST_SLOT_OF_OTHERS)
                .map(KeySlotInfo::slot)
                .toList();
        if (others.size() > 1 || (!others.isEmpty() && random.nextBoolean())) {
            slots.erase(others.get(random.nextInt(others.size())));
        } else {
            slots.add(Secret.of(EncryptedImages.PASSPHRASE), Secret.of("another"), null, 1, System::nanoTime);
        }
    }
}
