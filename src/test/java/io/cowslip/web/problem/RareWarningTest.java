package io.cowslip.web.problem;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.slf4j.LoggerFactory;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;

@ExtendWith(OutputCaptureExtension.class)
class RareWarningTest {

    @Test
    void oneInAWhileSaysHowManyThereWere(CapturedOutput output) {
        AtomicLong clock = new AtomicLong();
        RareWarning warning = new RareWarning(Duration.ofMinutes(1), clock::get);
        for (int second = 0; second <= 60; second++) {
            warning.warn(LoggerFactory.getLogger(RareWarningTest.class), "write {} failed", second);
            clock.addAndGet(Duration.ofSeconds(1).toNanos());
        }
        assertThat(output.getOut()).contains("write 0 failed\n", "write 60 failed (and 59 more since the last)");
        assertThat(output.getOut().split("failed", -1)).hasSize(3);
    }
}
