package io.cowslip.testing;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;

/** Decides for {@link NeedsClients}. */
final class ClientsCondition implements ExecutionCondition {

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        List<String> missing =
                AnnotationSupport.findAnnotation(context.getElement(), NeedsClients.class)
                        .map(NeedsClients::value)
                        .stream()
                        .flatMap(Arrays::stream)
                        .filter(program -> !program.isInstalled())
                        .map(ClientProgram::debianPackage)
                        .distinct()
                        .toList();
        return decide(missing, QemuCondition.required());
    }

    static ConditionEvaluationResult decide(List<String> missing, boolean required) {
        if (missing.isEmpty()) {
            return ConditionEvaluationResult.enabled("the programs are installed");
        }
        String install = "programs are missing: install " + String.join(" ", missing);
        if (required) {
            throw new IllegalStateException(install);
        }
        return ConditionEvaluationResult.disabled(install);
    }
}
