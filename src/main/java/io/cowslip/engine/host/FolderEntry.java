package io.cowslip.engine.host;

/** One name in a folder, and what it is of itself: a link is not followed. */
public record FolderEntry(String name, Type type) {

    /** What a name may be of. */
    public enum Type {
        FILE,
        FOLDER,
        LINK,
        /** A device, a FIFO, a socket. */
        OTHER
    }
}
