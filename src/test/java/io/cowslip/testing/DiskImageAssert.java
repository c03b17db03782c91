package io.cowslip.testing;

import io.cowslip.engine.image.DiskImage;
import java.io.IOException;
import org.assertj.core.api.AbstractAssert;

/** Assertions on what an open image reads. */
public final class DiskImageAssert extends AbstractAssert<DiskImageAssert, DiskImage> {
    private static final int STEP = 1 << 20;

    DiskImageAssert(DiskImage actual) {
        super(actual, DiskImageAssert.class);
    }

    /** The whole disk is what the model says. */
    public DiskImageAssert readsAs(ModelDisk model) throws IOException {
        if (actual.virtualSizeBytes() != model.sizeBytes()) {
            failWithMessage("The disk has %d bytes instead of %d", actual.virtualSizeBytes(), model.sizeBytes());
        }
        for (int offset = 0; offset < model.sizeBytes(); offset += STEP) {
            int length = Math.min(STEP, model.sizeBytes() - offset);
            model.difference(offset, TestImages.read(actual, offset, length)).ifPresent(this::failWithMessage);
        }
        return this;
    }

    public DiskImageAssert readsAsZeroAt(long offset, int length) throws IOException {
        ModelDisk.ofZeros(length)
                .difference(0, TestImages.read(actual, offset, length))
                .ifPresent(this::failWithMessage);
        return this;
    }
}
