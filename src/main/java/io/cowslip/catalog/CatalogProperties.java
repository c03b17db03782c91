package io.cowslip.catalog;

import java.nio.file.Path;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Where the catalogue is.
 *
 * @param data Folder of the catalogue's embedded database. Made when it is missing; not used where spring.datasource.url
 *     names another database.
 */
@ConfigurationProperties("cowslip")
record CatalogProperties(@DefaultValue("data") Path data) {}
