@NullMarked
package io.cowslip.drive.upload;

import org.jspecify.annotations.NullMarked;
