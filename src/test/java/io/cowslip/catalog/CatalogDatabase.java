package io.cowslip.catalog;

import io.cowslip.drive.BadProperty;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.testing.Postgres;
import java.io.IOException;
import java.nio.file.Path;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;

/** The databases that the catalogue runs on. */
enum CatalogDatabase {
    H2 {
        @Override
        String[] newDatabase(Path folder) {
            return new String[] {"--cowslip.data=" + folder.resolve("data")};
        }
    },
    POSTGRESQL {
        @Override
        String[] newDatabase(Path folder) {
            return Postgres.newDatabase();
        }
    };

    /** What configures the catalogue for a database that is empty. */
    abstract String[] newDatabase(Path folder);

    /** The catalogue alone. */
    static ConfigurableApplicationContext open(String... properties) {
        return new SpringApplicationBuilder(CatalogAlone.class)
                .web(WebApplicationType.NONE)
                .properties("management.endpoint.health.validate-group-membership=false")
                .run(properties);
    }

    /** Without @Configuration, so that the whole service, which looks for these, does not find it. */
    @EnableAutoConfiguration
    @Import(CatalogConfiguration.class)
    static class CatalogAlone {

        @Bean
        ImageRoot imageRoot(@Value("${cowslip.image-root:target/test-data/images}") Path folder) throws IOException {
            return ImageRoot.at(folder);
        }

        @Bean
        BadProperty badProperty(Environment environment) {
            return new BadProperty(environment);
        }
    }
}
