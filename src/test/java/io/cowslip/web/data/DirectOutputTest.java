package io.cowslip.web.data;

import static org.assertj.core.api.Assertions.assertThat;

import jakarta.servlet.http.HttpServletResponseWrapper;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.springframework.mock.web.MockHttpServletResponse;

class DirectOutputTest {

    @Test
    void wrappersAreLeftOut() throws IOException {
        MockHttpServletResponse response = new MockHttpServletResponse();
        HttpServletResponseWrapper wrapped = new HttpServletResponseWrapper(new HttpServletResponseWrapper(response));
        assertThat(DirectOutput.of(wrapped)).isSameAs(response.getOutputStream());
    }
}
