package io.cowslip.web.data;

import io.cowslip.drive.registry.DriveLease;
import io.cowslip.web.json.Query;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import org.springframework.http.CacheControl;
import org.springframework.http.ResponseEntity;

/** GET of the checksum of a disk, or of a part of it. */
final class DataChecksums {
    private static final int DEFAULT_BLOCK_BYTES = 4 << 20;
    private static final int MIN_BLOCK_BYTES = 64 << 10;
    private static final int MAX_BLOCK_BYTES = 64 << 20;

    private final TransferBuffers buffers;

    DataChecksums(TransferBuffers buffers) {
        this.buffers = buffers;
    }

    ResponseEntity<DataChecksum> answer(DriveLease lease, HttpServletRequest request) throws IOException {
        Query query = Query.of(request, "algorithm", "block_size", "start", "length");
        ChecksumAlgorithm algorithm = ChecksumAlgorithm.parse(query.text("algorithm", "blake2b"));
        int block = query.number("block_size", DEFAULT_BLOCK_BYTES, MIN_BLOCK_BYTES, MAX_BLOCK_BYTES);
        String hex =
                new DiskChecksum(lease, DataExtents.window(query, lease.sizeBytes()), algorithm, block, buffers).hex();
        return ResponseEntity.ok()
                .cacheControl(CacheControl.noStore())
                .body(new DataChecksum(hex, algorithm.wireName(), block));
    }
}
