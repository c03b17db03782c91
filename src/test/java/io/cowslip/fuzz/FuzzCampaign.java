package io.cowslip.fuzz;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Runs the fuzzer over each target in a process of its own, and ends with a table of what was tried. What it learns stays
 * in {@code target/fuzz/NAME/corpus} for the next run; inputs that broke something are in {@code target/fuzz/NAME/finds},
 * and belong in the test resources once what they broke is mended.
 *
 * <p>Arguments: a pattern of targets' names, the most seconds for each, the most inputs for each (-1: as many as there is
 * time for), and after how many different finds a target ends.
 */
public final class FuzzCampaign {
    private static final Pattern COVERAGE = Pattern.compile(" cov: (\\d+) ");
    private static final Pattern DONE = Pattern.compile("Done (\\d+) runs in (\\d+) second");
    private static final Pattern UNITS = Pattern.compile("stat::number_of_executed_units: (\\d+)");
    /** They watch calls that nothing here makes, but for paths, which are the targets' own. */
    private static final String SANITIZERS = Stream.of(
                    "BigDecimal",
                    "ClojureLangHooks",
                    "Deserialization",
                    "ExpressionLanguageInjection",
                    "FilePathTraversal",
                    "LdapInjection",
                    "NamingContextLookup",
                    "OsCommandInjection",
                    "ReflectiveCall",
                    "RegexInjection",
                    "RegexRoadblocks",
                    "ScriptEngineInjection",
                    "ServerSideRequestForgery",
                    "SqlInjection",
                    "TemplateInjection",
                    "UnsafeSanitizer",
                    "XPathInjection",
                    "XmlParserSsrfGuidance")
            .map(name -> "com.code_intelligence.jazzer.sanitizers." + name)
            .collect(Collectors.joining(":"));

    private static final Path ROOT = Path.of("target", "fuzz");

    private final int seconds;
    private final long runs;
    private final int finds;
    private final List<String> rows = new ArrayList<>();
    private boolean failed;

    private FuzzCampaign(int seconds, long runs, int finds) {
        this.seconds = seconds;
        this.runs = runs;
        this.finds = finds;
    }

    public static void main(String[] arguments) throws Exception {
        Pattern wanted = Pattern.compile(arguments[0]);
        FuzzCampaign campaign = new FuzzCampaign(
                Integer.parseInt(arguments[1]), Long.parseLong(arguments[2]), Integer.parseInt(arguments[3]));
        Path made = Files.createTempDirectory("fuzz-seeds");
        SeedInputs seeds = new SeedInputs(made);
        for (FuzzTargets.Target target : FuzzTargets.ALL) {
            if (wanted.matcher(target.name()).matches()) {
                campaign.fuzz(target, seeds);
            }
        }
        deleteAll(made);
        System.out.printf("%n%-12s %12s %8s %9s %6s%n", "target", "inputs", "seconds", "coverage", "finds");
        campaign.rows.forEach(System.out::println);
        if (campaign.failed) {
            System.exit(1);
        }
    }

    private void fuzz(FuzzTargets.Target target, SeedInputs seeds) throws IOException, InterruptedException {
        Path folder = ROOT.resolve(target.name());
        Path corpus = Files.createDirectories(folder.resolve("corpus"));
        Path found = Files.createDirectories(folder.resolve("finds"));
        if (!Files.exists(corpus.resolve("seed-0"))) {
            int index = 0;
            for (byte[] input : seeds.of(target.name())) {
                Files.write(corpus.resolve("seed-" + index++), input);
            }
        }
        Path log = folder.resolve("log");
        long begun = System.nanoTime();
        int exitCode = new ProcessBuilder(command(target, corpus, found))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start()
                .waitFor();
        report(target.name(), log, found, (System.nanoTime() - begun) / 1_000_000_000, exitCode);
    }

    private List<String> command(FuzzTargets.Target target, Path corpus, Path found) {
        return List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-XX:+EnableDynamicAgentLoading",
                "-XX:+UseSerialGC",
                "-Xmx512m",
                "-XX:MaxDirectMemorySize=128m",
                "-cp",
                System.getProperty("java.class.path"),
                "com.code_intelligence.jazzer.Jazzer",
                "--target_class=" + target.type().getName(),
                "--instrumentation_includes=io.cowslip.**",
                "--disabled_hooks=" + SANITIZERS,
                // Else every class of the platform and of libraries is looked through for calls that are watched.
                "--custom_hook_includes=io.cowslip.**",
                "--keep_going=" + finds,
                "--reproducer_path=" + found,
                "-artifact_prefix=" + found + File.separator,
                "-dict=" + FuzzResources.file("qcow2.dict"),
                "-max_len=" + target.mostBytes(),
                "-max_total_time=" + seconds,
                "-runs=" + runs,
                "-timeout=300",
                "-report_slow_units=60",
                "-rss_limit_mb=0",
                "-print_final_stats=1",
                corpus.toString());
    }

    private void report(String name, Path log, Path found, long elapsedSeconds, int exitCode) throws IOException {
        String inputs = "?";
        String coverage = "?";
        for (String line : Files.readAllLines(log)) {
            Matcher cov = COVERAGE.matcher(line);
            coverage = cov.find() ? cov.group(1) : coverage;
            Matcher done = DONE.matcher(line);
            inputs = done.find() ? done.group(1) : inputs;
            Matcher units = UNITS.matcher(line);
            inputs = units.find() ? units.group(1) : inputs;
        }
        long broke;
        try (Stream<Path> files = Files.list(found)) {
            broke = files.filter(file -> !file.getFileName().toString().endsWith(".java"))
                    .count();
        }
        failed |= exitCode != 0 || broke > 0;
        rows.add(String.format(
                Locale.ROOT,
                "%-12s %12s %8d %9s %6d%s",
                name,
                inputs,
                elapsedSeconds,
                coverage,
                broke,
                exitCode == 0 ? "" : "  exit code " + exitCode + ", see " + log));
        System.out.println(rows.getLast());
    }

    private static void deleteAll(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
