@NullMarked
package io.cowslip.engine.image.scrub;

import org.jspecify.annotations.NullMarked;
