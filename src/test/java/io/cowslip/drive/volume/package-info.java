@NullMarked
package io.cowslip.drive.volume;

import org.jspecify.annotations.NullMarked;
