package io.cowslip.drive.upload;

import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.volume.ImageRoot;
import io.cowslip.engine.image.file.ImageEnvironment;
import java.time.InstantSource;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.scheduling.TaskScheduler;

/** Wires uploads. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(UploadProperties.class)
class UploadConfiguration {

    @Bean
    Uploads uploads(ImageRoot root, ImageEnvironment environment, DriveClaims claims, UploadProperties properties) {
        return new Uploads(root, environment, claims, properties, InstantSource.system());
    }

    @Bean
    UploadExpiry uploadExpiry(Uploads uploads, TaskScheduler cacheCleaningScheduler) {
        return new UploadExpiry(uploads, cacheCleaningScheduler);
    }
}
