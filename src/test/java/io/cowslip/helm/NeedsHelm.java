package io.cowslip.helm;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The test runs {@code helm}. Where there is none it is disabled by name, with a reason; it fails instead when Helm is
 * required ({@code COWSLIP_REQUIRE_HELM=true}).
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsHelm.Condition.class)
@interface NeedsHelm {

    /** Decides for {@link NeedsHelm}. */
    final class Condition implements ExecutionCondition {
        private static final String MISSING = "helm is neither on the PATH nor in target/helm: run helm/check.sh fetch";

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            return decide(Helm.find().isPresent(), Boolean.parseBoolean(System.getenv("COWSLIP_REQUIRE_HELM")));
        }

        static ConditionEvaluationResult decide(boolean available, boolean required) {
            if (available) {
                return ConditionEvaluationResult.enabled("helm is there");
            }
            if (required) {
                throw new IllegalStateException(MISSING);
            }
            return ConditionEvaluationResult.disabled(MISSING);
        }
    }
}
