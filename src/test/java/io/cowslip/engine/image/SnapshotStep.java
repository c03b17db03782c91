package io.cowslip.engine.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.TestImages;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;

/** Takes a snapshot, goes back to one or deletes one, and looks at another: it must hold what the disk held. */
final class SnapshotStep implements PowerCutWorkload.Step {
    private final GuestSession session;
    private final SplittableRandom random;
    private final Map<String, byte[]> taken = new HashMap<>();

    SnapshotStep(GuestSession session, SplittableRandom random) {
        this.session = session;
        this.random = random;
    }

    @Override
    public void run() throws IOException {
        List<String> known =
                session.image().snapshots().list().stream().map(Snapshot::name).toList();
        String name = known.isEmpty() ? "" : known.get(random.nextInt(known.size()));
        if (known.isEmpty() || random.nextInt(5) < 2) {
            String next = "snapshot" + taken.size();
            taken.put(next, session.model().read(0, session.sizeBytes()));
            session.snapshot(next);
        } else if (random.nextInt(3) == 0) {
            session.image().snapshots().delete(name);
        } else if (random.nextBoolean()) {
            session.revert(name, Objects.requireNonNull(taken.get(name)));
        } else {
            requireHolds(name);
        }
    }

    private void requireHolds(String name) throws IOException {
        ImageOptions reading = session.options().withReadOnly(true).withSnapshot(name);
        try (DiskImage snapshot = session.image().openSnapshot(reading)) {
            assertThat(TestImages.read(snapshot, 0, session.sizeBytes()))
                    .as(name)
                    .isEqualTo(taken.get(name));
        }
    }
}
