package io.cowslip.testing;

import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Decides for {@link NeedsQemu}. */
final class QemuCondition implements ExecutionCondition {

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        return decide(QemuTools.available(), required());
    }

    static ConditionEvaluationResult decide(boolean available, boolean required) {
        if (available) {
            return ConditionEvaluationResult.enabled("qemu-img and qemu-io are installed");
        }
        if (required) {
            throw new IllegalStateException("qemu-img or qemu-io is missing and required: install qemu-utils");
        }
        return ConditionEvaluationResult.disabled("qemu-img or qemu-io is missing: install qemu-utils");
    }

    static boolean required() {
        return Boolean.parseBoolean(System.getenv("COWSLIP_REQUIRE_QEMU"))
                || Boolean.getBoolean("cowslip.require-qemu");
    }
}
