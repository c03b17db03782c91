/**
 * The engine's face: {@link io.cowslip.engine.image.DiskImage}, an open image with its backing chain, and what can be
 * asked of it; how a chain is opened, and what can be known of files without opening them. Below it are the layers of the
 * chain ({@link io.cowslip.engine.image.layer}), and what these stand on: the map and the write order ({@link
 * io.cowslip.engine.image.map}), bitmaps, snapshots, encryption. Above it is what uses whole disks: creation, conversion,
 * export.
 *
 * <p>Lock order of a qcow2 image, outermost first; each may be taken without those before it:
 *
 * <ol>
 *   <li>a round of {@link io.cowslip.engine.image.layer.GroupCommit}: one flush at a time, for all that wait for it;
 *   <li>the metadata lock, {@link io.cowslip.engine.image.map.MetadataLock}: what changes entries, tables and counts;
 *   <li>the file's sync ({@link io.cowslip.engine.image.file.UnsyncedData}), or a cache's load stripe, then its eviction lock.
 * </ol>
 *
 * <p>Data is read and written under none of them. Two things stand in for a lock there: a request that is under way
 * keeps freed clusters from being used again ({@link io.cowslip.engine.alloc.InFlightRequests}), and a reserved guest
 * cluster keeps its entry ({@link io.cowslip.engine.image.layer.ClusterReservations}).
 */
@NullMarked
package io.cowslip.engine.image;

import org.jspecify.annotations.NullMarked;
