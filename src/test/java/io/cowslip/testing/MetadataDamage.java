package io.cowslip.testing;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Damages the metadata of a sound image where it hurts: entries lose bits, point at neighbours, between clusters, past
 * the end or nowhere, swap their values; counts go up and down.
 */
public final class MetadataDamage {
    private static final long COPIED = 1L << 63;

    private final byte[] image;
    private final ByteBuffer bytes;
    private final Map<MetadataSites.Kind, List<MetadataSites.Site>> sites;
    private final SplittableRandom random;
    private final List<String> done = new ArrayList<>();

    private MetadataDamage(byte[] sound, SplittableRandom random) {
        this.image = sound.clone();
        this.bytes = ByteBuffer.wrap(image);
        this.sites = MetadataSites.of(sound);
        this.random = random;
    }

    /** A damaged image, and what was done to it. */
    public record Damaged(byte[] image, List<String> damage, List<MetadataSites.Kind> kinds) {}

    /** Does {@code count} damages to a copy of {@code sound}. */
    public static Damaged to(byte[] sound, int count, SplittableRandom random) {
        MetadataDamage damage = new MetadataDamage(sound, random);
        List<MetadataSites.Kind> kinds = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            kinds.add(damage.damageOne());
        }
        return new Damaged(damage.image, damage.done, kinds);
    }

    private MetadataSites.Kind damageOne() {
        List<MetadataSites.Kind> kinds = List.copyOf(sites.keySet());
        MetadataSites.Kind kind = kinds.get(random.nextInt(kinds.size()));
        MetadataSites.Site site = any(kind);
        long before = get(site);
        long after = site.bytes() == 8 ? damagedEntry(site, before) : damagedNumber(site, before);
        set(site, after);
        done.add(kind + " at " + site.offset() + ": 0x" + Long.toHexString(before) + " to 0x"
                + Long.toHexString(get(site)));
        return kind;
    }

    private MetadataSites.Site any(MetadataSites.Kind kind) {
        List<MetadataSites.Site> all = sites.getOrDefault(kind, List.of());
        return all.get(random.nextInt(all.size()));
    }

    private long damagedEntry(MetadataSites.Site site, long before) {
        int clusterBits = bytes.getInt(20);
        return switch (random.nextInt(9)) {
            case 0 -> before ^ COPIED;
            case 1 -> before ^ 1L << random.nextInt(64);
            case 2 -> before ^ 1L << random.nextInt(clusterBits + 6);
            case 3 -> 0;
            case 4 -> before + 512;
            case 5 ->
                (before & COPIED)
                        | (Math.ceilDiv(image.length, 1 << clusterBits) + (long) random.nextInt(3)) << clusterBits;
            case 6 -> COPIED | (long) random.nextInt(image.length >>> clusterBits) << clusterBits;
            case 7 -> get(any(site.kind()));
            default -> before | 1;
        };
    }

    private long damagedNumber(MetadataSites.Site site, long before) {
        return switch (random.nextInt(4)) {
            case 0 -> before + 1;
            case 1 -> before - 1;
            case 2 -> 0;
            default -> before ^ 1L << random.nextInt(8 * site.bytes());
        };
    }

    private long get(MetadataSites.Site site) {
        return switch (site.bytes()) {
            case 1 -> bytes.get(site.offset());
            case 4 -> bytes.getInt(site.offset());
            default -> bytes.getLong(site.offset());
        };
    }

    private void set(MetadataSites.Site site, long value) {
        switch (site.bytes()) {
            case 1 -> bytes.put(site.offset(), (byte) value);
            case 4 -> bytes.putInt(site.offset(), (int) value);
            default -> bytes.putLong(site.offset(), value);
        }
    }
}
