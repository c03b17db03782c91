package io.cowslip.drive.registry;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Delayed;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.springframework.scheduling.TaskScheduler;
import org.springframework.scheduling.Trigger;

/** Keeps what was scheduled at a fixed rate, for a test to run by hand. */
final class HandScheduler implements TaskScheduler {
    private final List<Task> tasks = new ArrayList<>();

    List<Task> all() {
        return List.copyOf(tasks);
    }

    /** What was not cancelled, in the order it was scheduled. */
    List<Task> live() {
        return tasks.stream().filter(task -> !task.isCancelled()).toList();
    }

    @Override
    public ScheduledFuture<?> scheduleAtFixedRate(Runnable work, Instant start, Duration period) {
        Task task = new Task(work, start, period);
        tasks.add(task);
        return task;
    }

    @Override
    public @Nullable ScheduledFuture<?> schedule(Runnable task, Trigger trigger) {
        throw new AssertionError("not by trigger");
    }

    @Override
    public ScheduledFuture<?> schedule(Runnable task, Instant startTime) {
        throw new AssertionError("not once");
    }

    @Override
    public ScheduledFuture<?> scheduleAtFixedRate(Runnable task, Duration period) {
        throw new AssertionError("not at once");
    }

    @Override
    public ScheduledFuture<?> scheduleWithFixedDelay(Runnable task, Instant startTime, Duration delay) {
        throw new AssertionError("not with a delay");
    }

    @Override
    public ScheduledFuture<?> scheduleWithFixedDelay(Runnable task, Duration delay) {
        throw new AssertionError("not with a delay");
    }

    /** One schedule. */
    static final class Task implements ScheduledFuture<Void> {
        private final Runnable work;
        private final Instant start;
        private final Duration period;
        private boolean cancelled;

        Task(Runnable work, Instant start, Duration period) {
            this.work = work;
            this.start = start;
            this.period = period;
        }

        Runnable work() {
            return work;
        }

        Instant start() {
            return start;
        }

        Duration period() {
            return period;
        }

        @Override
        public boolean cancel(boolean mayInterruptIfRunning) {
            cancelled = true;
            return true;
        }

        @Override
        public boolean isCancelled() {
            return cancelled;
        }

        @Override
        public boolean isDone() {
            return cancelled;
        }

        @Override
        public Void get() {
            throw new AssertionError("nobody waits for a schedule");
        }

        @Override
        public Void get(long timeout, TimeUnit unit) {
            throw new AssertionError("nobody waits for a schedule");
        }

        @Override
        public long getDelay(TimeUnit unit) {
            return unit.convert(period);
        }

        @Override
        public int compareTo(Delayed other) {
            return Long.compare(getDelay(TimeUnit.NANOSECONDS), other.getDelay(TimeUnit.NANOSECONDS));
        }
    }
}
