/**
 * The drives that are open: under which id and options, who may use one right now, how it is opened, reconfigured and
 * closed, which are open again after a restart, and when idle parts of their caches are dropped.
 */
@NullMarked
package io.cowslip.drive.registry;

import org.jspecify.annotations.NullMarked;
