package io.cowslip.security;

/** How often those who call from an address have failed to say who they are. Any thread. */
public interface AuthenticationFailures {

    /** Where nobody counts. */
    AuthenticationFailures UNCOUNTED = new AuthenticationFailures() {
        @Override
        public long retryAfterSeconds(String address) {
            return 0;
        }

        @Override
        public void failed(String address) {
            // Nobody counts.
        }
    };

    /** How long until somebody at this address may fail again; 0: now. */
    long retryAfterSeconds(String address);

    /** Somebody at this address has presented a key or token that is not good. */
    void failed(String address);
}
