package io.cowslip.web.data;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.swagger.v3.oas.annotations.media.Schema;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What OPTIONS tells, in the words of imageio. */
@Schema(description = "What can be done with the data, and on how many connections a client should do it")
record DataFeatures(
        List<String> features,
        @JsonProperty("max_readers") int maxReaders,
        @JsonProperty("max_writers") int maxWriters,

        @JsonProperty("unix_socket")
        @Schema(description = "Where the service listens for clients on its own host")
        @Nullable
        String unixSocket) {}
