package io.cowslip.engine.image.options;

import io.cowslip.engine.ImageException;
import io.cowslip.engine.format.MetadataKind;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * QEMU's {@code overlap-check}: which metadata is looked out for before anything is written, so that damaged tables do
 * not make a write destroy more.
 *
 * @param template the kinds to start from
 * @param singles kinds that are looked out for or not whatever the template says, by their names in QEMU
 */
public record OverlapCheck(Template template, Map<String, Boolean> singles) {

    /** QEMU's default. */
    public static final OverlapCheck DEFAULT = new OverlapCheck(Template.CACHED, Map.of());

    /** Sets of kinds that have a name; each has all of the one before it. */
    public enum Template {
        NONE(EnumSet.noneOf(MetadataKind.class)),
        CONSTANT(EnumSet.of(
                MetadataKind.MAIN_HEADER,
                MetadataKind.ACTIVE_L1,
                MetadataKind.REFCOUNT_TABLE,
                MetadataKind.SNAPSHOT_TABLE,
                MetadataKind.BITMAP_DIRECTORY)),
        CACHED(EnumSet.complementOf(EnumSet.of(MetadataKind.INACTIVE_L2))),
        ALL(EnumSet.allOf(MetadataKind.class));

        private final EnumSet<MetadataKind> kinds;

        Template(EnumSet<MetadataKind> kinds) {
            this.kinds = kinds;
        }

        /** The name as QEMU spells it. */
        public String wireName() {
            return name().toLowerCase(Locale.ROOT);
        }

        private static Template parse(String option, String name) throws ImageException {
            for (Template template : values()) {
                if (template.wireName().equals(name)) {
                    return template;
                }
            }
            throw ImageException.invalidOption(
                    option,
                    option + " is \"" + name + "\"; it may be "
                            + Arrays.stream(values())
                                    .map(value -> '"' + value.wireName() + '"')
                                    .collect(Collectors.joining(", ")));
        }
    }

    public OverlapCheck {
        singles = Map.copyOf(singles);
    }

    /**
     * From the options as QEMU has them, null where not given.
     *
     * @param option what {@code overlap-check} is called in messages
     * @param named {@code overlap-check}
     * @param template {@code overlap-check.template}
     * @param singles {@code overlap-check.main-header} and so on, by the last part of their names
     * @throws ImageException INVALID_OPTION
     */
    public static OverlapCheck of(
            String option, @Nullable String named, @Nullable String template, Map<String, Boolean> singles)
            throws ImageException {
        Template first = named == null ? null : Template.parse(option, named);
        Template second = template == null ? null : Template.parse(option + ".template", template);
        if (first != null && second != null && first != second) {
            throw ImageException.invalidOption(
                    option,
                    option + " is \"" + named + "\" and " + option + ".template is \"" + template
                            + "\"; they mean the same, so give one of them");
        }
        return new OverlapCheck(Objects.requireNonNullElse(first == null ? second : first, DEFAULT.template), singles);
    }

    /**
     * Single kinds by their names in QEMU, as {@link #of} takes them.
     *
     * @param inOrder one for each kind, in the order of {@link MetadataKind}; null where not given
     */
    public static Map<String, Boolean> singles(@Nullable Boolean... inOrder) {
        MetadataKind[] kinds = MetadataKind.values();
        if (inOrder.length != kinds.length) {
            throw new IllegalArgumentException(inOrder.length + " values for " + kinds.length + " kinds");
        }
        Map<String, Boolean> singles = new HashMap<>();
        for (MetadataKind kind : kinds) {
            Boolean single = inOrder[kind.ordinal()];
            if (single != null) {
                singles.put(kind.wireName(), single);
            }
        }
        return singles;
    }

    /** What is looked out for. */
    public Set<MetadataKind> kinds() {
        EnumSet<MetadataKind> kinds = EnumSet.copyOf(template.kinds);
        for (MetadataKind kind : MetadataKind.values()) {
            Boolean single = singles.get(kind.wireName());
            if (Boolean.TRUE.equals(single)) {
                kinds.add(kind);
            } else if (single != null) {
                kinds.remove(kind);
            }
        }
        return kinds;
    }
}
