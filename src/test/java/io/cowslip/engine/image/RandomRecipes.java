package io.cowslip.engine.image;

import io.cowslip.testing.DiskRecipe;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Images of every kind that the engine writes. */
public final class RandomRecipes {
    private static final int[] REFCOUNT_BITS = {1, 2, 4, 8, 16, 32, 64};

    private static final int LEAST_EXTENDED_CLUSTER_BYTES = 16384;

    private RandomRecipes() {}

    public static DiskRecipe recipe(SplittableRandom random) {
        int clusterBytes = clusterBytes(random);
        int version = random.nextInt(4) == 0 ? 2 : 3;
        int refcountBits = version == 2 || random.nextBoolean() ? 16 : REFCOUNT_BITS[random.nextInt(7)];
        DiskRecipe.Compression compression =
                version == 3 && random.nextInt(3) == 0 ? DiskRecipe.Compression.ZSTD : DiskRecipe.Compression.ZLIB;
        int size = sizeBytes(clusterBytes, random);
        int edits = random.nextInt(3) == 0 ? 0 : random.nextInt(12);
        DiskRecipe recipe =
                new DiskRecipe(clusterBytes, version, refcountBits, compression, size, edits, layers(size, random));
        boolean extended = version == 3 && clusterBytes >= LEAST_EXTENDED_CLUSTER_BYTES && random.nextBoolean();
        return extended ? recipe.withExtendedL2() : recipe;
    }

    /** Small clusters more often: they make many tables of a small disk. */
    private static int clusterBytes(SplittableRandom random) {
        return 1 << (random.nextBoolean() ? random.nextInt(9, 13) : random.nextInt(9, 22));
    }

    private static int sizeBytes(int clusterBytes, SplittableRandom random) {
        int most = Math.clamp(40L * clusterBytes, 512 * 1024, 12 << 20);
        return 512 * random.nextInt(1, most / 512 + 1);
    }

    private static List<DiskRecipe.Layer> layers(int size, SplittableRandom random) {
        List<DiskRecipe.Layer> layers = new ArrayList<>();
        int count = Math.max(0, random.nextInt(-1, 4));
        for (int i = 0; i < count; i++) {
            boolean raw = i == 0 && random.nextBoolean();
            int other = 512 * random.nextInt(1, size / 256 + 2);
            int layerSize = random.nextInt(3) == 0 ? size : other;
            layers.add(new DiskRecipe.Layer(raw ? 0 : clusterBytes(random), layerSize, random.nextInt(3) == 0));
        }
        return layers;
    }
}
