package io.cowslip.drive.work;

import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.registry.DriveOpener;
import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.drive.upload.Uploads;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.engine.image.file.ImageEnvironment;
import java.security.SecureRandom;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Wires what jobs and downloads do. */
@Configuration(proxyBeanMethods = false)
class WorkConfiguration {

    @Bean
    Scrubs scrubs(DiskSources sources, DriveRegistry registry) {
        return new Scrubs(sources, registry);
    }

    @Bean
    ImageChecks imageChecks(ImageRoot root, ImageEnvironment environment, DriveClaims claims, DriveRegistry registry) {
        return new ImageChecks(root, environment, claims, registry);
    }

    @Bean
    DiskSources diskSources(DriveOpener opener, DriveClaims claims, DriveRegistry registry) {
        return new DiskSources(opener, claims, registry);
    }

    @Bean
    Conversions conversions(DriveOpener opener, DriveClaims claims, DiskSources sources) {
        return new Conversions(opener, claims, sources, new SecureRandom());
    }

    @Bean
    Downloads downloads(DiskSources sources, ImageRoot root) {
        return new Downloads(sources, root);
    }

    @Bean
    Imports imports(DriveOpener opener, Uploads uploads, Conversions conversions) {
        return new Imports(opener, uploads, conversions);
    }

    @Bean
    Comparisons comparisons(DiskSources sources) {
        return new Comparisons(sources);
    }

    @Bean
    VolumeChanges volumeChanges(ImageRoot root, ImageEnvironment environment, DriveClaims claims, DiskSources sources) {
        return new VolumeChanges(root, environment, claims, sources);
    }

    @Bean
    Overlays overlays(DriveOpener opener, DriveClaims claims) {
        return new Overlays(opener, claims);
    }

    @Bean
    DiskFacts diskFacts(DiskSources sources) {
        return new DiskFacts(sources);
    }
}
