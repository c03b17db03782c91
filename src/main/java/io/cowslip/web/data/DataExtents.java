package io.cowslip.web.data;

import io.cowslip.drive.registry.DriveLease;
import io.cowslip.engine.image.DiskChanges;
import io.cowslip.engine.image.DiskImage;
import io.cowslip.ticket.TicketChanges;
import io.cowslip.web.json.Query;
import io.cowslip.web.problem.Refusal;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpHeaders;
import org.springframework.http.MediaType;
import org.springframework.util.MimeTypeUtils;
import org.springframework.web.util.UriUtils;

/** GET of a disk's extents: a page of them, or all, sent as they are found. */
final class DataExtents {
    static final int MAX_ON_PAGE = 10_000;

    /** @param unnamed what dirty extents count from where the request does not say, or the refusal of such a request */
    void answer(
            DriveLease lease, Supplier<TicketChanges> unnamed, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        Query query = Query.of(request, "start", "length", "limit", "context", "bitmap", "since", "until");
        TicketChanges changes = changes(query, unnamed);
        int limit = query.number("limit", 0, 1, MAX_ON_PAGE);
        ExtentPages listing = listing(query, changes, lease);
        ExtentListing.Source source = limit == 0 ? listing::next : page(listing, limit, query, response);
        response.setHeader(HttpHeaders.CACHE_CONTROL, "no-store");
        send(source, request, response);
    }

    /** What dirty extents are asked for; null where zeros and holes are. */
    private static @Nullable TicketChanges changes(Query query, Supplier<TicketChanges> unnamed) {
        String context = query.text("context", "zero");
        TicketChanges named = new TicketChanges(query.text("bitmap"), query.text("since"), query.text("until"));
        if (!context.equals("zero") && !context.equals("dirty")) {
            throw Refusal.ofOption("context", "context is \"" + context + "\"; it may be \"zero\" or \"dirty\"");
        }
        if (named.bitmap() != null && named.since() != null) {
            throw Refusal.ofOption("since", "since and bitmap are both given; context=dirty takes one of them");
        }
        boolean isNamed = named.bitmap() != null || named.since() != null;
        boolean dirty = context.equals("dirty");
        if (isNamed && !dirty) {
            throw Refusal.ofOption(
                    named.since() != null ? "since" : "bitmap", "bitmap and since go with context=dirty only");
        }
        TicketChanges changes = dirty && !isNamed ? unnamed.get() : named;
        if (named.until() != null && named.since() == null) {
            throw Refusal.ofOption("until", "until goes with since, which is missing");
        }
        return dirty ? changes : null;
    }

    private static ExtentPages listing(Query query, @Nullable TicketChanges asked, DriveLease lease)
            throws IOException {
        DiskImage image = lease.image();
        String bitmap = asked == null ? null : asked.bitmap();
        if (bitmap != null) {
            return DirtyListing.of(image, image.bitmaps().map(bitmap), window(query, lease.sizeBytes()));
        }
        String since = asked == null ? null : asked.since();
        if (asked != null && since != null) {
            DiskChanges changes = image.snapshots().changesSince(since, asked.until());
            return DirtyListing.of(changes, window(query, Math.min(lease.limitBytes(), changes.diskBytes())));
        }
        return new ExtentListing(image, window(query, lease.sizeBytes()));
    }

    /** The first extents, found before the answer begins: its Link header says where the next page does. */
    private static ExtentListing.Source page(ExtentPages listing, int limit, Query query, HttpServletResponse response)
            throws IOException {
        Iterator<Record> page = listing.next(limit).iterator();
        listing.nextStart().ifPresent(start -> {
            String length = query.text("length") == null ? "" : "&length=" + (listing.end() - start);
            response.setHeader(
                    HttpHeaders.LINK,
                    "<extents?start=" + start + length + "&limit=" + limit + context(query) + ">; rel=\"next\"");
        });
        return () -> page.hasNext() ? page.next() : null;
    }

    /** What {@code start} and {@code length} ask for of a disk. */
    static ByteWindow window(Query query, long size) {
        long start = query.size("start", 0);
        if (start > size) {
            throw Refusal.offDisk(size, "start " + start + " is past the end of the disk of " + size + " bytes");
        }
        return new ByteWindow(start, Math.min(query.size("length", size), size - start));
    }

    private static void send(ExtentListing.Source source, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        if (prefersLines(request)) {
            response.setContentType(MediaType.APPLICATION_NDJSON_VALUE);
            ExtentListing.writeLines(source, DirectOutput.of(response));
        } else {
            response.setContentType(MediaType.APPLICATION_JSON_VALUE);
            ExtentListing.writeArray(source, DirectOutput.of(response));
        }
    }

    private static boolean prefersLines(HttpServletRequest request) {
        List<MediaType> accepted = MediaType.parseMediaTypes(Collections.list(request.getHeaders(HttpHeaders.ACCEPT)));
        MimeTypeUtils.sortBySpecificity(accepted);
        for (MediaType type : accepted) {
            if (type.includes(MediaType.APPLICATION_JSON)) {
                return false;
            }
            if (type.includes(MediaType.APPLICATION_NDJSON)) {
                return true;
            }
        }
        return false;
    }

    /** What the next page is asked for with, beside its place. */
    private static String context(Query query) {
        StringBuilder context = new StringBuilder();
        for (String name : List.of("context", "bitmap", "since", "until")) {
            String value = query.text(name);
            if (value != null) {
                context.append('&').append(name).append('=').append(UriUtils.encode(value, StandardCharsets.UTF_8));
            }
        }
        return context.toString();
    }
}
