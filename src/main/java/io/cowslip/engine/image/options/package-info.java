/**
 * What the engine is asked for, with QEMU's names: how an image is opened, created and amended, and how it is encrypted.
 * Each record refuses what can be refused without a look at a file, and names the option.
 */
@NullMarked
package io.cowslip.engine.image.options;

import org.jspecify.annotations.NullMarked;
