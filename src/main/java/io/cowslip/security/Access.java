package io.cowslip.security;

import io.cowslip.access.Caller;
import io.cowslip.access.Scope;
import java.util.Set;

/** What an endpoint asks of its callers. */
public sealed interface Access {

    /** Nothing: everybody may. */
    record Everyone() implements Access {}

    /** A ticket in the path, which says all that may be done with it. */
    record Ticket() implements Access {}

    /**
     * One of these scopes. What else depends on the request's body is asked where that is read.
     *
     * @param wholeService whether it is about the whole service, and so not for callers with prefixes
     */
    record AnyOf(Set<Scope> scopes, boolean wholeService) implements Access {
        public AnyOf {
            scopes = Set.copyOf(scopes);
        }
    }

    /** Whether the caller is let in. */
    default boolean admits(Caller caller) {
        return switch (this) {
            case Everyone everyone -> true;
            case Ticket ticket -> true;
            case AnyOf any ->
                (!any.wholeService || caller.reach().isEverywhere())
                        && any.scopes.stream().anyMatch(caller::has);
        };
    }
}
