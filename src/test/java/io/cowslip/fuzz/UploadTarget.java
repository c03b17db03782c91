package io.cowslip.fuzz;

import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.image.ImageProbe;
import io.cowslip.engine.image.options.ImageFormat;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A file that comes in: what is looked at before it gets a volume's name. The first byte says what it is said to be. */
final class UploadTarget {
    private UploadTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length == 0) {
            return;
        }
        byte[] content = Arrays.copyOfRange(input, 1, input.length);
        int choice = Byte.toUnsignedInt(input[0]) % (ImageFormat.values().length + 1);
        ImageFormat said = choice == 0 ? null : ImageFormat.values()[choice - 1];
        Hostile.within(() -> {
            try (MemoryFiles files = new MemoryFiles()) {
                Path path = files.put("upload", content);
                try (HostFile file = files.open(path, HostFiles.Mode.READ)) {
                    probe(file, said);
                }
            }
        });
    }

    private static void probe(HostFile file, @Nullable ImageFormat said) throws IOException {
        Hostile.refusable(() -> ImageProbe.ofBeginning(file, said, file.sizeBytes() + (1L << 30)));
        Hostile.refusable(() -> ImageProbe.ofWhole(file, said));
    }
}
