package io.cowslip.engine.image.map;

import io.cowslip.engine.alloc.ClusterAllocator;
import io.cowslip.engine.alloc.MetadataOverlap;
import io.cowslip.engine.alloc.Refcounts;
import io.cowslip.engine.cache.ActiveL1;
import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.host.HostFile;

/**
 * The metadata of one image that is open for writing, in its parts, of which the image has one each. All but the lock
 * itself is for whoever holds that, except where a part says otherwise.
 *
 * @param file the image file
 * @param geometry cluster size and all that follows from it; the disk's size is as when the image was opened
 * @param l1 the active L1 table
 * @param map where the guest's bytes are, with the cached L2 slices
 * @param refcounts how often each cluster of the file is in use
 * @param allocator what finds free clusters, and lets go of others
 * @param barrier the order in which all of it reaches the file
 * @param overlap where metadata lies, which nothing else may be written over
 * @param lock what is held to change any of it
 */
public record ImageMetadata(
        HostFile file,
        ImageGeometry geometry,
        ActiveL1 l1,
        ClusterMap map,
        Refcounts refcounts,
        ClusterAllocator allocator,
        WriteBarrier barrier,
        MetadataOverlap overlap,
        MetadataLock lock) {}
