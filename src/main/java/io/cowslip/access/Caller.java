package io.cowslip.access;

import io.cowslip.access.AccessRefusedException.Reason;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Who calls. The security filters bind the caller of a request to its thread, and jobs take theirs along; what runs
 * without one is the service's own, a request where nobody is asked who they are, or one with a ticket, which says all that
 * it may do.
 *
 * @param name as the audit log has it
 * @param scopes what they may do
 * @param reach the volumes, and drives and jobs with these, that there are for them
 */
public record Caller(String name, Set<Scope> scopes, Reach reach) {

    /** Who calls where nobody is asked who they are, and the service itself. */
    public static final Caller ANYONE = new Caller("anyone", EnumSet.allOf(Scope.class), Reach.EVERYWHERE);

    /** Who comes over the Unix domain socket, whose file says who may. */
    public static final Caller LOCAL = new Caller("unix-socket", EnumSet.allOf(Scope.class), Reach.EVERYWHERE);

    /** Who has not said who they are. */
    public static final Caller NOBODY = new Caller("nobody", EnumSet.noneOf(Scope.class), Reach.NOWHERE);

    private static final ScopedValue<Caller> CURRENT = ScopedValue.newInstance();

    public Caller {
        scopes = Set.copyOf(scopes);
    }

    /** Who this thread works for. */
    public static Caller current() {
        return CURRENT.orElse(ANYONE);
    }

    /** Does this work for this caller. */
    public <T, X extends Throwable> T call(ScopedValue.CallableOp<? extends T, X> work) throws X {
        return ScopedValue.where(CURRENT, this).<T, X>call(work);
    }

    /** Does this work for this caller. */
    public void run(Runnable work) {
        ScopedValue.where(CURRENT, this).run(work);
    }

    /** Whether there is this volume for who this thread works for. */
    public static boolean reaches(String volume) {
        return current().reach().includes(volume);
    }

    /** The same caller, who can reach no more than this. */
    public Caller within(Reach narrower) {
        return new Caller(name, scopes, narrower);
    }

    /** Whether they were given this scope. What volumes it counts for is another question: {@link #reach}. */
    public boolean has(Scope scope) {
        return scopes.contains(scope);
    }

    /** Whether figures of the whole service are for them. */
    public boolean mayMonitor() {
        return reach.isEverywhere() && (has(Scope.MONITOR) || has(Scope.MANAGE));
    }

    /** @throws AccessRefusedException naming the scopes that this caller has not */
    public void require(Set<Scope> wanted) {
        if (!scopes.containsAll(wanted)) {
            String missing = wanted.stream()
                    .filter(scope -> !has(scope))
                    .sorted()
                    .map(Scope::wireName)
                    .collect(Collectors.joining(" "));
            throw new AccessRefusedException(
                    Reason.FORBIDDEN,
                    "this takes the scope " + missing + ", which the caller has not",
                    AccessRefusedException.insufficientScope(missing));
        }
    }
}
