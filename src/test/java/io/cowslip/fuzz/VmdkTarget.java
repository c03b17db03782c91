package io.cowslip.fuzz;

import io.cowslip.engine.image.options.ImageFormat;

/** A VMDK image: a descriptor, which may name itself or a file of 64 KiB, or a sparse extent, compressed or not. */
final class VmdkTarget {
    private VmdkTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        Hostile.within(() -> {
            try (MemoryFiles files = new MemoryFiles()) {
                files.put("flat", new byte[64 << 10]);
                ForeignTarget.use(files, files.put("image", input), ImageFormat.VMDK);
            }
        });
    }
}
