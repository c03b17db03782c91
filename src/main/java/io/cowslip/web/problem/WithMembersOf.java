package io.cowslip.web.problem;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The records whose named members stand among this record's own in JSON, for the refusal of an unknown member to list. */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
public @interface WithMembersOf {
    Class<? extends Record>[] value();
}
