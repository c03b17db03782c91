package io.cowslip.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.cowslip.testing.Postgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.SQLException;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.mock.env.MockEnvironment;

class CatalogStartTest {
    @TempDir
    private Path temporary;

    @Test
    void theDataFolderIsMadeForNobodyElse() throws Exception {
        Path data = temporary.resolve("deep/data");
        try (ConfigurableApplicationContext service = CatalogDatabase.open("--cowslip.data=" + data)) {
            assertThat(data.resolve("catalogue.mv.db")).exists();
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(data)))
                    .isEqualTo("rwx------");
        }
    }

    @Test
    void anotherDatabaseNeedsNoDataFolder() {
        Path data = temporary.resolve("data");
        String[] database = Postgres.newDatabase();
        try (ConfigurableApplicationContext service =
                CatalogDatabase.open(database[0], database[1], database[2], "--cowslip.data=" + data)) {
            assertThat(data).doesNotExist();
        }
    }

    @Test
    void aFolderThatCannotBeIsNamed() throws Exception {
        Path file = Files.createFile(temporary.resolve("file"));
        assertNamesTheFolder(file);
        assertNamesTheFolder(file.resolve("below"));
        assertNamesTheFolder(temporary.resolve("semi;colon"));
    }

    /** Whoever may reach volumes must not reach the catalogue. */
    @Test
    void aFolderWithVolumesIsRefused() {
        String root = "--cowslip.image-root=" + temporary;
        assertNamesTheFolder(temporary, root);
        assertNamesTheFolder(temporary.resolve("data"), root);
        try (ConfigurableApplicationContext service =
                CatalogDatabase.open(root, "--cowslip.data=" + temporary.resolve(".hidden/data"))) {
            assertThat(temporary.resolve(".hidden/data/catalogue.mv.db")).exists();
        }
    }

    private static void assertNamesTheFolder(Path folder, String... more) {
        Throwable failure = catchThrowable(
                () -> CatalogDatabase.open(Stream.concat(Stream.of("--cowslip.data=" + folder), Stream.of(more))
                        .toArray(String[]::new)));
        while (failure != null && !(failure instanceof InvalidConfigurationPropertyValueException)) {
            failure = failure.getCause();
        }
        assertThat(failure).isInstanceOfSatisfying(InvalidConfigurationPropertyValueException.class, invalid -> {
            assertThat(invalid.getName()).isEqualTo("cowslip.data");
            assertThat(invalid.getValue()).isEqualTo(folder.toString());
        });
    }

    @Test
    void aServerThatDoesNotAnswerIsExplained() {
        Throwable failure = catchThrowable(() -> CatalogDatabase.open(
                "--spring.datasource.url=jdbc:postgresql://127.0.0.1:1/none", "--spring.datasource.username=nobody"));
        FailureAnalysis analysis = analyze(new MockEnvironment(), failure);
        assertThat(analysis.getDescription()).startsWith("The catalogue's database cannot be used: ");
        assertThat(analysis.getAction()).contains("spring.datasource.url");
    }

    @Test
    void aFolderThatIsInUseIsExplained() {
        SQLException inUse = new SQLException("locked", "90020", 90020);
        FailureAnalysis analysis = analyze(
                new MockEnvironment().withProperty("cowslip.data", "/srv/data"),
                new IllegalStateException(new SQLException("no connection", inUse)));
        assertThat(analysis.getDescription()).contains("\"/srv/data\" is open in another process");
    }

    private static FailureAnalysis analyze(MockEnvironment environment, Throwable failure) {
        return Objects.requireNonNull(new CatalogFailureAnalyzer(environment).analyze(failure));
    }
}
