package io.cowslip.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.cowslip.access.Caller;
import io.cowslip.access.Reach;
import io.cowslip.access.Scope;
import io.cowslip.security.AccessProperties.ApiKey;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.security.authentication.AuthenticationServiceException;
import org.springframework.security.core.Authentication;
import org.springframework.security.oauth2.server.resource.InvalidBearerTokenException;
import org.springframework.security.oauth2.server.resource.authentication.BearerTokenAuthenticationToken;
import org.springframework.security.web.authentication.WebAuthenticationDetails;

/** What a flood of keys and tokens that are not good costs, and who is kept out by it. */
class BearerAuthenticationTest {
    private static final String ADDRESS = "192.0.2.1";
    private static final String KEY = "a-key-that-somebody-has";
    private static final int MOST = 2;

    private final Set<String> goodTokens = new HashSet<>(Set.of("good.1", "good.2"));
    private int checkedTokens;
    private int failed;
    private boolean issuerAnswers = true;
    private final BearerAuthentication authentication = new BearerAuthentication(
            ApiKeys.of(Map.of(
                    "backup",
                    new ApiKey(List.of(HexFormat.of().formatHex(ApiKeys.sha256(KEY))), Set.of(Scope.READ), null))),
            this::check,
            new AuthenticationFailures() {
                @Override
                public long retryAfterSeconds(String address) {
                    return address.equals(ADDRESS) && failed >= MOST ? 7 : 0;
                }

                @Override
                public void failed(String address) {
                    failed += address.equals(ADDRESS) ? 1 : 0;
                }
            });

    private Authentication check(Authentication presented) {
        checkedTokens++;
        String token = ((BearerTokenAuthenticationToken) presented).getToken();
        if (!issuerAnswers) {
            throw new AuthenticationServiceException("nobody answers");
        }
        if (!goodTokens.contains(token)) {
            throw new InvalidBearerTokenException("not good");
        }
        return new CallerAuthentication(new Caller(token, Set.of(), Reach.EVERYWHERE));
    }

    private String present(String bearer, String address) {
        MockHttpServletRequest request = new MockHttpServletRequest();
        request.setRemoteAddr(address);
        BearerTokenAuthenticationToken presented = new BearerTokenAuthenticationToken(bearer);
        presented.setDetails(new WebAuthenticationDetails(request));
        return authentication.authenticate(presented).getName();
    }

    private void assertRefused(String bearer) {
        assertThatExceptionOfType(InvalidBearerTokenException.class).isThrownBy(() -> present(bearer, ADDRESS));
    }

    private void assertToldToWait(String bearer) {
        assertThatExceptionOfType(TooManyFailuresException.class)
                .isThrownBy(() -> present(bearer, ADDRESS))
                .satisfies(refusal -> assertThat(refusal.retryAfterSeconds()).isEqualTo(7));
    }

    @Test
    void signaturesAreCheckedSoOften() {
        assertRefused("bad.1");
        assertRefused("bad.2");
        for (int more = 3; more < 100; more++) {
            assertToldToWait("bad." + more);
        }
        assertThat(checkedTokens).isEqualTo(2);
        assertThat(failed).isEqualTo(2);
    }

    @Test
    void keysAndTokensFailAlike() {
        assertRefused("no-key");
        assertRefused("bad.1");
        assertToldToWait("no-key");
        assertToldToWait("bad.1");
    }

    @Test
    void goodOnesAtTheSameAddressAreLetIn() {
        assertThat(present("good.1", ADDRESS)).isEqualTo("good.1");
        assertRefused("no-key");
        assertRefused("no-key");
        assertThat(present("good.1", ADDRESS)).isEqualTo("good.1");
        assertThat(present(KEY, ADDRESS)).isEqualTo("backup");
        // Nothing tells this one from those that are made up.
        assertToldToWait("good.2");
        assertThat(present("good.2", "192.0.2.2")).isEqualTo("good.2");
    }

    /** Else one that is good no more would have signatures checked without end. */
    @Test
    void aTokenThatIsGoodNoMoreIsAsAnyOther() {
        present("good.1", ADDRESS);
        assertRefused("no-key");
        assertRefused("no-key");
        goodTokens.clear();
        assertToldToWait("good.1");
        int checked = checkedTokens;
        assertToldToWait("good.1");
        assertThat(checkedTokens).isEqualTo(checked);
    }

    @Test
    void anIssuerThatDoesNotAnswerIsNobodysFault() {
        issuerAnswers = false;
        for (int time = 0; time < 10; time++) {
            assertThatExceptionOfType(AuthenticationServiceException.class)
                    .isThrownBy(() -> present("good.1", ADDRESS));
        }
        assertThat(failed).isZero();
    }

    @Test
    void soManyTokensAreRemembered() {
        KnownTokens known = new KnownTokens(2);
        known.add("1.1");
        known.add("2.2");
        known.add("1.1");
        known.add("3.3");
        assertThat(known.has("1.1")).isTrue();
        assertThat(known.has("2.2")).isFalse();
        assertThat(known.has("3.3")).isTrue();
    }
}
