package io.cowslip.web.job;

import io.cowslip.engine.image.options.ImageOptions;
import io.cowslip.job.JobRequest;
import io.cowslip.web.problem.Refusal;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** A job to be started, as JSON has it. Each type has its form. */
sealed interface NewJob
        permits NewAmendment,
                NewCheck,
                NewCommit,
                NewCompaction,
                NewComparison,
                NewConversion,
                NewImport,
                NewMap,
                NewMeasurement,
                NewRebase,
                NewResize,
                NewScrub {
    Map<String, Class<? extends NewJob>> FORMS = new TreeMap<>(Map.ofEntries(
            Map.entry(NewAmendment.TYPE, NewAmendment.class),
            Map.entry(NewCheck.TYPE, NewCheck.class),
            Map.entry(NewCommit.TYPE, NewCommit.class),
            Map.entry(NewCompaction.TYPE, NewCompaction.class),
            Map.entry(NewComparison.TYPE, NewComparison.class),
            Map.entry(NewConversion.TYPE, NewConversion.class),
            Map.entry(NewImport.TYPE, NewImport.class),
            Map.entry(NewMap.TYPE, NewMap.class),
            Map.entry(NewMeasurement.TYPE, NewMeasurement.class),
            Map.entry(NewRebase.TYPE, NewRebase.class),
            Map.entry(NewResize.TYPE, NewResize.class),
            Map.entry(NewScrub.TYPE, NewScrub.class)));

    /** The form of this {@code type}. */
    static Class<? extends NewJob> form(JsonNode type) {
        Class<? extends NewJob> form = type.isString() ? FORMS.get(type.asString()) : null;
        if (form == null) {
            throw Refusal.ofOption(
                    "type", "type is " + type + "; it may be one of \"" + String.join("\", \"", FORMS.keySet()) + "\"");
        }
        return form;
    }

    /** The volume that a job is to change, which its request must name. */
    static String required(@Nullable String file) {
        if (file == null) {
            throw Refusal.ofOption("file", "file is missing; it names the volume");
        }
        return file;
    }

    /** The job's name; null: one is made up. */
    @Nullable
    String id();

    /** What is asked for, with the options of {@code defaults} where an image is opened and none are given. */
    JobRequest request(ImageOptions defaults);
}
