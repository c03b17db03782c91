package io.cowslip.engine.codec;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.format.ImageHeader;
import org.junit.jupiter.api.Test;

/** Encoders told apart. */
class EncoderFingerprintTest {

    private static String fingerprint(int compressionType) {
        try (ClusterCodec codec = ClusterCodec.of(compressionType)) {
            return EncoderFingerprint.of(codec);
        }
    }

    @Test
    void oneEncoderHasOneFingerprint() {
        assertThat(fingerprint(ImageHeader.COMPRESSION_ZSTD))
                .matches("[0-9a-f]{8}")
                .isEqualTo(fingerprint(ImageHeader.COMPRESSION_ZSTD))
                .isNotEqualTo(fingerprint(ImageHeader.COMPRESSION_ZLIB));
        assertThat(fingerprint(ImageHeader.COMPRESSION_ZLIB)).isEqualTo(fingerprint(ImageHeader.COMPRESSION_ZLIB));
    }
}
