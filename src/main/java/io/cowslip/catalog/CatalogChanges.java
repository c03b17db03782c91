package io.cowslip.catalog;

import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.JdbcOperations;
import org.springframework.transaction.TransactionException;
import org.springframework.transaction.support.TransactionOperations;

/** Makes changes of the catalogue: each is one transaction, and durable once made. Any thread. */
final class CatalogChanges {
    private static final Logger log = LoggerFactory.getLogger(CatalogChanges.class);

    private final TransactionOperations transactions;
    private final JdbcOperations jdbc;
    private final boolean embedded;

    /** @param embedded whether the database is H2 */
    CatalogChanges(TransactionOperations transactions, JdbcOperations jdbc, boolean embedded) {
        this.transactions = transactions;
        this.jdbc = jdbc;
        this.embedded = embedded;
    }

    /**
     * Makes one change.
     *
     * @param refusal makes the failure of whoever asked for it, where it cannot be made
     */
    void make(Runnable change, Function<String, RuntimeException> refusal) {
        make(change, embedded, refusal);
    }

    /** Makes one change that a crash may take back. */
    void makeSoon(Runnable change, Function<String, RuntimeException> refusal) {
        make(change, false, refusal);
    }

    private void make(Runnable change, boolean sync, Function<String, RuntimeException> refusal) {
        try {
            transactions.executeWithoutResult(status -> change.run());
            if (sync) {
                // H2 answers a commit before it has written it, and leaves the syncing to the host.
                jdbc.execute("checkpoint sync");
            }
        } catch (DataAccessException | TransactionException failure) {
            log.error("The catalogue cannot be written", failure);
            RuntimeException refused = refusal.apply("the catalogue cannot be written; the service's log says why");
            refused.initCause(failure);
            throw refused;
        }
    }
}
