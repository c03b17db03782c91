@NullMarked
package io.cowslip.engine.image.encryption;

import org.jspecify.annotations.NullMarked;
