package io.cowslip.web;

import io.cowslip.engine.image.ImageOptions;
import io.cowslip.job.JobRequest;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** A job to be started, as JSON has it. Each type has its form. */
sealed interface NewJob permits NewCheck, NewComparison, NewConversion, NewImport {
    Map<String, Class<? extends NewJob>> FORMS = new TreeMap<>(Map.of(
            NewCheck.TYPE, NewCheck.class,
            NewComparison.TYPE, NewComparison.class,
            NewConversion.TYPE, NewConversion.class,
            NewImport.TYPE, NewImport.class));

    /** The form of this {@code type}. */
    static Class<? extends NewJob> form(JsonNode type) {
        Class<? extends NewJob> form = type.isString() ? FORMS.get(type.asString()) : null;
        if (form == null) {
            throw Refusal.ofOption(
                    "type", "type is " + type + "; it may be one of \"" + String.join("\", \"", FORMS.keySet()) + "\"");
        }
        return form;
    }

    /** The job's name; null: one is made up. */
    @Nullable
    String id();

    /** What is asked for, with the options of {@code defaults} where an image is opened and none are given. */
    JobRequest request(ImageOptions defaults);
}
