package io.cowslip.drive;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.SizeText;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.core.convert.TypeDescriptor;
import org.springframework.core.convert.converter.GenericConverter;
import org.springframework.util.unit.DataSize;

/** Reads sizes in the configuration: text, and numbers, which is what YAML makes of bare digits. */
final class ByteSizeConverter implements GenericConverter {
    private static final Pattern SPRING = Pattern.compile("\\d+[KMGT]?B");

    @Override
    public Set<ConvertiblePair> getConvertibleTypes() {
        return Set.of(
                new ConvertiblePair(String.class, ByteSize.class), new ConvertiblePair(Number.class, ByteSize.class));
    }

    @Override
    public @Nullable Object convert(@Nullable Object source, TypeDescriptor from, TypeDescriptor to) {
        return source == null ? null : new ByteSize(bytes(source.toString().strip()));
    }

    private static long bytes(String text) {
        if (SPRING.matcher(text).matches()) {
            return DataSize.parse(text).toBytes();
        }
        try {
            return SizeText.parse("the size", text);
        } catch (ImageException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
    }
}
