package io.cowslip.drive;

import java.util.regex.Pattern;
import org.springframework.core.convert.converter.Converter;
import org.springframework.util.unit.DataSize;

/** Reads sizes in the configuration. */
final class ByteSizeConverter implements Converter<Object, ByteSize> {
    private static final Pattern SPRING = Pattern.compile("\\d+[KMGT]?B");

    @Override
    public ByteSize convert(Object text) {
        return new ByteSize(DataSize.parse(text.toString()).toBytes());
    }
}
