package io.cowslip.web.data;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.engine.image.map.GuestExtent;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.springframework.mock.web.MockHttpServletResponse;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What a reader of JSON makes of the printed text, against the extents themselves. */
class ExtentTextTest {
    private final MockHttpServletResponse response = new MockHttpServletResponse();

    @Test
    void everyNumberIsPrintedInFull() throws IOException {
        List<GuestExtent> extents = new ArrayList<>();
        for (long number = 1; number > 0 && number < Long.MAX_VALUE / 10; number *= 10) {
            extents.add(new GuestExtent(number - 1, number, number % 3 == 0, false));
            extents.add(new GuestExtent(number, number + 1, true, true));
        }
        extents.add(new GuestExtent(Long.MAX_VALUE, Long.MAX_VALUE, true, false));
        ExtentListing.writeArray(new ArrayDeque<>(extents)::poll, response.getOutputStream());
        assertThat(parsed(response.getContentAsString())).isEqualTo(extents);
    }

    @Test
    void piecesJoinWithoutASeam() throws IOException {
        List<GuestExtent> extents = new ArrayList<>();
        for (int index = 0; index < 20_000; index++) {
            extents.add(new GuestExtent(index * 65_536L, 65_536, index % 2 == 0, index % 2 == 0));
        }
        ExtentListing.writeLines(new ArrayDeque<>(extents)::poll, response.getOutputStream());
        String lines = response.getContentAsString();
        assertThat(parsed("[" + lines.strip().replace("\n", ",") + "]")).isEqualTo(extents);
    }

    @Test
    void nothingIsAnEmptyArray() throws IOException {
        ExtentListing.writeArray(() -> null, response.getOutputStream());
        assertThat(response.getContentAsString()).isEqualTo("[]");
    }

    private static List<GuestExtent> parsed(String json) {
        List<GuestExtent> extents = new ArrayList<>();
        for (JsonNode extent : JsonMapper.shared().readTree(json)) {
            extents.add(new GuestExtent(
                    extent.get("start").asLong(),
                    extent.get("length").asLong(),
                    extent.get("zero").asBoolean(),
                    extent.get("hole").asBoolean()));
        }
        return extents;
    }
}
