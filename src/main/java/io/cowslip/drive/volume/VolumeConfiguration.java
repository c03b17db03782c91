package io.cowslip.drive.volume;

import io.cowslip.drive.BadProperty;
import io.cowslip.drive.DriveClaims;
import io.cowslip.drive.DriveProperties;
import io.cowslip.engine.cache.CacheFactory;
import io.cowslip.engine.image.file.ImageEnvironment;
import java.io.IOException;
import java.security.SecureRandom;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Wires the image root and the volumes in it. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(VolumeLimits.class)
class VolumeConfiguration {

    @Bean
    ImageRoot imageRoot(DriveProperties properties, VolumeLimits limits, BadProperty badProperty) {
        try {
            return ImageRoot.at(properties.imageRoot(), properties.references().policy(), limits);
        } catch (IOException e) {
            throw badProperty.of("cowslip.", "image-root", new IOException("it cannot be made or used as a folder", e));
        }
    }

    @Bean
    ImageEnvironment imageEnvironment(ImageRoot root, CacheFactory caches) {
        return new ImageEnvironment(root.files(), root, caches);
    }

    @Bean
    SecretFolder secretFolder(DriveProperties properties) {
        return new SecretFolder(properties.secretsFolder());
    }

    @Bean
    Volumes volumes(ImageRoot root, ImageEnvironment environment, DriveClaims claims, SecretFolder secrets) {
        return new Volumes(root, environment, claims, secrets, new SecureRandom());
    }
}
