package io.cowslip.drive.registry;

import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.engine.image.create.ImageCreator;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.image.options.CreateOptions;
import io.cowslip.engine.image.options.ImageOptions;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The small image that an empty image root gets, so that the first request has something to read. */
record DemoImage(ImageRoot root, ImageEnvironment environment) {
    static final String NAME = "demo.qcow2";

    private static final Logger log = LoggerFactory.getLogger(DemoImage.class);
    private static final long SIZE_BYTES = 64L << 20;

    /** Texts by guest offset: at the start, across two clusters' border, in the middle and at the very end. */
    private static final Map<Long, String> TEXTS = Map.of(
            0L,
            "Hello from the first bytes of demo.qcow2, a disk of 64 MiB served by Cowslip.\n",
            65_500L,
            "This line begins in the disk's first cluster and ends in its second one.\n",
            32L << 20,
            "Halfway: what lies between the texts was never written and reads as zeros.\n",
            SIZE_BYTES - 32,
            "Here the disk ends: 32 bytes...\n");

    boolean present() {
        return root.holds(root.folder().resolve(NAME));
    }

    /** Makes the image if the root is empty. */
    void makeIfEmpty() throws IOException {
        if (!root.tree().entries(root.folder()).isEmpty()) {
            return;
        }
        Path file = root.newEntry(NAME);
        ImageCreator.create(file, CreateOptions.qcow2(SIZE_BYTES), environment);
        try (Arena arena = Arena.ofConfined();
                DiskImage image = DiskImage.open(file, ImageOptions.defaults(), environment)) {
            for (Map.Entry<Long, String> text : TEXTS.entrySet()) {
                byte[] bytes = text.getValue().getBytes(StandardCharsets.US_ASCII);
                MemorySegment segment = arena.allocate(bytes.length).copyFrom(MemorySegment.ofArray(bytes));
                image.write(text.getKey(), segment);
            }
        }
        log.info("Made {} in the empty image root", NAME);
    }
}
