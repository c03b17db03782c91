package io.cowslip.ticket;

import org.jspecify.annotations.Nullable;

/**
 * The point in time that a ticket's dirty extents count from: an incremental backup's client cannot name it.
 *
 * @param bitmap the bitmap that has marked what changed, or null
 * @param since in its place, the snapshot that was taken then, by id or else by name, or null
 * @param until with {@code since}, the snapshot that is compared with it; null: the disk as it is
 */
public record TicketChanges(
        @Nullable String bitmap,
        @Nullable String since,
        @Nullable String until) {}
