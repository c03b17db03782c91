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
     * The data folder by its real path. It is made when it is missing, for nobody else to read: requests name images.
     *
     * @throws IOException when it cannot be a folder that this service writes
     */
    static Path folder(Path named) throws IOException {
        if (!Files.isDirectory(named)) {
            Files.createDirectories(
                    named, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        }
        Path real = named.toRealPath();
        if (!Files.isWritable(real)) {
            throw new AccessDeniedException(real.toString());
        }
        return real;
    }

    /** The database in a folder. */
    static EmbeddedDatabase in(Path folder) throws IOException {
        if (folder.toString().indexOf(';') >= 0) {
            throw new IOException("a semicolon in its name would end the database's URL");
        }
        return new EmbeddedDatabase(PREFIX + folder.resolve("catalogue") + SETTINGS);
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
