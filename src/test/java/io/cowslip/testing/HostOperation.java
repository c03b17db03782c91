package io.cowslip.testing;

import java.nio.file.Path;

/** One change that an engine asked of a host file, or the sync that made the changes before it durable. */
public sealed interface HostOperation {

    Path file();

    /** Writes {@code data}, which nobody changes. */
    record Write(Path file, long offset, byte[] data) implements HostOperation {
        long end() {
            return offset + data.length;
        }

        @Override
        public String toString() {
            return "write " + file.getFileName() + " " + offset + "+" + data.length;
        }
    }

    record Zero(Path file, long offset, long length) implements HostOperation {
        long end() {
            return offset + length;
        }
    }

    record Punch(Path file, long offset, long length) implements HostOperation {
        long end() {
            return offset + length;
        }
    }

    record Truncate(Path file, long size) implements HostOperation {}

    /** Makes what was done to {@code file} durable; for a folder, its entries. */
    record Sync(Path file) implements HostOperation {}

    /** Does the whole of this to {@code content}. */
    default void apply(FileContent content) {
        switch (this) {
            case Write write -> content.write(write.offset, write.data, 0, write.data.length);
            case Zero zero -> content.zero(zero.offset, zero.length);
            case Punch punch -> content.punch(punch.offset, punch.length);
            case Truncate truncate -> content.truncate(truncate.size);
            case Sync sync -> {}
        }
    }
}
