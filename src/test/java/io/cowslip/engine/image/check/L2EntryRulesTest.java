package io.cowslip.engine.image.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.format.ImageGeometry;
import io.cowslip.engine.format.L2Entry;
import io.cowslip.engine.image.check.L2EntryRules.Type;
import org.junit.jupiter.api.Test;

final class L2EntryRulesTest {
    private static final int CLUSTER_BITS = 16;
    private static final long FILE_BYTES = 1 << 20;

    private final L2EntryRules plain = rules(false, false);
    private final L2EntryRules dataFile = rules(false, true);
    private final L2EntryRules extended = rules(true, false);

    private static L2EntryRules rules(boolean extendedL2, boolean dataFile) {
        ImageGeometry geometry = new ImageGeometry(CLUSTER_BITS, 1 << 30, 4, extendedL2);
        return new L2EntryRules(geometry, 3, dataFile, FILE_BYTES);
    }

    @Test
    void offsetZeroIsAPlaceInADataFileOnly() {
        assertThat(plain.type(L2Entry.COPIED)).isEqualTo(Type.UNALLOCATED);
        assertThat(dataFile.type(L2Entry.COPIED)).isEqualTo(Type.DATA);
        assertThat(dataFile.type(L2Entry.COPIED | L2Entry.ZERO)).isEqualTo(Type.ZERO);
        assertThat(dataFile.type(0)).isEqualTo(Type.UNALLOCATED);
    }

    @Test
    void theZeroFlagMeansNothingBesideSubclusters() {
        assertThat(plain.type(L2Entry.ZERO)).isEqualTo(Type.ZERO);
        assertThat(extended.type(L2Entry.ZERO)).isEqualTo(Type.UNALLOCATED);
        assertThat(extended.faults(0, 1L << 32)).isZero();
        assertThat(extended.faults(0, 1)).isEqualTo(L2EntryRules.SUBCLUSTERS);
        assertThat(extended.faults(1 << CLUSTER_BITS, 1L << 32 | 1)).isEqualTo(L2EntryRules.SUBCLUSTERS);
    }

    /** The last cluster of a file may be cut short. */
    @Test
    void anOffsetIsOutsideWhenNothingOfItsClusterIsInTheFile() {
        assertThat(plain.faults(FILE_BYTES, 0)).isEqualTo(L2EntryRules.OUTSIDE_FILE);
        assertThat(plain.faults(FILE_BYTES - (1 << CLUSTER_BITS), 0)).isZero();
        assertThat(plain.isOutside(FILE_BYTES, 512)).isFalse();
        assertThat(dataFile.faults(1L << 40, 0)).isZero();
    }

    @Test
    void whatIsLostReadsAsZerosAndWhatCanBeKeptIs() {
        assertThat(plain.repaired(512 | L2Entry.COPIED, L2EntryRules.NOT_ALIGNED))
                .isEqualTo(L2Entry.ZERO);
        assertThat(plain.repaired(1 << CLUSTER_BITS | 2, L2EntryRules.RESERVED_BITS))
                .isEqualTo(1 << CLUSTER_BITS);
        assertThat(extended.repaired(512, L2EntryRules.NOT_ALIGNED)).isZero();
        assertThat(extended.repairedBitmap(512, 1, L2EntryRules.NOT_ALIGNED)).isEqualTo(0xFFFF_FFFFL << 32);
        assertThat(extended.repairedBitmap(1 << CLUSTER_BITS, 1L << 32 | 3, L2EntryRules.SUBCLUSTERS))
                .isEqualTo(1L << 32 | 2);
    }
}
