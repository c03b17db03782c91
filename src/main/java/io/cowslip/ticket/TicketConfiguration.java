package io.cowslip.ticket;

import io.cowslip.drive.registry.DriveRegistry;
import java.security.SecureRandom;
import java.time.InstantSource;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Wires tickets. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(TicketProperties.class)
class TicketConfiguration {

    @Bean
    TicketStore ticketStore(ObjectProvider<TicketCatalog> catalogs, TicketProperties properties) {
        return new TicketStore(
                catalogs.getIfAvailable(() -> TicketCatalog.NONE), InstantSource.system(), properties.max());
    }

    @Bean
    Tickets tickets(DriveRegistry registry, TicketStore store) {
        return new Tickets(registry, store, new SecureRandom());
    }

    @Bean
    TicketLifecycle ticketLifecycle(TicketStore store, DriveRegistry registry) {
        return new TicketLifecycle(store, registry);
    }
}
