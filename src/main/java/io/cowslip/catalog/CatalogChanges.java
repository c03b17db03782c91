package io.cowslip.catalog;

import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.HikariPoolMXBean;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.JdbcOperations;
import org.springframework.transaction.TransactionException;
import org.springframework.transaction.support.TransactionOperations;

/**
 * Makes changes of the catalogue: each is one transaction, and durable once made. Any thread.
 *
 * <p>H2 closes a database that it could not write, as on a full disk, and a connection to it is no use from then on: the
 * next statement may go on for ever. So after each failure all connections are given up, and the next one opens the
 * database anew, with all that was durable.
 */
final class CatalogChanges {
    private static final Logger log = LoggerFactory.getLogger(CatalogChanges.class);

    private final TransactionOperations transactions;
    private final JdbcOperations jdbc;
    private final @Nullable HikariDataSource embedded;

    /** @param embedded the connections to the database, if that is H2 */
    CatalogChanges(TransactionOperations transactions, JdbcOperations jdbc, @Nullable HikariDataSource embedded) {
        this.transactions = transactions;
        this.jdbc = jdbc;
        this.embedded = embedded;
    }

    /**
     * Makes one change, which may be made twice: what it does is the same then.
     *
     * @param refusal makes the failure of whoever asked for it, where it cannot be made
     */
    void make(Runnable change, Function<String, RuntimeException> refusal) {
        make(change, embedded != null, refusal);
    }

    /** Makes one change that a crash may take back. */
    void makeSoon(Runnable change, Function<String, RuntimeException> refusal) {
        make(change, false, refusal);
    }

    private void make(Runnable change, boolean sync, Function<String, RuntimeException> refusal) {
        try {
            attempt(change, sync);
        } catch (DataAccessException | TransactionException failure) {
            again(change, sync, refusal, failure);
        }
    }

    private void attempt(Runnable change, boolean sync) {
        transactions.executeWithoutResult(status -> change.run());
        if (sync) {
            // H2 answers a commit before it has written it, and leaves the syncing to the host.
            jdbc.execute("checkpoint sync");
        }
    }

    /** The connection may have been to a database that was closed since, so H2 is asked twice. */
    private void again(Runnable change, boolean sync, Function<String, RuntimeException> refusal, Exception first) {
        try {
            if (embedded == null) {
                throw refused(refusal, first);
            }
            giveUpConnections(embedded);
            attempt(change, sync);
        } catch (DataAccessException | TransactionException failure) {
            giveUpConnections(Objects.requireNonNull(embedded));
            failure.addSuppressed(first);
            throw refused(refusal, failure);
        }
    }

    private static RuntimeException refused(Function<String, RuntimeException> refusal, Exception failure) {
        log.error("The catalogue cannot be written", failure);
        RuntimeException refused = refusal.apply("the catalogue cannot be written; the service's log says why");
        refused.initCause(failure);
        return refused;
    }

    private static void giveUpConnections(HikariDataSource connections) {
        HikariPoolMXBean pool = connections.getHikariPoolMXBean();
        if (pool != null) {
            pool.softEvictConnections();
        }
    }
}
