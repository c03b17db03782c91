/**
 * Bytes to meaning for the disk images of other hypervisors: pure functions and records over VDI, VHD, VMDK and VHDX. No
 * input or output; every number is held against its limits before anybody reads or allocates by it.
 */
@NullMarked
package io.cowslip.engine.foreign.format;

import org.jspecify.annotations.NullMarked;
