@NullMarked
package io.cowslip.web.upload;

import org.jspecify.annotations.NullMarked;
