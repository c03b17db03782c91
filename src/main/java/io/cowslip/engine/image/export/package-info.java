/**
 * A disk sent as a qcow2 file that is made while it is sent: its layout and size are known before the first byte, and any
 * range of it can be asked for.
 */
@NullMarked
package io.cowslip.engine.image.export;

import org.jspecify.annotations.NullMarked;
