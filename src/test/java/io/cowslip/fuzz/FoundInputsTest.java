package io.cowslip.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import io.cowslip.testing.NeedsQemu;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Inputs that a fuzzer found, and that were once too much, do no harm any more; nor do the sound ones that it begins with. */
final class FoundInputsTest {
    @TempDir
    Path folder;

    static Stream<Arguments> finds() throws IOException {
        List<Arguments> finds = new ArrayList<>();
        for (FuzzTargets.Target target : FuzzTargets.ALL) {
            for (Path input : FuzzResources.finds(target.name())) {
                finds.add(Arguments.of(target.name(), input.getFileName().toString(), input));
            }
        }
        return finds.stream();
    }

    @ParameterizedTest(name = "{0} {1}")
    @MethodSource("finds")
    @Timeout(value = 20, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void doesNoHarm(String target, String name, Path input) throws IOException {
        FuzzTargets.named(target).call().accept(Files.readAllBytes(input));
    }

    @Test
    @NeedsQemu
    void everyTargetStandsWhatItBeginsWith() throws IOException {
        SeedInputs seeds = new SeedInputs(folder);
        for (FuzzTargets.Target target : FuzzTargets.ALL) {
            List<byte[]> inputs = seeds.of(target.name());
            assertThat(inputs).as(target.name()).isNotEmpty();
            inputs.forEach(target.call());
        }
    }
}
