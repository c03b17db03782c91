package io.cowslip.catalog;

import java.sql.SQLException;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.core.env.Environment;

/** Says in plain words why the catalogue's database cannot be used, and with it the service not be started. */
final class CatalogFailureAnalyzer extends AbstractFailureAnalyzer<SQLException> {
    /** H2's code for a database that another process has open. */
    private static final int ALREADY_OPEN = 90020;

    private final Environment environment;

    CatalogFailureAnalyzer(Environment environment) {
        this.environment = environment;
    }

    @Override
    protected FailureAnalysis analyze(Throwable rootFailure, SQLException cause) {
        return isAlreadyOpen(cause) ? alreadyOpen(rootFailure) : unusable(rootFailure, cause);
    }

    private static boolean isAlreadyOpen(SQLException failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof SQLException sql && sql.getErrorCode() == ALREADY_OPEN) {
                return true;
            }
        }
        return false;
    }

    private FailureAnalysis alreadyOpen(Throwable failure) {
        return new FailureAnalysis(
                "The catalogue in the data folder \"" + environment.getProperty("cowslip.data", "data")
                        + "\" is open in another process, such as a second Cowslip: a data folder is for one service.",
                "End the other process, or give this service a folder of its own by cowslip.data.",
                failure);
    }

    private static FailureAnalysis unusable(Throwable failure, SQLException cause) {
        return new FailureAnalysis(
                "The catalogue's database cannot be used: " + cause.getMessage(),
                "Look at cowslip.data, the folder of the embedded database; or, where another one is configured, at"
                        + " spring.datasource.url, username and password, and whether its server answers.",
                failure);
    }
}
