package io.cowslip.testing;

import java.time.Duration;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** How long tests await what should be so soon; found by JUnit itself. A busy machine may take longer than 10 seconds. */
public final class AwaitingPatience implements BeforeAllCallback {
    /** Less than the minute after which the service gives up on a client: nothing is to be so only because of that. */
    private static final Duration PATIENCE = Duration.ofSeconds(45);

    @Override
    public void beforeAll(ExtensionContext context) {
        Awaitility.setDefaultTimeout(PATIENCE);
    }
}
