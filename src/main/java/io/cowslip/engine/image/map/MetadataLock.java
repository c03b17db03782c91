package io.cowslip.engine.image.map;

import java.io.IOException;

/** The one lock behind which all metadata of an image changes, for those who take several steps with others in between. */
@FunctionalInterface
public interface MetadataLock {

    /** One step. */
    @FunctionalInterface
    interface Change {
        void make() throws IOException;
    }

    /** Makes {@code change} while nothing else changes metadata; refused once the image takes no more writes. */
    void during(Change change) throws IOException;
}
