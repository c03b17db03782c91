package io.cowslip.observe;

import io.cowslip.drive.DriveException;
import io.cowslip.drive.DriveId;
import io.cowslip.drive.registry.CacheCleaner;
import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.drive.registry.DriveView;
import java.util.List;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.annotation.WriteOperation;
import org.springframework.boot.actuate.endpoint.web.WebEndpointResponse;
import org.springframework.boot.actuate.endpoint.web.annotation.WebEndpoint;
import org.springframework.util.MimeType;

/** {@code /actuator/drivecaches}: the caches of every layer of every open drive. A write cleans them now. */
@WebEndpoint(id = "drivecaches")
record DriveCachesEndpoint(DriveRegistry registry, CacheCleaner cleaner) {

    /** All drives, by id. */
    record Drives(List<DriveCaches> drives) {}

    /** The caches of all drives. */
    @ReadOperation
    public Drives all() {
        return new Drives(registry.drives().stream().map(this::caches).toList());
    }

    /** What is said of a drive that is not open: a problem as RFC 9457 has it, of no type of its own. */
    record NotOpen(String title, int status, String detail) {
        private static final MimeType PROBLEM = MimeType.valueOf("application/problem+json");

        static WebEndpointResponse<Object> answer(String drive) {
            int status = WebEndpointResponse.STATUS_NOT_FOUND;
            return new WebEndpointResponse<>(
                    new NotOpen("Not Found", status, "no drive \"" + drive + "\" is open"), status, PROBLEM);
        }
    }

    /** The caches of one drive; 404 where it is not open. */
    @ReadOperation
    public WebEndpointResponse<Object> one(@Selector String drive) {
        return answer(drive, false);
    }

    /** Drops what was not used since the last cleaning, in all drives. */
    @WriteOperation
    public Drives cleanAll() {
        for (DriveView drive : registry.drives()) {
            clean(drive.id());
        }
        return all();
    }

    /** Drops what was not used since the last cleaning, in one drive. */
    @WriteOperation
    public WebEndpointResponse<Object> cleanOne(@Selector String drive) {
        return answer(drive, true);
    }

    private WebEndpointResponse<Object> answer(String drive, boolean clean) {
        try {
            DriveId id = new DriveId(drive);
            if (clean) {
                cleaner.cleanNow(id);
            }
            return new WebEndpointResponse<>(caches(registry.drive(id)));
        } catch (IllegalArgumentException | DriveException e) {
            // No drive has such an id, or the drive is on its way out.
            return NotOpen.answer(drive);
        }
    }

    private void clean(DriveId id) {
        try {
            cleaner.cleanNow(id);
        } catch (DriveException e) {
            // Closed since it was listed: its caches are gone altogether.
            return;
        }
    }

    private DriveCaches caches(DriveView drive) {
        return DriveCaches.of(drive, cleaner.lastCleaned(drive.id()).orElse(null));
    }
}
