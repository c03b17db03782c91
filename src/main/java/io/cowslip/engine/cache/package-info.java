/** The two metadata caches of an open image, their sizes by QEMU's rules, and their counters. */
@NullMarked
package io.cowslip.engine.cache;

import org.jspecify.annotations.NullMarked;
