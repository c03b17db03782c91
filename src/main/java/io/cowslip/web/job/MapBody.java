package io.cowslip.web.job;

import io.cowslip.drive.volume.Volumes;
import io.cowslip.engine.image.convert.DiskMap;
import io.cowslip.engine.image.map.MappedExtent;
import io.swagger.v3.oas.annotations.media.Schema;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The map of a disk. */
@Schema(name = "MapResult", description = "A part of the map of a disk, in order and without gaps")
record MapBody(
        List<Entry> extents,

        @Schema(description = "Where the next map is to start; absent where this one reaches the end") @Nullable
        Long nextStart) {

    /** One extent. */
    @Schema(name = "MapExtent", description = "One extent, with the keys of qemu-img map --output=json")
    record Entry(
            long start,
            long length,

            @Schema(description = "How far down the chain the file lies that says how the extent reads")
            int depth,

            @Schema(description = "Whether that file says anything about the extent")
            boolean present,

            @Schema(description = "Whether it reads as zeros without a look at any data")
            boolean zero,

            @Schema(description = "Whether there are bytes in the file")
            boolean data,

            @Schema(description = "Where in the file; absent where they do not lie there as they are") @Nullable
            Long offset,

            @Schema(description = "The file, where there is an offset") @Nullable
            String filename) {

        static Entry of(MappedExtent extent, Volumes volumes) {
            return new Entry(
                    extent.start(),
                    extent.length(),
                    extent.depth(),
                    extent.present(),
                    extent.zero(),
                    extent.data(),
                    extent.file() == null ? null : extent.hostOffset(),
                    extent.file() == null ? null : volumes.relativeName(extent.file()));
        }
    }

    static MapBody of(DiskMap map, Volumes volumes) {
        return new MapBody(
                map.extents().stream().map(extent -> Entry.of(extent, volumes)).toList(),
                map.nextStart() == map.end() ? null : map.nextStart());
    }
}
