/** What the tests judge the engine by: QEMU's own tools, a model of the guest's disk, and hosts that crash or fail. */
@NullMarked
package io.cowslip.testing;

import org.jspecify.annotations.NullMarked;
