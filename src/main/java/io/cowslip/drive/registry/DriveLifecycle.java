package io.cowslip.drive.registry;

import io.cowslip.drive.BadProperty;
import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.DriveProperties;
import io.cowslip.drive.volume.Leftovers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;

/**
 * Opens the configured drives and those of the catalogue before the first request comes in, and closes all drives after
 * the last one is answered: the phase lies below those of the web server's start and of its graceful shutdown, and phases end from the top.
 */
public final class DriveLifecycle implements SmartLifecycle {
    private static final Logger log = LoggerFactory.getLogger(DriveLifecycle.class);

    /** The web server's own phase lies 2048 below the default one. */
    public static final int PHASE = SmartLifecycle.DEFAULT_PHASE - 4096;

    /** How long requests may go on that outlived the web server's graceful shutdown. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final DriveRegistry registry;
    private final KeptDrives kept;
    private final DriveProperties properties;
    private final DemoImage demo;
    private final Leftovers leftovers;
    private final BadProperty badProperty;
    private volatile boolean running;

    DriveLifecycle(
            DriveRegistry registry,
            KeptDrives kept,
            DriveProperties properties,
            DemoImage demo,
            Leftovers leftovers,
            BadProperty badProperty) {
        this.registry = registry;
        this.kept = kept;
        this.properties = properties;
        this.demo = demo;
        this.leftovers = leftovers;
        this.badProperty = badProperty;
    }

    @Override
    public void start() {
        running = true;
        try {
            leftovers.remove();
        } catch (IOException e) {
            throw new UncheckedIOException("The image root cannot be searched for volumes that were never finished", e);
        }
        try {
            if (properties.demoImage()) {
                demo.makeIfEmpty();
            }
        } catch (IOException e) {
            throw new UncheckedIOException("The demo image cannot be made; cowslip.demo-image=false does without", e);
        }
        kept.load();
        for (Map.Entry<DriveId, DriveProperties.StartDrive> drive :
                properties.drives().entrySet()) {
            open(drive.getKey(), drive.getValue());
        }
        registry.unopened().openAll();
    }

    private void open(DriveId id, DriveProperties.StartDrive drive) {
        try {
            registry.open(id, drive.file(), drive.over(registry.defaults()), DriveKeeping.CONFIGURED);
            log.info("Opened drive {} on {}", id, drive.file());
        } catch (IOException | DriveException e) {
            throw badProperty.of("cowslip.drives." + id + ".", "file", e);
        }
    }

    @Override
    public void stop() {
        registry.end(PATIENCE);
        running = false;
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public int getPhase() {
        return PHASE;
    }
}
