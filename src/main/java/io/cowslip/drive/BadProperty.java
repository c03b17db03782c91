package io.cowslip.drive;

import io.cowslip.engine.ImageException;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.source.InvalidConfigurationPropertyValueException;
import org.springframework.core.env.Environment;

/** Makes refusals of what the configuration asks for into failures that name the property, which Spring Boot explains. */
public record BadProperty(Environment environment) {

    /**
     * The failure to start with.
     *
     * @param prefix of the properties whose last part is an option
     * @param otherwise the option to name where the refusal names none
     */
    public InvalidConfigurationPropertyValueException of(String prefix, String otherwise, Exception refusal) {
        String option = refusal instanceof ImageException image ? image.option() : null;
        String property = prefix + (option == null ? otherwise : option);
        @Nullable String value = environment.getProperty(property);
        var failure = new InvalidConfigurationPropertyValueException(property, value, refusal.getMessage() + ".");
        failure.addSuppressed(refusal);
        return failure;
    }
}
