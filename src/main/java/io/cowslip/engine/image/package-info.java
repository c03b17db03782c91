/**
 * The engine's face: an open image, its map, its writer, and the one order in which metadata reaches the disk.
 *
 * <p>Lock order of a qcow2 image, outermost first; each may be taken without those before it:
 *
 * <ol>
 *   <li>a round of {@link io.cowslip.engine.image.GroupCommit}: one flush at a time, for all that wait for it;
 *   <li>the metadata lock of {@link io.cowslip.engine.image.Qcow2Writing}: what changes entries, tables and counts;
 *   <li>the file's sync ({@link io.cowslip.engine.image.UnsyncedData}), or a cache's load stripe, then its eviction lock.
 * </ol>
 *
 * <p>Data is read and written under none of them. Two things stand in for a lock there: a request that is under way
 * keeps freed clusters from being used again ({@link io.cowslip.engine.alloc.InFlightRequests}), and a reserved guest
 * cluster keeps its entry ({@link io.cowslip.engine.image.ClusterReservations}).
 */
@NullMarked
package io.cowslip.engine.image;

import org.jspecify.annotations.NullMarked;
