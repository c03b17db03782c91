package io.cowslip.job;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * How many jobs there may be.
 *
 * @param running how many run at once
 * @param queued how many may wait besides
 * @param retained how many ended ones are remembered; the oldest are forgotten first
 */
@ConfigurationProperties("cowslip.jobs")
record JobProperties(
        @DefaultValue("2") int running,
        @DefaultValue("100") int queued,
        @DefaultValue("100") int retained) {

    JobProperties {
        require("running", running, 1);
        require("queued", queued, 0);
        require("retained", retained, 1);
    }

    private static void require(String name, int value, int least) {
        if (value < least) {
            throw new IllegalArgumentException(
                    "cowslip.jobs." + name + " is " + value + "; it must be at least " + least);
        }
    }
}
