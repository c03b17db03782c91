package io.cowslip.security;

import io.cowslip.access.Caller;
import io.cowslip.access.Scope;
import org.springframework.security.authentication.AbstractAuthenticationToken;
import org.springframework.security.core.authority.AuthorityUtils;

/** A caller who has been told from others. What they said for that is not kept. */
final class CallerAuthentication extends AbstractAuthenticationToken {
    private static final long serialVersionUID = 1;

    private final transient Caller caller;

    CallerAuthentication(Caller caller) {
        super(AuthorityUtils.createAuthorityList(
                caller.scopes().stream().map(Scope::wireName).toList()));
        this.caller = caller;
        super.setAuthenticated(true);
    }

    Caller caller() {
        return caller;
    }

    @Override
    public String getPrincipal() {
        return caller.name();
    }

    @Override
    public String getCredentials() {
        return "";
    }
}
