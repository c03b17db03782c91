package io.cowslip.security;

import java.util.Optional;
import org.springframework.security.authorization.AuthorizationResult;

/**
 * Whether a request is let in.
 *
 * @param rule what the endpoint asks for; empty: there is none for anybody
 */
record RuleDecision(boolean isGranted, Optional<Access> rule) implements AuthorizationResult {}
