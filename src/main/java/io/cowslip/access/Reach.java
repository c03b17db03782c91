package io.cowslip.access;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which volumes a caller may reach, by their names relative to the image root.
 *
 * @param prefixes each ends with a slash; null: all volumes
 */
public record Reach(@Nullable List<String> prefixes) {

    /** All volumes. */
    public static final Reach EVERYWHERE = new Reach(null);

    /** No volume. */
    public static final Reach NOWHERE = new Reach(List.of());

    public Reach {
        prefixes = prefixes == null ? null : List.copyOf(prefixes);
    }

    /**
     * The volumes in these folders and below them, named relative to the image root; a slash at the end may be left out.
     *
     * @throws IllegalArgumentException naming a folder that no volume could be in
     */
    public static Reach beneath(List<String> folders) {
        return new Reach(folders.stream().map(Reach::prefix).toList());
    }

    private static String prefix(String folder) {
        String name = folder.endsWith("/") ? folder.substring(0, folder.length() - 1) : folder;
        for (String segment : name.split("/", -1)) {
            if (segment.isEmpty() || segment.startsWith(".") || segment.chars().anyMatch(Character::isISOControl)) {
                throw new IllegalArgumentException("\"" + folder
                        + "\" is no folder of volumes; it is relative to the image root, such as tenants/a/, and no segment"
                        + " of it is empty or begins with a dot");
            }
        }
        return name + "/";
    }

    /** Whether all volumes are among them, those that are still to be made as well. */
    public boolean isEverywhere() {
        return prefixes == null;
    }

    /** Whether the volume of this name is among them. */
    public boolean includes(String volume) {
        if (prefixes == null) {
            return true;
        }
        for (String prefix : prefixes) {
            if (volume.startsWith(prefix)) {
                return true;
            }
        }
        return false;
    }

    /** Whether all that the other includes is among them. */
    public boolean covers(Reach other) {
        return prefixes == null
                || (other.prefixes != null && other.prefixes.stream().allMatch(this::includes));
    }

    @Override
    public String toString() {
        return prefixes == null ? "all volumes" : prefixes.isEmpty() ? "no volumes" : String.join(", ", prefixes);
    }
}
