package io.cowslip.observe;

import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.drive.registry.DriveView;
import io.cowslip.drive.volume.Volumes;
import io.cowslip.engine.image.ImageInfo;
import io.cowslip.engine.image.layer.LayerStats;
import io.cowslip.engine.image.options.ImageFormat;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;

/**
 * Names the drives whose image, or one below it, is marked or was found as corrupt, or cannot be looked at any more, and
 * those that could not be opened again after a restart. Always up: one damaged image is a matter for whoever owns it, and
 * no reason to send all others' requests elsewhere.
 */
final class DrivesHealth extends AbstractHealthIndicator {
    private final DriveRegistry registry;
    private final Volumes volumes;

    DrivesHealth(DriveRegistry registry, Volumes volumes) {
        super("The drives cannot be looked at");
        this.registry = registry;
        this.volumes = volumes;
    }

    @Override
    protected void doHealthCheck(Health.Builder health) {
        List<DriveView> drives = registry.drives();
        List<String> corrupt = new ArrayList<>();
        List<String> unreadable = new ArrayList<>();
        for (DriveView drive : drives) {
            try {
                if (isCorrupt(drive)) {
                    corrupt.add(drive.id().value());
                }
            } catch (IOException e) {
                unreadable.add(drive.id().value());
            }
        }
        health.up().withDetail("open", drives.size()).withDetail("corrupt", corrupt);
        Map<String, String> unopened = new TreeMap<>();
        registry.unopened().list().forEach(drive -> unopened.put(drive.id().value(), drive.reason()));
        if (!unopened.isEmpty()) {
            health.withDetail("not-open", unopened);
        }
        if (!unreadable.isEmpty()) {
            health.withDetail("unreadable", unreadable);
        }
    }

    private boolean isCorrupt(DriveView drive) throws IOException {
        if (drive.layers().stream().anyMatch(LayerStats::corrupt)) {
            return true;
        }
        if (drive.layers().getFirst().format() != ImageFormat.QCOW2) {
            // Its content is the guest's, and may look like anything.
            return false;
        }
        ImageInfo.Qcow2Facts facts = volumes.facts(drive.file()).getFirst().qcow2();
        return facts != null && facts.corrupt();
    }
}
