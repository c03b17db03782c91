@NullMarked
package io.cowslip.drive.registry;

import org.jspecify.annotations.NullMarked;
