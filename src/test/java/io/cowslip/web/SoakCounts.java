package io.cowslip.web;

import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;

/** How often each thing was done in a soak. Any thread. */
final class SoakCounts {
    private final ConcurrentSkipListMap<String, LongAdder> counts = new ConcurrentSkipListMap<>();

    void add(String what, long many) {
        counts.computeIfAbsent(what, none -> new LongAdder()).add(many);
    }

    void done(String what) {
        add(what, 1);
    }

    @Override
    public String toString() {
        return counts.entrySet().stream()
                .map(entry -> entry.getKey() + " " + entry.getValue())
                .collect(Collectors.joining(", "));
    }
}
