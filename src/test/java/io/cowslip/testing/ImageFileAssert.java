package io.cowslip.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.api.AbstractAssert;

/** What QEMU and the audit say of a qcow2 file. */
public final class ImageFileAssert extends AbstractAssert<ImageFileAssert, Path> {

    ImageFileAssert(Path actual) {
        super(actual, ImageFileAssert.class);
    }

    /** No corruption and no leak. */
    public ImageFileAssert passesQemuCheck() {
        QemuTools.CheckResult result = QemuTools.check(actual);
        if (!result.clean()) {
            failWithMessage("qemu-img check of %s: %s", actual, result);
        }
        return this;
    }

    /** No corruption and no leak, by our own account. */
    public ImageFileAssert passesAudit() throws IOException {
        RefcountAudit.Report report = RefcountAudit.of(actual);
        if (!report.clean()) {
            failWithMessage("the audit of %s: %s", actual, report);
        }
        return this;
    }

    /** QEMU reads the same disk from the image as the model holds. */
    public ImageFileAssert holdsForQemu(ModelDisk model) throws IOException {
        Path raw = Files.createTempFile(actual.getParent(), "model", ".raw");
        try {
            Files.write(raw, model.bytes());
            Processes.Output output = QemuTools.compare(actual, "qcow2", raw, "raw");
            if (output.exitCode() != 0 || output.out().contains("Warning")) {
                failWithMessage("qemu-img compare of %s with the model: %s%s", actual, output.out(), output.err());
            }
        } finally {
            Files.delete(raw);
        }
        return this;
    }
}
