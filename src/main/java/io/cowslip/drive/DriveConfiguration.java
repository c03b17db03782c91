package io.cowslip.drive;

import org.springframework.boot.context.properties.ConfigurationPropertiesBinding;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;

/** Reads the properties of the service layer, and wires what all of it shares. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties({DriveProperties.class, LimitProperties.class})
class DriveConfiguration {

    @Bean
    @ConfigurationPropertiesBinding
    static ByteSizeConverter byteSizeConverter() {
        return new ByteSizeConverter();
    }

    @Bean
    @ConfigurationPropertiesBinding
    static OverlapCheckConverter overlapCheckConverter() {
        return new OverlapCheckConverter();
    }

    @Bean
    static UnknownProperties unknownProperties(Environment environment) {
        return new UnknownProperties(environment);
    }

    @Bean
    BadProperty badProperty(Environment environment) {
        return new BadProperty(environment);
    }

    @Bean
    DriveClaims driveClaims(DriveProperties properties) {
        return new DriveClaims(properties.maxDrives());
    }
}
