package io.cowslip.observe;

import io.cowslip.drive.volume.ImageRoot;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;

/**
 * Whether volumes can be made and written: part of readiness, never of liveness, since no restart mends storage. Space
 * that runs low is shown and fails nothing; what is there can still be read, and be deleted to make room.
 */
final class ImageRootHealth extends AbstractHealthIndicator {
    private final ImageRoot root;

    ImageRootHealth(ImageRoot root) {
        super("The image root cannot be looked at");
        this.root = root;
    }

    @Override
    protected void doHealthCheck(Health.Builder health) throws IOException {
        Path folder = root.folder();
        boolean writable = Files.isDirectory(folder) && Files.isWritable(folder);
        (writable ? health.up() : health.down()).withDetail("writable", writable);
        if (writable) {
            FileStore store = Files.getFileStore(folder);
            health.withDetail("usable-space", store.getUsableSpace()).withDetail("total-space", store.getTotalSpace());
        }
    }
}
