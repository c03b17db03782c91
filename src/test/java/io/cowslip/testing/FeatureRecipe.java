package io.cowslip.testing;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * How to make an image with QEMU's tools that uses what the format has: subclusters, snapshots, bitmaps, an external data
 * file, compressed and zero clusters, wide and narrow refcounts. For tests of what goes over metadata; what the guest's
 * disk holds is of no interest.
 *
 * @param clusterBytes size of a cluster
 * @param version 2 or 3
 * @param refcountBits width of the refcounts; less than 8 go without snapshots
 * @param extendedL2 whether there are subclusters
 * @param dataFile whether guest data lies in another file; goes without snapshots and compression
 * @param snapshots how many
 * @param bitmaps how many
 * @param sizeBytes size of the disk
 */
public record FeatureRecipe(
        int clusterBytes,
        int version,
        int refcountBits,
        boolean extendedL2,
        boolean dataFile,
        int snapshots,
        int bitmaps,
        int sizeBytes) {

    /** Any recipe that QEMU accepts. */
    public static FeatureRecipe any(SplittableRandom random) {
        boolean version3 = random.nextInt(6) > 0;
        boolean extendedL2 = version3 && random.nextInt(4) == 0;
        boolean dataFile = version3 && random.nextInt(6) == 0;
        int clusterBytes = extendedL2 ? 1 << random.nextInt(14, 17) : 512 << random.nextInt(0, 8);
        int refcountBits = version3 ? 1 << random.nextInt(7) : 16;
        int snapshots = dataFile || refcountBits < 8 ? 0 : random.nextInt(4);
        int bitmaps = version3 ? random.nextInt(3) : 0;
        int sizeBytes = 512 * random.nextInt(1, (int) Math.min(8192L, 300L * clusterBytes / 512));
        return new FeatureRecipe(
                clusterBytes, version3 ? 3 : 2, refcountBits, extendedL2, dataFile, snapshots, bitmaps, sizeBytes);
    }

    /** Makes {@code file}, and beside it what it needs. */
    public Path make(Path file, SplittableRandom random) {
        String options = "cluster_size=" + clusterBytes + ",compat=" + (version == 2 ? "0.10" : "1.1")
                + ",refcount_bits=" + refcountBits + (extendedL2 ? ",extended_l2=on" : "")
                + (dataFile ? ",data_file=" + file.resolveSibling(file.getFileName() + ".data") : "");
        QemuTools.create(file, sizeBytes, options);
        edit(file, true, random);
        for (int i = 0; i < snapshots; i++) {
            QemuTools.img("snapshot", "-c", "snapshot" + i, file.toString()).succeeded();
            edit(file, false, random);
        }
        for (int i = 0; i < bitmaps; i++) {
            String granularity = Integer.toString(512 << random.nextInt(4));
            QemuTools.img("bitmap", "--add", "-g", granularity, file.toString(), "bitmap" + i)
                    .succeeded();
            edit(file, false, random);
        }
        return file;
    }

    private void edit(Path file, boolean first, SplittableRandom random) {
        List<String> commands = new ArrayList<>();
        int clusters = sizeBytes / clusterBytes;
        if (first && !dataFile) {
            random.ints(6, 0, Math.max(1, clusters))
                    .distinct()
                    .filter(cluster -> cluster < clusters)
                    .forEach(cluster -> commands.add("write -c -P " + (cluster & 255) + " "
                            + (long) cluster * clusterBytes + " " + clusterBytes));
        }
        for (int i = 0; i < 5; i++) {
            int length = 512 * random.nextInt(1, Math.max(2, Math.min(sizeBytes, 6 * clusterBytes) / 512));
            int offset = random.nextInt((sizeBytes - length) / 512 + 1) * 512;
            String command = switch (random.nextInt(5)) {
                case 0 -> "write -z";
                case 1 -> "discard";
                default -> "write -P " + random.nextInt(256);
            };
            commands.add(command + " " + offset + " " + length);
        }
        QemuTools.edit(file, commands.toArray(String[]::new));
    }
}
