package io.cowslip.engine.foreign;

import java.nio.file.Path;
import java.util.List;

/**
 * What a VMDK image's descriptor says.
 *
 * @param contentId {@code CID}: the identity of the content, 32 bits
 * @param parentContentId {@code parentCID}; all ones where there is no parent
 * @param createType {@code createType}: what kind of image it is
 * @param extents the parts of the disk, in their order
 */
public record VmdkFacts(long contentId, long parentContentId, String createType, List<ExtentFacts> extents) {

    /**
     * A part of the disk in a file.
     *
     * @param lengthBytes what it has of the disk
     * @param type {@code FLAT} or {@code SPARSE}
     * @param grainBytes its grain size; 0 where it is flat
     * @param compressed whether its grains are compressed
     */
    public record ExtentFacts(Path file, long lengthBytes, String type, int grainBytes, boolean compressed) {}
}
