package io.cowslip.engine.foreign.format;

import io.cowslip.engine.ImageException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The text that describes a VMDK image: in a file of its own, or in that of a single sparse extent (Virtual Disk Format
 * 5.0, "The Descriptor File").
 *
 * @param cid the content's identity, which a child remembers
 * @param parentCid that of the parent's content; {@link #NO_PARENT} where there is none
 * @param parentName what the descriptor calls the parent, or null
 * @param createType what kind of image it is
 * @param extents the parts of the disk, in their order
 */
public record VmdkDescriptor(
        long cid, long parentCid, @Nullable String parentName, String createType, List<Extent> extents) {

    /** {@link #parentCid} of an image that stands by itself. */
    public static final long NO_PARENT = 0xffff_ffffL;

    /** More extents than anybody has: a disk of 2 TiB in pieces of 2 GiB. */
    public static final int MAX_EXTENTS = 1024;

    private static final String FIRST_LINE = "# disk descriptorfile";
    private static final long MAX_SECTORS = 1L << 42;

    /** What follows the access, number of sectors and type is a name, and where in that file the extent begins. */
    private static final Pattern EXTENT =
            Pattern.compile("(RW|RDONLY|NOACCESS)\\s+(\\d{1,18})\\s+(\\w+)(?:\\s+\"([^\"]*)\"(?:\\s+(\\d{1,18}))?)?");

    private static final Pattern SETTING = Pattern.compile("([\\w.]+)\\s*=\\s*(.*)");

    /** The types of extents that are read. */
    public enum ExtentType {
        FLAT,
        SPARSE,
        ZERO
    }

    /**
     * A part of the disk.
     *
     * @param lengthBytes what it has of the disk
     * @param fileName the file that has it; null for zeros
     * @param hostOffset where in a flat file it begins
     */
    public record Extent(
            ExtentType type, long lengthBytes, @Nullable String fileName, long hostOffset) {}

    /** Whether a text that begins so is a descriptor. */
    public static boolean isAtStartOf(String text) {
        return text.toLowerCase(Locale.ROOT).startsWith(FIRST_LINE);
    }

    /**
     * Reads the text.
     *
     * @throws ImageException INVALID_FORMAT; UNSUPPORTED_FEATURE for extents of devices and of types that are not read
     */
    public static VmdkDescriptor parse(String text) throws ImageException {
        Map<String, String> settings = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        List<Extent> extents = new ArrayList<>();
        for (String raw : text.lines().toList()) {
            String line = raw.strip();
            Matcher extent = EXTENT.matcher(line);
            Matcher setting = SETTING.matcher(line);
            if (extent.lookingAt()) {
                add(extents, extent, line);
            } else if (setting.matches()) {
                settings.putIfAbsent(setting.group(1), unquoted(setting.group(2)));
            }
        }
        return new VmdkDescriptor(
                contentId("CID", settings.get("CID")),
                settings.containsKey("parentCID") ? contentId("parentCID", settings.get("parentCID")) : NO_PARENT,
                settings.get("parentFileNameHint"),
                settings.getOrDefault("createType", ""),
                List.copyOf(extents));
    }

    private static void add(List<Extent> extents, Matcher found, String line) throws ImageException {
        if (extents.size() == MAX_EXTENTS) {
            throw Fields.unsupported("the descriptor has more than " + MAX_EXTENTS + " extents");
        }
        if (found.end() != line.length()) {
            throw Fields.invalid("the descriptor's line \"" + shown(line) + "\" is no extent's");
        }
        if (found.group(1).equals("NOACCESS")) {
            throw Fields.unsupported("the descriptor has an extent without access: \"" + shown(line) + "\"");
        }
        long lengthBytes = bytes("the extent's size in sectors", found.group(2));
        extents.add(
                switch (found.group(3)) {
                    case "ZERO" -> new Extent(ExtentType.ZERO, lengthBytes, null, 0);
                    case "SPARSE" -> new Extent(ExtentType.SPARSE, lengthBytes, name(found, line), 0);
                    case "FLAT", "VMFS" ->
                        new Extent(ExtentType.FLAT, lengthBytes, name(found, line), hostOffset(found.group(5)));
                    default ->
                        throw Fields.unsupported("the descriptor has an extent of type " + shown(found.group(3))
                                + "; FLAT, VMFS, SPARSE and ZERO are read");
                });
    }

    private static String name(Matcher found, String line) throws ImageException {
        String name = found.group(4);
        if (name == null || name.isEmpty() || name.indexOf('\0') >= 0) {
            throw Fields.invalid("the descriptor's line \"" + shown(line) + "\" names no file");
        }
        return name;
    }

    private static long hostOffset(@Nullable String sectors) throws ImageException {
        return sectors == null ? 0 : bytes("the extent's place in its file, in sectors,", sectors);
    }

    private static long bytes(String field, String digits) throws ImageException {
        long sectors = Long.parseLong(digits);
        if (sectors > MAX_SECTORS) {
            throw Fields.invalid(field, sectors, "at most " + MAX_SECTORS);
        }
        return sectors * Fields.SECTOR_BYTES;
    }

    private static long contentId(String name, @Nullable String digits) throws ImageException {
        if (digits == null || !digits.matches("[0-9a-fA-F]{1,8}")) {
            throw Fields.invalid("the descriptor's " + name + " is " + (digits == null ? "missing" : shown(digits))
                    + "; it must be up to 8 hexadecimal digits");
        }
        return Long.parseLong(digits, 16);
    }

    private static String unquoted(String value) {
        String stripped = value.strip();
        return stripped.length() > 1 && stripped.startsWith("\"") && stripped.endsWith("\"")
                ? stripped.substring(1, stripped.length() - 1)
                : stripped;
    }

    /** A piece of an image's text as a message may repeat it: names of files are the guest's, and need not be long. */
    private static String shown(String text) {
        String plain = text.replaceAll("\\p{Cntrl}|\"[^\"]*\"", "…");
        return plain.length() > 80 ? plain.substring(0, 80) + "…" : plain;
    }

    /** Size of the disk that all extents make. */
    public long virtualSizeBytes() {
        return extents.stream().mapToLong(Extent::lengthBytes).sum();
    }
}
