package io.cowslip.drive;

import io.cowslip.engine.image.CreateOptions;
import io.cowslip.engine.image.ImageInfo;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Image files below the image root, open or not. Names are relative to the root, with {@code /} between folders. */
public final class Volumes {

    /**
     * One page of a listing.
     *
     * @param names volumes in code point order
     * @param next what to pass as {@code after} for the next page; null: this was the last
     */
    public record Page(List<String> names, @Nullable String next) {}

    /** Volumes whose name begins with {@code prefix}, after the name {@code after}, at most {@code limit}. */
    public Page list(String prefix, @Nullable String after, int limit) throws IOException {
        throw new UnsupportedOperationException();
    }

    /** The facts of one volume and of the chain below it, from the top down. */
    public List<ImageInfo> facts(String name) throws IOException {
        throw new UnsupportedOperationException();
    }

    /** A host file as callers may see it: relative to the root. */
    public String relativeName(java.nio.file.Path file) {
        throw new UnsupportedOperationException();
    }

    /** Creates a volume. */
    public List<ImageInfo> create(String name, CreateOptions options) throws IOException {
        throw new UnsupportedOperationException();
    }

    /** Deletes a volume that no drive has open and no other volume backs on. */
    public void delete(String name) throws IOException {
        throw new UnsupportedOperationException();
    }
}
