package io.cowslip.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The test asks {@code qemu-img} or {@code qemu-io}. Where they are missing it is disabled by name, with a reason; it
 * fails instead when they are required ({@code COWSLIP_REQUIRE_QEMU=true} or {@code -Dcowslip.require-qemu=true}).
 */
@Inherited
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(QemuCondition.class)
public @interface NeedsQemu {}
