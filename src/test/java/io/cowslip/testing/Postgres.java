package io.cowslip.testing;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Assumptions;

/** A real PostgreSQL, started when it is first asked for, and ended with the tests. */
public final class Postgres {
    private static final AtomicInteger DATABASES = new AtomicInteger();

    private Postgres() {}

    private static final class Server {
        private static final EmbeddedPostgres RUNNING = start();

        private static EmbeddedPostgres start() {
            try {
                // The server would hold the pipes of the program that starts it and ends. As long as somebody reads
                // from
                // those, the JDK takes the next process that gets the same number for ended as soon as it begins.
                return EmbeddedPostgres.builder()
                        .setOutputRedirector(Redirect.DISCARD)
                        .setErrorRedirector(Redirect.DISCARD)
                        .start();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /**
     * PostgreSQL does not run as root, so that root starts it in a user namespace, which not every container grants: where
     * it does not, tests that need PostgreSQL are skipped.
     */
    private static boolean canRun() {
        if (!"root".equals(System.getProperty("user.name"))) {
            return true;
        }
        try {
            return new ProcessBuilder("unshare", "-U", "true").start().waitFor() == 0;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** A new, empty database, as the properties that point the service at it. */
    public static String[] newDatabase() {
        Assumptions.assumeTrue(canRun(), "root may not make a user namespace here, in which PostgreSQL would run");
        String name = "catalogue" + DATABASES.incrementAndGet();
        try (Connection connection = Server.RUNNING.getPostgresDatabase().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("create database " + name);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
        return new String[] {
            "--spring.datasource.url=jdbc:postgresql://localhost:" + Server.RUNNING.getPort() + "/" + name,
            "--spring.datasource.username=postgres",
            "--spring.datasource.password=postgres"
        };
    }
}
