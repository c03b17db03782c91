package io.cowslip.drive;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import org.jspecify.annotations.Nullable;

/** Goes over the image root, past what is not for this process to see, such as a file system's {@code lost+found}. */
abstract class RootVisitor extends SimpleFileVisitor<Path> {

    /** Gone since its folder was read, or not for this process: either way nothing that could be opened. */
    @Override
    public final FileVisitResult visitFileFailed(Path file, IOException failure) {
        return FileVisitResult.CONTINUE;
    }

    @Override
    public final FileVisitResult postVisitDirectory(Path folder, @Nullable IOException failure) {
        return FileVisitResult.CONTINUE;
    }
}
