package io.cowslip.catalog;

import com.zaxxer.hikari.HikariDataSource;
import io.cowslip.drive.BadProperty;
import io.cowslip.drive.volume.ImageRoot;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.springframework.boot.autoconfigure.condition.ConditionalOnExpression;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.data.jdbc.core.JdbcAggregateOperations;
import org.springframework.jdbc.core.JdbcOperations;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.transaction.support.TransactionOperations;

/** Wires the catalogue. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(CatalogProperties.class)
class CatalogConfiguration {

    /** Where the configuration names no database, Spring Boot connects to this one. */
    @Bean
    @ConditionalOnExpression("!environment.containsProperty('spring.datasource.url')")
    EmbeddedDatabase embeddedDatabase(CatalogProperties properties, ImageRoot root, BadProperty badProperty) {
        try {
            Path folder = EmbeddedDatabase.folder(properties.data());
            if (root.mayHoldVolumes(folder)) {
                throw badProperty.of(
                        "cowslip.",
                        "data",
                        new IOException("it lies in the image root, where its files would be volumes; it must lie"
                                + " elsewhere, or below a name that begins with a dot"));
            }
            return EmbeddedDatabase.in(folder);
        } catch (IOException e) {
            throw badProperty.of("cowslip.", "data", new IOException("it cannot be made or used as a folder", e));
        }
    }

    @Bean
    TableNames tableNames() {
        return new TableNames();
    }

    @Bean
    CatalogChanges catalogChanges(
            TransactionOperations transactions, JdbcOperations jdbc, JdbcConnectionDetails database, DataSource pool)
            throws SQLException {
        return new CatalogChanges(
                transactions, jdbc, EmbeddedDatabase.is(database) ? pool.unwrap(HikariDataSource.class) : null);
    }

    @Bean
    JdbcDriveCatalog jdbcDriveCatalog(JdbcAggregateOperations rows, CatalogChanges changes) {
        return new JdbcDriveCatalog(rows, changes);
    }

    @Bean
    JdbcJobCatalog jdbcJobCatalog(JdbcAggregateOperations rows, JdbcClient jdbc, CatalogChanges changes) {
        return new JdbcJobCatalog(rows, jdbc, changes);
    }

    @Bean
    JdbcTicketCatalog jdbcTicketCatalog(JdbcAggregateOperations rows, CatalogChanges changes) {
        return new JdbcTicketCatalog(rows, changes);
    }
}
