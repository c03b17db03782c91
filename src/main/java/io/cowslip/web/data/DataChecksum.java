package io.cowslip.web.data;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.swagger.v3.oas.annotations.media.Schema;

/** A checksum and what it was made with, in the words of imageio. */
@Schema(description = "The digest of the concatenated raw digests of the disk's blocks")
record DataChecksum(
        String checksum,
        String algorithm,
        @JsonProperty("block_size") int blockSize) {}
