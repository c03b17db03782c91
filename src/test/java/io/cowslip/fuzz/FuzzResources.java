package io.cowslip.fuzz;

import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Files beside this class: dictionaries, texts to begin with, and inputs that once were too much. */
final class FuzzResources {
    private FuzzResources() {}

    static Path file(String name) {
        URL found = FuzzResources.class.getResource(name);
        if (found == null) {
            throw new IllegalArgumentException("there is no resource " + name);
        }
        try {
            return Path.of(found.toURI());
        } catch (URISyntaxException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** The inputs that a target must stand, in the order of their names. */
    static List<Path> finds(String target) throws IOException {
        Path folder = file("finds").resolve(target);
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.sorted().toList();
        }
    }
}
