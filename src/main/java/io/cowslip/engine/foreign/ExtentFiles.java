package io.cowslip.engine.foreign;

import io.cowslip.engine.host.HostFile;
import java.io.IOException;

/** Opens the files that an image names as holding parts of its disk: the policy on those names, given by who opens images. */
@FunctionalInterface
public interface ExtentFiles {

    /**
     * Opens a file for reading; whoever asks closes it.
     *
     * @param name as the image has it, relative to the image's own folder
     * @throws io.cowslip.engine.ImageException FORBIDDEN where the name may not be followed; NOT_FOUND; what else opening
     *     throws
     */
    HostFile open(String name) throws IOException;
}
