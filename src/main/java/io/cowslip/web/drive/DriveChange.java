package io.cowslip.web.drive;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import io.cowslip.web.json.LayerOptions;
import io.cowslip.web.json.ResizeRequest;
import io.swagger.v3.oas.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * What a change of an open drive may hold: tells the contract, for as a merge patch it is read member by member.
 *
 * @param options the options to change
 * @param resize the disk's other size
 */
@Schema(name = "DriveChange", description = "Options to change, and another size for the disk")
record DriveChange(
        @JsonUnwrapped @Nullable ResizeRequest resize,
        @JsonUnwrapped @Nullable LayerOptions options) {}
