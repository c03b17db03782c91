package io.cowslip.engine.image;

import io.cowslip.engine.cache.CacheOptions;
import io.cowslip.engine.image.PowerCutWorkload.Step;
import io.cowslip.engine.image.options.EncryptOptions;
import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.engine.image.options.WriteOptions;
import io.cowslip.testing.DiskRecipe;
import io.cowslip.testing.GuestOperations;
import io.cowslip.testing.GuestSession;
import io.cowslip.testing.TestImages;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BiFunction;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link PowerCutWorkload} is made of: a disk, a guest's requests, and what else is done between them.
 *
 * @param requests how many of the guest's there are
 * @param longestClusters what the longest of them covers
 * @param options what the image is opened with
 * @param dirty whether some states are to be repaired by who opens them
 * @param qemuOpensIt whether QEMU can open the image where a state of it is put
 */
record PowerCutPlan(
        DiskRecipe recipe,
        GuestOperations.Mix mix,
        int requests,
        int longestClusters,
        ImageOptions options,
        Course course,
        boolean dirty,
        boolean qemuOpensIt) {
    private static final int ROUNDS = 3;

    /** In which order a plan's requests and its other work come. */
    @FunctionalInterface
    interface Course {
        List<Step> steps(PowerCutPlan plan, GuestSession session, SplittableRandom random);
    }

    /** Requests and nothing else, with the smallest caches: tables are written out and read back all the time. */
    static PowerCutPlan of(DiskRecipe recipe, GuestOperations.Mix mix, int requests, int longestClusters) {
        Course requestsAlone = (plan, session, random) -> plan.requests(session, random, plan.requests);
        return new PowerCutPlan(
                recipe, mix, requests, longestClusters, TestImages.smallestCaches(512), requestsAlone, false, true);
    }

    /** Three times over: a third of the requests, and then something done while the image is closed. */
    PowerCutPlan inRounds(IntFunction<GuestSession.Maintenance> work) {
        return with((plan, session, random) -> {
            List<Step> steps = new ArrayList<>();
            for (int round = 0; round < ROUNDS; round++) {
                GuestSession.Maintenance maintenance = work.apply(round);
                steps.addAll(plan.requests(session, random, plan.requests / ROUNDS));
                steps.add(() -> session.whileClosed(maintenance));
            }
            return steps;
        });
    }

    /** Other work after each {@code every} requests. */
    PowerCutPlan between(int every, BiFunction<GuestSession, SplittableRandom, Step> work) {
        return with((plan, session, random) -> {
            Step step = work.apply(session, random);
            List<Step> steps = new ArrayList<>();
            for (int done = 0; done < plan.requests; done += every) {
                steps.addAll(plan.requests(session, random, every));
                steps.add(step);
            }
            return steps;
        });
    }

    PowerCutPlan compressing() {
        return withWrites(WriteOptions.DEFAULTS.withCompress(true));
    }

    /** With lazy refcounts, which leave images that are to be repaired. */
    PowerCutPlan lazily() {
        return with(options.withLazyRefcounts(true)).marksDirty();
    }

    /** Cold caches, with no dirty slice ever written out early by their size alone. */
    PowerCutPlan withDefaultCaches() {
        return with(TestImages.withCaches(CacheOptions.DEFAULTS, false));
    }

    PowerCutPlan withWrites(WriteOptions writes) {
        return with(options.withWrites(writes));
    }

    PowerCutPlan withEncrypt(@Nullable EncryptOptions encrypt) {
        return with(options.withEncrypt(encrypt));
    }

    PowerCutPlan marksDirty() {
        return new PowerCutPlan(recipe, mix, requests, longestClusters, options, course, true, qemuOpensIt);
    }

    PowerCutPlan withoutQemu() {
        return new PowerCutPlan(recipe, mix, requests, longestClusters, options, course, dirty, false);
    }

    private PowerCutPlan with(ImageOptions other) {
        return new PowerCutPlan(recipe, mix, requests, longestClusters, other, course, dirty, qemuOpensIt);
    }

    private PowerCutPlan with(Course other) {
        return new PowerCutPlan(recipe, mix, requests, longestClusters, options, other, dirty, qemuOpensIt);
    }

    /** What is done one after the other. */
    List<Step> steps(GuestSession session, SplittableRandom random) {
        return course.steps(this, session, random);
    }

    private List<Step> requests(GuestSession session, SplittableRandom random, int count) {
        GuestOperations operations = new GuestOperations(session, random, longestClusters * recipe.clusterBytes());
        return Collections.nCopies(count, () -> operations.run(1, mix));
    }
}
