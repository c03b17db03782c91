package io.cowslip.web.limit;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** How often an address may present keys and tokens that are not good. */
class AddressFailuresTest {

    private static void fail(AddressFailures failures, String address, int times) {
        for (int time = 0; time < times; time++) {
            failures.failed(address);
        }
    }

    @Test
    void eachAddressHasItsOwn() {
        AddressFailures failures = new AddressFailures(1, 100);
        assertThat(failures.retryAfterSeconds("192.0.2.1")).isZero();
        assertThat(failures.size()).isZero();
        fail(failures, "192.0.2.1", 100);
        assertThat(failures.retryAfterSeconds("192.0.2.1")).isEqualTo(1);
        assertThat(failures.retryAfterSeconds("192.0.2.2")).isZero();
    }

    @Test
    void aNetworkOfIpVersion6IsOneAddress() {
        AddressFailures failures = new AddressFailures(1, 100);
        for (int host = 1; host <= 100; host++) {
            failures.failed("2001:db8:1:2::" + host);
        }
        assertThat(failures.size()).isEqualTo(1);
        assertThat(failures.retryAfterSeconds("2001:db8:1:2:ffff::1")).isEqualTo(1);
        assertThat(failures.retryAfterSeconds("2001:db8:1:3::1")).isZero();
    }

    @Test
    void soManyAddressesAreRemembered() {
        AddressFailures failures = new AddressFailures(1, 3);
        for (int host = 1; host < 200; host++) {
            fail(failures, "192.0.2." + host, 2);
            assertThat(failures.size()).isLessThanOrEqualTo(3);
        }
        // They share what one has, which bounds what all of them cost.
        assertThat(failures.retryAfterSeconds("192.0.2.199")).isEqualTo(1);
    }
}
