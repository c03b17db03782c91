package io.cowslip.web.openapi;

import static io.cowslip.web.problem.ProblemType.NOT_FOUND;

import io.cowslip.web.problem.ProblemType;
import io.cowslip.web.problem.Refusal;
import io.swagger.v3.oas.annotations.Operation;
import io.swagger.v3.oas.annotations.Parameter;
import io.swagger.v3.oas.annotations.responses.ApiResponse;
import io.swagger.v3.oas.annotations.tags.Tag;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RestController;

/** A page for each type of problem: what the {@code type} of a problem links to. */
@RestController
@Tag(name = "problems", description = "What the types of problem mean")
class ProblemController {

    @Operation(operationId = "explainProblem", summary = "Explain a type of problem")
    @ApiResponse(responseCode = "200", description = "A page to read")
    @Fails(NOT_FOUND)
    @GetMapping(path = "/problems/{name}", produces = MediaType.TEXT_HTML_VALUE)
    String page(
            @PathVariable
                    @Parameter(description = "The last part of the problem's type", example = "range-not-satisfiable")
                    String name) {
        return ProblemType.named(name)
                .map(ProblemController::page)
                .orElseThrow(() -> Refusal.of(NOT_FOUND, "there is no type of problem \"" + name + "\""));
    }

    /** All text is the service's own and free of markup. */
    private static String page(ProblemType type) {
        return """
                <!doctype html>
                <html lang="en">
                <meta charset="utf-8">
                <title>%1$s</title>
                <h1>%1$s</h1>
                <p>Status %2$d, type <code>%3$s</code>.</p>
                <p>%4$s</p>
                </html>
                """.formatted(type.title(), type.status().value(), type.uri(), type.explanation());
    }
}
