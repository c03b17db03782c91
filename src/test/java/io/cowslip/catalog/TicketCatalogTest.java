package io.cowslip.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.drive.DriveId;
import io.cowslip.ticket.Ticket;
import io.cowslip.ticket.TicketCatalog;
import io.cowslip.ticket.TicketChanges;
import io.cowslip.ticket.TicketId;
import io.cowslip.ticket.TicketOperation;
import io.cowslip.ticket.TicketRequest;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.context.ConfigurableApplicationContext;

@ParameterizedClass
@EnumSource(CatalogDatabase.class)
class TicketCatalogTest {
    private static final Instant NOW = Instant.parse("2026-02-03T04:05:06.789012Z");

    @TempDir
    private Path temporary;

    private final CatalogDatabase database;
    private String[] properties;
    private ConfigurableApplicationContext service;
    private TicketCatalog catalog;

    TicketCatalogTest(CatalogDatabase database) {
        this.database = database;
    }

    @BeforeEach
    void open() {
        properties = database.newDatabase(temporary);
        start();
    }

    private void start() {
        service = CatalogDatabase.open(properties);
        catalog = service.getBean(TicketCatalog.class);
    }

    @AfterEach
    void close() {
        service.close();
    }

    private static Ticket ticket(String id, TicketRequest request) {
        return new Ticket(new TicketId(id), id + "-digest", new DriveId("root"), request, NOW, NOW, false);
    }

    private static Ticket plain(String id) {
        return ticket(id, new TicketRequest(Set.of(TicketOperation.READ), null, Duration.ofMinutes(5), null, null));
    }

    @Test
    void whatIsSavedIsThereWhenTheServiceStartsAnew() {
        Ticket full = ticket(
                "t2",
                new TicketRequest(
                        Set.of(TicketOperation.READ, TicketOperation.WRITE),
                        1L << 40,
                        Duration.ofSeconds(7),
                        Duration.ofSeconds(3),
                        new TicketChanges(null, "Ünïcode \"snapshot\"", "2")));
        Ticket dirty = ticket(
                "t3",
                new TicketRequest(
                        Set.of(TicketOperation.WRITE),
                        null,
                        Duration.ofDays(30),
                        null,
                        new TicketChanges("nightly", null, null)));
        catalog.save(plain("t1"));
        catalog.save(full);
        catalog.save(dirty);
        service.close();
        start();
        assertThat(catalog.load()).containsExactlyInAnyOrder(plain("t1"), full, dirty);
    }

    @Test
    void aTicketIsThereOnce() {
        catalog.save(plain("t1"));
        Ticket later = new Ticket(
                new TicketId("t1"),
                "t1-digest",
                new DriveId("root"),
                plain("t1").request(),
                NOW,
                NOW.plusSeconds(100),
                true);
        catalog.save(later);
        assertThat(catalog.load()).containsExactly(later);
    }

    @Test
    void whatIsRemovedIsGone() {
        catalog.save(plain("t1"));
        catalog.remove(new TicketId("t1"));
        catalog.remove(new TicketId("t1"));
        assertThat(catalog.load()).isEmpty();
    }
}
