@NullMarked
package io.cowslip.drive.work;

import org.jspecify.annotations.NullMarked;
