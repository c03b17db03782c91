package io.cowslip.web.job;

import io.cowslip.drive.registry.DriveRegistry;
import io.cowslip.drive.volume.Volumes;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import tools.jackson.databind.json.JsonMapper;

/** Wires jobs as they are asked for and shown. */
@Configuration(proxyBeanMethods = false)
class JobRequestConfiguration {

    @Bean
    JobJson jobJson(DriveRegistry registry, Volumes volumes, JsonMapper json) {
        return new JobJson(registry, volumes, json);
    }
}
