package io.cowslip.observe;

import io.cowslip.drive.registry.CacheCleaner;
import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.drive.volume.Volumes;
import io.cowslip.ticket.Tickets;
import io.micrometer.core.instrument.MeterRegistry;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Wires what can be seen from outside. */
@Configuration(proxyBeanMethods = false)
class ObserveConfiguration {

    @Bean
    DriveMeters driveMeters(MeterRegistry registry) {
        return new DriveMeters(registry);
    }

    @Bean
    LimitMeters limitMeters(MeterRegistry registry) {
        return new LimitMeters(registry);
    }

    @Bean
    TicketMeters ticketMeters(Tickets tickets) {
        return new TicketMeters(tickets);
    }

    @Bean
    DriveCachesEndpoint driveCachesEndpoint(DriveRegistry registry, CacheCleaner cleaner) {
        return new DriveCachesEndpoint(registry, cleaner);
    }

    /** The bean's name, less its last word, is the component's name in the health endpoint. */
    @Bean
    ImageRootHealth imageRootHealthIndicator(ImageRoot root) {
        return new ImageRootHealth(root);
    }

    @Bean
    DrivesHealth drivesHealthIndicator(DriveRegistry registry, Volumes volumes) {
        return new DrivesHealth(registry, volumes);
    }
}
