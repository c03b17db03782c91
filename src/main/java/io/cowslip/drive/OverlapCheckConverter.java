package io.cowslip.drive;

import io.cowslip.engine.ImageException;
import org.springframework.core.convert.converter.Converter;

/** Reads {@code overlap-check} where it is a template's name and no group of properties. */
final class OverlapCheckConverter implements Converter<String, OverlapCheckProperties> {

    @Override
    public OverlapCheckProperties convert(String template) {
        try {
            return OverlapCheckProperties.named(template);
        } catch (ImageException refused) {
            throw new IllegalArgumentException(refused.getMessage(), refused);
        }
    }
}
