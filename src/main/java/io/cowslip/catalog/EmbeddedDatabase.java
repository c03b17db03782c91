package io.cowslip.catalog;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;

/** The database in the data folder: H2, which lets one process have it. */
record EmbeddedDatabase(String url) implements JdbcConnectionDetails {
    private static final String PREFIX = "jdbc:h2:file:";

    /** The service closes it last of all, after what it still has to note; H2 itself would do so as the process ends. */
    private static final String SETTINGS = ";DB_CLOSE_ON_EXIT=FALSE";

    /**
     * The database in {@code folder}, which is made when it is missing, for nobody else to read: requests name images.
     *
     * @throws IOException when it cannot be a folder that this service writes
     */
    static EmbeddedDatabase in(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            Files.createDirectories(
                    folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        }
        Path real = folder.toRealPath();
        if (!Files.isWritable(real)) {
            throw new AccessDeniedException(real.toString());
        }
        if (real.toString().indexOf(';') >= 0) {
            throw new IOException("a semicolon in a name would end the database's URL");
        }
        return new EmbeddedDatabase(PREFIX + real.resolve("catalogue") + SETTINGS);
    }

    static boolean is(JdbcConnectionDetails database) {
        return database.getJdbcUrl().startsWith("jdbc:h2:");
    }

    @Override
    public String getJdbcUrl() {
        return url;
    }

    @Override
    public String getUsername() {
        return "sa";
    }

    @Override
    public String getPassword() {
        return "";
    }
}
