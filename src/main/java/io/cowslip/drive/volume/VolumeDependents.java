package io.cowslip.drive.volume;

import io.cowslip.access.Caller;
import io.cowslip.access.Reach;
import io.cowslip.engine.host.FileIdentity;
import io.cowslip.engine.image.ImageInfo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Which volumes stand on a file: those that have it in their backing chain, and those that have their data in it. */
public record VolumeDependents(ImageRoot root, Chains chains) {
    private static final Logger log = LoggerFactory.getLogger(VolumeDependents.class);

    /** Follows chains. */
    @FunctionalInterface
    public interface Chains {
        List<ImageInfo> of(String volume) throws IOException;
    }

    /** How a volume needs a file. */
    enum Need {
        BACKS_ON("backs on"),
        HAS_ITS_DATA_IN("has its data in");

        private final String words;

        Need(String words) {
            this.words = words;
        }

        @Override
        public String toString() {
            return words;
        }
    }

    /** A volume that needs a file. */
    record Dependent(String volume, Need need) {}

    /**
     * All that need the file, by name, as far as their chains can be followed: those as well that the caller cannot reach,
     * which are not named.
     */
    List<Dependent> of(FileIdentity file) throws IOException {
        Reach reach = Caller.current().reach();
        return Caller.ANYONE.<List<Dependent>, IOException>call(() -> all(file)).stream()
                .map(dependent -> reach.includes(dependent.volume)
                        ? dependent
                        : new Dependent("(a volume that the caller cannot reach)", dependent.need))
                .toList();
    }

    private List<Dependent> all(FileIdentity file) throws IOException {
        List<Dependent> found = new ArrayList<>();
        for (String volume : new VolumeListing(root).all()) {
            Need need = need(volume, file);
            if (need != null) {
                found.add(new Dependent(volume, need));
            }
        }
        return found;
    }

    private @Nullable Need need(String volume, FileIdentity file) {
        try {
            for (ImageInfo layer : chains.of(volume)) {
                if (layer.backingFile() != null && isSame(layer.backingFile(), file)) {
                    return Need.BACKS_ON;
                }
                for (Path dataFile : layer.dataFiles()) {
                    if (isSame(dataFile, file)) {
                        return Need.HAS_ITS_DATA_IN;
                    }
                }
            }
        } catch (IOException e) {
            // Broken as it stands: it needs no volume that it could be told to need.
            log.debug("No chain to follow from {}", volume, e);
        }
        return null;
    }

    private boolean isSame(Path reference, FileIdentity file) throws IOException {
        return root.identity(reference).equals(file);
    }
}
