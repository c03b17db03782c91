@NullMarked
package io.cowslip.web.json;

import org.jspecify.annotations.NullMarked;
