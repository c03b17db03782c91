package io.cowslip.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The test runs these programs. Where one is missing it is disabled by name, with a reason; it fails instead when programs
 * are required, as {@link NeedsQemu} has it.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(ClientsCondition.class)
public @interface NeedsClients {
    ClientProgram[] value();
}
