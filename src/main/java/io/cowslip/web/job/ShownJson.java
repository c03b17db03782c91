package io.cowslip.web.job;

import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.annotation.JsonValue;

/** JSON that was shown before, to be shown again as it is. */
record ShownJson(String text) {

    @JsonValue
    @JsonRawValue
    String shown() {
        return text;
    }
}
