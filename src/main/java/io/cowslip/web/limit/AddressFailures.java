package io.cowslip.web.limit;

import io.cowslip.security.AuthenticationFailures;
import io.github.bucket4j.Bucket;
import io.github.bucket4j.EstimationProbe;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Lets each address, of IPv6 each network of 64 bits, fail so often to say who calls. Only those that have failed are
 * remembered; where there are too many of them, further ones share what one has. Any thread.
 */
final class AddressFailures implements AuthenticationFailures {
    private final int perSecond;
    private final int most;
    private final Map<String, Bucket> left = new ConcurrentHashMap<>();
    private final Bucket shared;

    /**
     * @param perSecond failures in the long run; twice as many at once
     * @param most addresses that are told apart
     */
    AddressFailures(int perSecond, int most) {
        this.perSecond = perSecond;
        this.most = most;
        this.shared = newBucket();
    }

    private Bucket newBucket() {
        return CallerBudget.bucket(2L * perSecond, perSecond);
    }

    @Override
    public long retryAfterSeconds(String address) {
        Bucket bucket = left.get(LimitedCaller.network(address));
        if (bucket == null && left.size() < most) {
            return 0;
        }
        EstimationProbe next = (bucket == null ? shared : bucket).estimateAbilityToConsume(1);
        return next.canBeConsumed() ? 0 : CallerBudget.seconds(next.getNanosToWaitForRefill());
    }

    @Override
    public void failed(String address) {
        bucket(LimitedCaller.network(address)).tryConsume(1);
    }

    private Bucket bucket(String network) {
        if (!left.containsKey(network) && left.size() >= most) {
            left.values()
                    .removeIf(bucket ->
                            bucket.estimateAbilityToConsume(2L * perSecond).canBeConsumed());
            if (left.size() >= most) {
                return shared;
            }
        }
        return left.computeIfAbsent(network, newcomer -> newBucket());
    }

    int size() {
        return left.size();
    }
}
