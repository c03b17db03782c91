package io.cowslip.engine.image.check;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.host.HostFile;
import io.cowslip.engine.host.HostFiles;
import io.cowslip.engine.host.ImageLock;
import io.cowslip.engine.image.file.HeaderReader;
import io.cowslip.engine.image.file.ImageEnvironment;
import io.cowslip.engine.work.WorkObserver;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Checks qcow2 images as {@code qemu-img check} does, also those that are too damaged to be opened. Memory goes with the
 * clusters of the file: about two bytes for each.
 */
public final class ImageCheck {
    private ImageCheck() {}

    /** What is to be repaired. */
    public enum Repair {
        /**
         * Leaks, and COPIED flags that contradict counts which are too high. Where there are other faults, what seems
         * leaked may be what a lost pointer led to: then nothing is changed.
         */
        LEAKS,
        /**
         * Everything. Refcounts are made anew from the tables, in version 3 as wide as that takes, and what points nowhere
         * is dropped.
         */
        ALL
    }

    /**
     * Checks {@code file}, which is locked against writers meanwhile. The files below it are not looked at.
     *
     * @throws ImageException BUSY when somebody writes the file; NOT_FOUND, FORBIDDEN, INVALID_FORMAT,
     *     UNSUPPORTED_FEATURE or IO
     */
    public static CheckReport check(Path file, WorkObserver observer, ImageEnvironment environment) throws IOException {
        try (HostFile opened = environment.files().open(file, HostFiles.Mode.READ)) {
            opened.lock(ImageLock.READER);
            return ofUnchanging(opened, observer);
        }
    }

    /** Checks a file that nobody changes meanwhile. */
    public static CheckReport ofUnchanging(HostFile file, WorkObserver observer) throws IOException {
        return CheckRun.over(file, HeaderReader.read(file), observer).report();
    }

    /** Reads what a check reads, so that the host has it in memory. The file may change meanwhile and make no sense. */
    public static void rehearse(HostFile file, WorkObserver observer) throws IOException {
        try {
            ofUnchanging(file, observer);
        } catch (ImageException senseless) {
            if (senseless.kind() == ImageException.Kind.IO) {
                throw senseless;
            }
        }
    }

    /**
     * Repairs {@code file}, which is locked for writing meanwhile, and checks it again. Snapshots and bitmaps are kept,
     * except those whose own tables are lost. May be interrupted at any point: the image is then as it was, or
     * marked as corrupt or dirty, or has at worst leaks. Version 2 has no such marks: there, COPIED flags may be too few
     * as well.
     *
     * @throws ImageException as {@link #check}, and BUSY when somebody reads the file; NO_SPACE when there is none for new
     *     refcounts
     */
    public static CheckReport repair(Path file, Repair repair, WorkObserver observer, ImageEnvironment environment)
            throws IOException {
        try (HostFile opened = environment.files().open(file, HostFiles.Mode.READ_WRITE)) {
            opened.lock(ImageLock.WRITER);
            return ImageRepair.repair(opened, repair, observer);
        }
    }
}
